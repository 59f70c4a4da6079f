/* SPDX-License-Identifier: MIT */
/* Policies: every row of the table keeps what it promises, and none falls off the cliff of a cache smaller than what comes
 * round; the clairvoyant is never beaten; traces survive writing, and damaged ones are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "store/shelf.h"
#include "store/trace.h"
#include "folder.h"

enum { BANKS = 4, EXPERTS = 16, USED = 4, STEPS = 300 };

/* Each step asks for USED of each bank; `skew`: low ones more often. */
static struct tl_accesses make(bool cyclic, bool skew)
{
    struct tl_accesses a = { .n_banks = BANKS, .n_keys = BANKS * EXPERTS, .n_steps = STEPS };
    uint64_t state = 7;
    a.keys = calloc(STEPS * BANKS * USED, sizeof(*a.keys));
    a.ask_at = calloc(STEPS * BANKS + 1, sizeof(*a.ask_at));
    for (uint32_t step = 0; step < STEPS; step++)
        for (uint32_t bank = 0; bank < BANKS; bank++) {
            uint32_t seen = 0;
            for (uint32_t n = 0; n < USED;) {
                state = state * 6364136223846793005u + 1442695040888963407u;
                uint32_t e = cyclic ? n : (uint32_t)(state >> 33) % EXPERTS;
                if (skew && (state >> 60) % 2)
                    e %= USED;
                if (seen >> e & 1)
                    continue;
                seen |= 1u << e;
                a.keys[a.n_accesses++] = bank * EXPERTS + e;
                n++;
            }
            a.ask_at[++a.n_asks] = (uint32_t)a.n_accesses;
        }
    return a;
}

static double hits_of(const struct tl_accesses *a, const struct tl_policy *policy, uint32_t places)
{
    double hits = -1;
    assert_int_equal(tl_replay(a, policy, places, &hits), 0);
    return hits;
}

static void drop(struct tl_accesses *a)
{
    free(a->keys);
    free(a->ask_at);
}

static void test_bound(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct tl_accesses a = make(kind == 0, kind == 2);
        double before = 0;
        for (uint32_t places = 0; places <= BANKS * EXPERTS; places += 4) {
            double best, own = hits_of(&a, NULL, places);
            assert_int_equal(tl_replay_best(&a, places, &best), 0);
            for (uint32_t i = 0; tl_policy_at(i); i++)
                assert_true(hits_of(&a, tl_policy_at(i), places) <= best + 1e-9);
            assert_true(own <= best + 1e-9 && best >= before);
            before = best;
        }
        assert_true(hits_of(&a, NULL, BANKS * EXPERTS) > 0.98);              /* all fit: only the first use misses */
        drop(&a);
    }
}

static void test_cliff(void **state)
{
    (void)state;
    struct tl_accesses a = make(true, false);
    uint32_t set = BANKS * USED;
    assert_true(hits_of(&a, tl_policy_by_name("lru"), set - USED) == 0);     /* the cliff itself */
    for (uint32_t places = 1; places < set; places++)
        assert_true(hits_of(&a, NULL, places) > 0.9 * places / set);
    drop(&a);
}

static void test_skew(void **state)
{
    (void)state;
    struct tl_accesses a = make(false, true);
    double even = (double)USED * BANKS / (BANKS * EXPERTS);
    assert_true(hits_of(&a, NULL, USED * BANKS) > 1.5 * even);               /* the frequent ones are kept */
    drop(&a);
}

static void test_trace(void **state)
{
    (void)state;
    static const uint8_t good[] = { 'T', 'R', 'I', 'L', 'L', 'T', 'R', '1', 2, 0, 0, 0, 8, 0, 0, 0, 200, 0, 0, 0,
                                    0, 2, 1, 7, 1, 1, 0xc8, 1, 0, 1, 3 };
    char path[] = "/tmp/trill-trace-XXXXXX";
    struct tl_accesses a;
    close(mkstemp(path));
    make_file(path, good, sizeof(good));
    assert_int_equal(tl_trace_read(path, &a), 0);
    static const uint32_t keys[] = { 0, 7, 8 + 199, 2 };
    assert_int_equal(a.n_accesses, 4);
    assert_int_equal(a.n_asks, 3);
    assert_int_equal(a.n_steps, 2);
    assert_memory_equal(a.keys, keys, sizeof(keys));
    tl_accesses_done(&a);
    for (size_t n = 0; n < sizeof(good); n++) {                              /* cut anywhere: refused, or between records */
        make_file(path, good, n);
        int status = tl_trace_read(path, &a);
        if (status >= 0)
            tl_accesses_done(&a);
        assert_true(status == TL_E_FILE || n == 20 || n == 24 || n == 28);
    }
    for (size_t i = 0; i < sizeof(good); i++)                                /* any byte damaged: no crash */
        for (int bit = 0; bit < 8; bit++) {
            uint8_t bad[sizeof(good)];
            memcpy(bad, good, sizeof(good));
            bad[i] ^= (uint8_t)(1 << bit);
            make_file(path, bad, sizeof(bad));
            if (tl_trace_read(path, &a) >= 0)
                tl_accesses_done(&a);
        }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound), cmocka_unit_test(test_cliff), cmocka_unit_test(test_skew), cmocka_unit_test(test_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
