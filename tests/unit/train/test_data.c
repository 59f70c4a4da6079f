/* SPDX-License-Identifier: MIT */
/* Windows: every token once a pass, documents apart, nothing predicted across a border, another order in every pass, and
 * the same windows however many are asked for at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "train/data_impl.h"

enum { MOST = 4096 };

/* Document d has ids d * 1000 + 0, 1, 2 ...; of its tokens every fifth is silent where `chat`. */
static struct tl_corpus *make(uint32_t window, const uint32_t *lengths, uint32_t n, uint64_t most, bool chat, double held)
{
    struct tl_corpus *corpus = tl_alloc(1, sizeof(*corpus));
    corpus->window = window;
    for (uint32_t d = 0; d < n; d++) {
        int32_t ids[1000];
        uint8_t silent[1000];
        for (uint32_t i = 0; i < lengths[d]; i++) {
            ids[i] = (int32_t)(d * 1000 + i);
            silent[i] = i % 5 == 2;
        }
        assert_int_equal(tl_corpus_add(corpus, ids, chat && d % 2 ? silent : NULL, lengths[d], most), 0);
    }
    assert_int_equal(tl_corpus_part(corpus, held), 0);
    return corpus;
}

struct windows { int32_t ids[MOST], next[MOST]; uint32_t first[MOST]; uint64_t where[MOST]; };

static void get(const struct tl_corpus *corpus, bool held, uint64_t seed, uint64_t at, uint32_t n, struct windows *w)
{
    assert_true((uint64_t)n * corpus->window <= MOST);
    tl_corpus_windows_at(corpus, held, seed, at, n, w->ids, w->first, w->next, w->where);
}

static const uint32_t lengths[] = {7, 1, 100, 33, 2, 64, 5, 200, 31, 32, 9};
enum { DOCUMENTS = 11, ALL = 484 };

static void test_once_a_pass(void **state)
{
    static const uint32_t windows[] = {2, 3, 16, 32, 100, 500};
    static struct windows w;
    (void)state;
    for (size_t k = 0; k < 6; k++) {
        struct tl_corpus *corpus = make(windows[k], lengths, DOCUMENTS, 1000, false, 0);
        uint64_t n = tl_corpus_windows(corpus, false);
        assert_int_equal(tl_corpus_tokens(corpus, false), ALL);
        assert_int_equal(n, (ALL + windows[k] - 1) / windows[k]);
        for (uint64_t pass = 0; pass < 3; pass++) {
            uint32_t seen[ALL] = { 0 }, predicted[ALL] = { 0 };
            for (uint64_t i = 0; i < n; i++) {
                get(corpus, false, 5, pass * n + i, 1, &w);
                for (uint32_t t = 0; t < windows[k]; t++) {
                    if (w.where[t] == UINT64_MAX) {
                        assert_int_equal(w.next[t], -1);
                        continue;
                    }
                    assert_int_equal(w.ids[t], corpus->ids[w.where[t]]);
                    seen[w.where[t]]++;
                    if (w.next[t] >= 0) {
                        assert_int_equal(w.next[t], w.ids[t] + 1);
                        predicted[w.where[t] + 1]++;
                    }
                    assert_true(w.first[t] <= t);
                    assert_int_equal(w.ids[w.first[t]] / 1000, w.ids[t] / 1000);
                    assert_true(w.first[t] == 0 || w.ids[w.first[t]] % 1000 == 0);
                }
            }
            for (uint32_t i = 0; i < ALL; i++) {
                assert_int_equal(seen[i], 1);
                assert_int_equal(predicted[i], corpus->ids[i] % 1000 != 0);
            }
        }
        tl_corpus_free(corpus);
    }
}

static void test_silence(void **state)
{
    static struct windows w;
    (void)state;
    struct tl_corpus *corpus = make(20, lengths, DOCUMENTS, 1000, true, 0);
    uint32_t loud = 0, expected = 0;
    for (uint32_t d = 0; d < DOCUMENTS; d++)
        for (uint32_t i = 1; i < lengths[d]; i++)
            expected += !(d % 2) || i % 5 != 2;
    for (uint64_t i = 0; i < tl_corpus_windows(corpus, false); i++) {
        get(corpus, false, 1, i, 1, &w);
        for (uint32_t t = 0; t < 20; t++) {
            loud += w.next[t] >= 0;
            if (w.next[t] >= 0)
                assert_false(w.next[t] / 1000 % 2 && w.next[t] % 1000 % 5 == 2);
        }
    }
    assert_int_equal(loud, expected);
    tl_corpus_free(corpus);
}

static void test_order(void **state)
{
    static struct windows a, b;
    (void)state;
    struct tl_corpus *corpus = make(8, lengths, DOCUMENTS, 1000, false, 0);
    uint64_t n = tl_corpus_windows(corpus, false);
    uint32_t moved = 0, other = 0, kept = 0;
    for (uint64_t i = 0; i < n; i++) {
        get(corpus, false, 1, i, 1, &a);
        get(corpus, false, 1, n + i, 1, &b);
        moved += a.where[0] != b.where[0];
        kept += a.where[0] == i * 8;
        get(corpus, false, 2, i, 1, &b);
        other += a.where[0] != b.where[0];
    }
    assert_true(moved > n * 3 / 4 && other > n * 3 / 4 && kept < n / 4);
    tl_corpus_free(corpus);
}

/* From any window on, many together are what each is by itself. */
static void test_any_place(void **state)
{
    static struct windows many, one;
    (void)state;
    struct tl_corpus *corpus = make(16, lengths, DOCUMENTS, 1000, true, 0.2);
    for (int held = 0; held < 2; held++)
        for (uint64_t at = 0; at < 100; at++) {
            get(corpus, held, 9, at, 7, &many);
            for (uint32_t k = 0; k < 7; k++) {
                get(corpus, held, 9, at + k, 1, &one);
                assert_memory_equal(one.ids, many.ids + 16 * k, 16 * sizeof(*one.ids));
                assert_memory_equal(one.next, many.next + 16 * k, 16 * sizeof(*one.next));
                assert_memory_equal(one.first, many.first + 16 * k, 16 * sizeof(*one.first));
                assert_memory_equal(one.where, many.where + 16 * k, 16 * sizeof(*one.where));
            }
        }
    tl_corpus_free(corpus);
}

static void test_pieces(void **state)
{
    static const uint32_t long_one[] = {900};
    (void)state;
    struct tl_corpus *corpus = make(16, long_one, 1, 64, false, 0);
    assert_int_equal(corpus->n_documents, 15);
    for (uint64_t i = 0; i < 15; i++)
        assert_int_equal(corpus->starts[i + 1] - corpus->starts[i], i < 14 ? 64 : 4);
    tl_corpus_free(corpus);
}

/* What is held out depends on the document alone, grows with the share, and is never all or nothing. */
static void test_held_out(void **state)
{
    static const double shares[] = {0.001, 0.1, 0.5, 0.999, 1};
    uint32_t many[200];
    bool before[200] = { false };
    (void)state;
    for (uint32_t i = 0; i < 200; i++)
        many[i] = 3 + i % 50;
    for (size_t k = 0; k < 5; k++) {
        struct tl_corpus *corpus = make(16, many, 200, 1000, false, shares[k]);
        uint64_t n_held = 0;
        for (uint32_t d = 0; d < 200; d++) {
            bool held = tl_corpus_is_held(corpus, d);
            assert_false(before[d] && !held && k < 4);
            n_held += before[d] = held;
        }
        assert_int_equal(n_held, corpus->counts.held_documents);
        assert_true(n_held > 0 && n_held < 200);
        assert_true(shares[k] != 0.5 || (n_held > 70 && n_held < 130));
        assert_int_equal(tl_corpus_tokens(corpus, false) + tl_corpus_tokens(corpus, true), corpus->n_ids);
        tl_corpus_free(corpus);
    }
    struct tl_corpus *one = make(16, many, 1, 1000, false, 0.5);
    assert_int_equal(one->counts.held_documents, 0);
    tl_corpus_free(one);
}

static void test_digest(void **state)
{
    uint8_t a[TL_SHA256_BYTES], b[TL_SHA256_BYTES];
    (void)state;
    struct tl_corpus *corpus = make(16, lengths, DOCUMENTS, 1000, true, 0.2), *again = make(16, lengths, DOCUMENTS, 1000, true, 0.2);
    tl_corpus_digest(corpus, a);
    tl_corpus_digest(again, b);
    assert_memory_equal(a, b, sizeof(a));
    again->ids[100]++;
    tl_corpus_digest(again, b);
    assert_memory_not_equal(a, b, sizeof(a));
    tl_corpus_free(again);
    again = make(16, lengths, DOCUMENTS, 1000, true, 0.5);
    tl_corpus_digest(again, b);
    assert_memory_not_equal(a, b, sizeof(a));
    tl_corpus_free(again);
    tl_corpus_free(corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once_a_pass), cmocka_unit_test(test_silence), cmocka_unit_test(test_order), cmocka_unit_test(test_any_place),
        cmocka_unit_test(test_pieces), cmocka_unit_test(test_held_out), cmocka_unit_test(test_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
