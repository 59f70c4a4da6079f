/* SPDX-License-Identifier: MIT */
/* One window after the other; texts of fewer than two tokens have none. */
#include "engine/windows.h"

static void enter_text(struct tl_windows *w, uint64_t text)
{
    w->text = text;
    if (text < w->n_texts)
        w->at = w->scored_to = w->starts[text];
}

void tl_windows_init(struct tl_windows *windows, const uint64_t *starts, uint64_t n_texts, uint32_t window, uint32_t stride)
{
    *windows = (struct tl_windows){ .starts = starts, .n_texts = n_texts, .window = window, .stride = stride };
    enter_text(windows, 0);
}

bool tl_windows_next(struct tl_windows *w, struct tl_window *ret_window)
{
    while (w->text < w->n_texts) {
        uint64_t end = w->starts[w->text + 1];
        if (end < w->at + 2 || w->scored_to >= end) {
            enter_text(w, w->text + 1);
            continue;
        }
        ret_window->at = w->at;
        ret_window->end = end - w->at < w->window ? end : w->at + w->window;
        ret_window->first = w->scored_to > w->at + 1 ? w->scored_to : w->at + 1;
        w->scored_to = ret_window->end;
        w->at += w->stride;
        return true;
    }
    return false;
}
