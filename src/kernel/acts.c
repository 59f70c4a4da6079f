/* SPDX-License-Identifier: MIT */
/* Which form of activations a format takes, and how much room a chunk of them needs. The layout is in acts.h; each
 * level has its own functions that fill it. */
#include "kernel/acts.h"

enum tl_acts_form tl_acts_form_of(const struct tl_number *number, bool exact)
{
    if (exact || !(number->group || number->part || number->id == TL_NUMBER_BF16))
        return TL_ACTS_F32;
    return number->group ? TL_ACTS_Q8 : TL_ACTS_BF16;
}

uint64_t tl_acts_bytes(enum tl_acts_form form, uint32_t max_tokens, uint32_t cols)
{
    return max_tokens * tl_acts_row_bytes(form, cols);
}
