/* SPDX-License-Identifier: MIT */
/* Regular expressions as tokenizer files write them (Oniguruma's Ruby syntax), run by PCRE2 with its JIT.
 * A compiled one is shared by all threads; a scratch belongs to one call and bounds what matching may cost. */
#ifndef TL_TEXT_REGEX_H
#define TL_TEXT_REGEX_H

#include <stddef.h>
#include <stdint.h>

struct tl_regex;

int tl_regex_new(const char *pattern, size_t n_bytes, struct tl_regex **ret_regex);          /* TL_E_FILE: the pattern is wrong */
void tl_regex_free(struct tl_regex *regex);

struct tl_regex_scratch {
    void *match, *limits, *stack;        /* PCRE2's; made at the first use */
    uint64_t deadline_ns, calls;
};
void tl_regex_scratch_init(struct tl_regex_scratch *scratch, size_t text_bytes);     /* the time allowed grows with the text */
void tl_regex_scratch_done(struct tl_regex_scratch *scratch);

/* The first match at or behind `from`; `text` is valid UTF-8 and looked at as a whole. 1: found, 0: none;
 * TL_E_FILE: the expression needs more steps, memory or time than it may. */
int tl_regex_find(const struct tl_regex *regex, struct tl_regex_scratch *scratch, const char *text, size_t n_bytes, size_t from,
                  size_t *ret_start, size_t *ret_end);

#endif
