/* SPDX-License-Identifier: MIT */
/* Cuts texts into the windows that are scored. A window begins every `stride` tokens and never crosses the end of a text;
 * each token is a target once, in the first window that reaches it; the first of a text never is. A window is computed up
 * to the token before its end, which predicts the last one. */
#ifndef TL_ENGINE_WINDOWS_H
#define TL_ENGINE_WINDOWS_H

#include <stdbool.h>
#include <stdint.h>

/* Ids [at, end); targets from `first` on. */
struct tl_window { uint64_t at, end, first; };

/* A cursor, to be copied freely. */
struct tl_windows {
    const uint64_t *starts;              /* [n_texts + 1], the last one is the number of ids */
    uint64_t n_texts;
    uint32_t window, stride;
    uint64_t text, at, scored_to;        /* of the next window */
};

void tl_windows_init(struct tl_windows *windows, const uint64_t *starts, uint64_t n_texts, uint32_t window, uint32_t stride);
bool tl_windows_next(struct tl_windows *windows, struct tl_window *ret_window);

static inline uint32_t tl_window_tokens(const struct tl_window *window) { return (uint32_t)(window->end - window->at - 1); }

#endif
