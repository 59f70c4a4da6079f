/* SPDX-License-Identifier: MIT */
/* The shortest text of a grammar; of several the one with the smaller bytes. */
#include "base/error.h"
#include "grammar/stacks.h"

int tl_grammar_shortest(const struct tl_grammar *grammar, char **ret_text, size_t *ret_bytes)
{
    struct tl_stacks stacks;
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    tl_buffer_append(&text, "", 0);
    if (tl_stacks_init(&stacks, grammar) >= 0)
        for (uint32_t set = tl_stacks_start(&stacks); stacks.status >= 0 && tl_stacks_best(&stacks, set) >= 0;) {
            char byte = (char)tl_stacks_best(&stacks, set);
            stacks.spent = 0;
            tl_buffer_append(&text, &byte, 1);
            set = tl_stacks_step(&stacks, set, (uint8_t)byte);
            if (tl_stacks_full(&stacks))
                tl_stacks_clear(&stacks, &set, 1);
        }
    int r = stacks.status < 0 ? stacks.status : text.status;
    tl_stacks_done(&stacks);
    if (r < 0) {
        tl_buffer_done(&text);
        return r;
    }
    size_t n;
    *ret_text = tl_buffer_take(&text, &n);
    *ret_bytes = n;
    return 0;
}
