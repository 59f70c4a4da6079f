/* SPDX-License-Identifier: MIT */
/* The search against the simplest one: the longest match, and the latest of those. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/ngrams.h"

enum { MOST = 400 };

static uint32_t next(uint32_t *seed) { return (*seed = *seed * 1664525u + 1013904223u) >> 8; }

static bool slow(const int32_t *ids, uint32_t n, const int32_t *tail, uint32_t n_tail, struct tl_ngram *best)
{
    *best = (struct tl_ngram){0, 0};
    for (uint32_t at = 1; at < n; at++) {
        uint32_t k = 0;
        while (k < TL_NGRAM_LONGEST && k < at && k < n_tail && ids[at - 1 - k] == tail[n_tail - 1 - k] && ids[at - 1 - k] >= 0)
            k++;
        if (ids[at] >= 0 && k >= TL_NGRAM_LEAST && k >= best->length)
            *best = (struct tl_ngram){at, k};
    }
    return best->length > 0;
}

static void check(uint32_t alphabet, uint32_t seed)
{
    int32_t ids[MOST];
    struct tl_ngrams g;
    assert_int_equal(tl_ngrams_init(&g, MOST), 0);
    for (uint32_t n = 0; n < MOST; n++) {
        uint32_t id = next(&seed) % alphabet;
        ids[n] = id == 0 ? -1 : (int32_t)id;
        tl_ngrams_add(&g, ids, n + 1);
        struct tl_ngram found = {0}, expected;
        bool there = tl_ngrams_find(&g, ids, ids, n + 1, &found);
        bool should = slow(ids, n + 1, ids, n + 1, &expected);
        if (ids[n] < 0)
            should = false;
        assert_int_equal(there, should);
        if (there) {
            assert_int_equal(found.length, expected.length);
            assert_int_equal(found.at, expected.at);
        }
    }
    tl_ngrams_done(&g);
}

static void test_own_text(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed < 30; seed++)
        check(12, seed);
}

static void test_other_text(void **state)
{
    (void)state;
    int32_t text[] = {5, 6, 7, 8, 9, -1, 6, 7, 1}, tail[] = {4, 6, 7};
    struct tl_ngrams g;
    struct tl_ngram found;
    assert_int_equal(tl_ngrams_init(&g, 9), 0);
    tl_ngrams_add(&g, text, 9);
    assert_true(tl_ngrams_find(&g, text, tail, 3, &found));
    assert_int_equal(found.at, 8);                       /* the latest of equal ones */
    tail[0] = 5;
    assert_true(tl_ngrams_find(&g, text, tail, 3, &found));
    assert_int_equal(found.at, 3);
    assert_int_equal(found.length, 3);
    assert_false(tl_ngrams_find(&g, text, tail, 1, &found));
    tl_ngrams_clear(&g);
    assert_false(tl_ngrams_find(&g, text, tail, 3, &found));
    tl_ngrams_add(&g, text, 100);                        /* no more than there is room for */
    assert_int_equal(g.n, 9);
    tl_ngrams_done(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_own_text), cmocka_unit_test(test_other_text) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
