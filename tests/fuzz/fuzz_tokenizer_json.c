/* SPDX-License-Identifier: MIT */
/* tokenizer.json: any bytes build a tokenizer or are refused. */
#include "fuzz_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    return fuzz_tokenizer(tl_tokenizer_new_text, bytes, n_bytes);
}
