/* SPDX-License-Identifier: MIT */
/* tiktoken.model: any bytes build a tokenizer or are refused. Such a file must hold all bytes as tokens, which no mutation
 * would find again, so they are put before the input: its own ranks begin at 256. */
#include "fuzz_tokenizer.h"

#include <stdio.h>

static char bytes_first[256 * 9 + 1];

static int make_ranks(const char *where, const char *file, size_t n_bytes, struct tl_tokenizer **ret_tokenizer)
{
    size_t n_first = strlen(bytes_first);
    char *all = malloc(n_first + n_bytes + 1);
    memcpy(all, bytes_first, n_first);
    if (n_bytes)
        memcpy(all + n_first, file, n_bytes);
    int r = tl_tokenizer_new_ranks(where, all, n_first + n_bytes, ret_tokenizer);
    free(all);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t at = 0;
    for (unsigned byte = 0; byte < 256 && n_bytes; byte++)
        at += (size_t)snprintf(bytes_first + at, sizeof bytes_first - at, "%c%c== %u\n", digits[byte >> 2], digits[(byte & 3) << 4], byte);
    if (n_bytes && bytes[0] == '!')      /* the input alone */
        return fuzz_tokenizer(tl_tokenizer_new_ranks, bytes + 1, n_bytes - 1);
    return fuzz_tokenizer(make_ranks, bytes, n_bytes);
}
