/* SPDX-License-Identifier: MIT */
/* Bytes, no words: a language without blanks repeats itself in the same way. */
#include "compress/judge.h"

#include <stdint.h>
#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/memory.h"

static void trim(const char **at, size_t *n)
{
    while (*n && strchr(" \t\r\n", **at) && **at) {
        ++*at;
        --*n;
    }
    while (*n && (*at)[*n - 1] && strchr(" \t\r\n", (*at)[*n - 1]))
        --*n;
}

bool tl_judge_same(const char *a, size_t n_a, const char *b, size_t n_b)
{
    trim(&a, &n_a);
    trim(&b, &n_b);
    return n_a == n_b && memcmp(a, b, n_a) == 0;
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void take_off_fence(const char **at, size_t *n)
{
    static const char fence[] = "```", word[] = "json";
    if (*n < 6 || memcmp(*at, fence, 3) != 0 || memcmp(*at + *n - 3, fence, 3) != 0)
        return;
    *at += 3;
    *n -= 6;
    if (*n >= 4 && memcmp(*at, word, 4) == 0) {
        *at += 4;
        *n -= 4;
    }
    trim(at, n);
}

bool tl_judge_json(const char *answer, size_t n_bytes)
{
    struct tl_json json;
    trim(&answer, &n_bytes);
    take_off_fence(&answer, &n_bytes);
    tl_json_init(&json, "answer", answer, n_bytes);
    int event = tl_json_next(&json);
    bool whole = event == TL_JSON_OBJECT || event == TL_JSON_ARRAY;
    while (whole && (event = tl_json_next(&json)) > TL_JSON_END)
        ;
    tl_json_done(&json);
    return whole && event == TL_JSON_END;
}

/* --- loops -------------------------------------------------------------------------------------------------------- */

/* Places by the hash of the run that begins there, the first of each; 0: free, else the place + 1. */
int tl_judge_loops(const char *answer, size_t n_bytes)
{
    trim(&answer, &n_bytes);
    if (n_bytes < TL_JUDGE_LEAST || n_bytes > UINT32_MAX / 4)
        return 0;
    size_t runs = n_bytes - TL_JUDGE_RUN + 1, slots = 1, seen = 0, looked = 0;
    while (slots < 2 * runs)
        slots *= 2;
    TL_AUTO uint32_t *slot = tl_alloc(slots, sizeof(*slot));
    if (!slot)
        return -1;
    for (size_t i = 0; i < runs; i++) {
        size_t at = tl_hash_bytes(answer + i, TL_JUDGE_RUN, 0) & (slots - 1);
        while (slot[at] && memcmp(answer + slot[at] - 1, answer + i, TL_JUDGE_RUN) != 0)
            at = (at + 1) & (slots - 1);
        looked += i >= runs / 2;
        seen += i >= runs / 2 && slot[at];
        slot[at] = slot[at] ? slot[at] : (uint32_t)i + 1;
    }
    return 2 * seen > looked;
}

/* --- refusals ----------------------------------------------------------------------------------------------------- */

static const char *const refusals[] = {
#define REFUSAL(phrase) phrase,
#include "compress/refusals.def"
#undef REFUSAL
};

/* Small letters of ASCII, ' for the typographic apostrophe. */
static size_t plain(const char *answer, size_t n_bytes, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < n_bytes && i < TL_JUDGE_HEAD; i++) {
        bool apostrophe = i + 2 < n_bytes && memcmp(answer + i, "\xe2\x80\x99", 3) == 0;
        char c = answer[i];
        out[n++] = apostrophe ? '\'' : c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
        i += apostrophe ? 2 : 0;
    }
    return n;
}

bool tl_judge_refuses(const char *answer, size_t n_bytes)
{
    char head[TL_JUDGE_HEAD];
    trim(&answer, &n_bytes);
    size_t n = plain(answer, n_bytes, head);
    for (size_t i = 0; i < TL_COUNT(refusals); i++)
        if (memmem(head, n, refusals[i], strlen(refusals[i])))
            return true;
    return false;
}
