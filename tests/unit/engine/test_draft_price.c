/* SPDX-License-Identifier: MIT */
/* Pricing over simulated machines: never slower than 0.97 of plain decoding, near the best fixed number of ids where drafts pay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/draft_price.h"

enum { IDS = 1500 };

struct machine { double slope, noise, own_each; float odds, prior; };       /* a step takes 1 + slope * (tokens - 1) */

static double uniform(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(*seed >> 11) * 0x1p-53;
}

static double step_seconds(const struct machine *m, uint32_t n_tokens, uint64_t *seed)
{
    return 1e-3 * (1 + m->slope * (n_tokens - 1)) * (1 + m->noise * (uniform(seed) - 0.5));
}

/* Sequences in one step, each by itself. fixed: so many ids always; -1: as priced. Returns seconds for each id. */
static double run(const struct machine *m, uint32_t n_sequences, int fixed, uint64_t seed)
{
    struct tl_draft_price price = {0};
    struct tl_odds own[8] = {0}, odds = {0};
    struct tl_patience patience = {0};
    double seconds = 0;
    uint32_t given = 0;
    while (given < IDS * n_sequences) {
        struct tl_draft_step step = { .n_sequences = n_sequences, .n_tokens = n_sequences };
        uint32_t drafted[16], all = 0;
        double expected = 0;
        for (uint32_t s = 0; s < n_sequences; s++) {
            float now[TL_DRAFT_MOST];
            tl_odds_read(&own[s], &odds, m->prior, now);
            struct tl_draft_ask ask = { n_sequences, step.n_tokens, expected, m->own_each, now, TL_DRAFT_MOST, false };
            drafted[s] = fixed >= 0 ? (uint32_t)fixed : tl_draft_price_choose(&price, &ask, &patience);
            expected += tl_draft_price_expected(now, drafted[s]);
            step.n_tokens += drafted[s];
            all += drafted[s];
        }
        for (uint32_t s = 0; s < n_sequences; s++) {
            uint32_t kept = 0;
            while (kept < drafted[s] && uniform(&seed) < (double)m->odds)
                kept++;
            tl_odds_note(&own[s], &odds, drafted[s], kept);
            step.n_given += 1 + kept;
        }
        step.seconds = step_seconds(m, step.n_tokens, &seed);
        step.own_seconds = all * m->own_each;
        tl_draft_price_note(&price, &step);
        seconds += step.seconds + step.own_seconds;
        given += step.n_given;
    }
    return seconds / given;
}

static void check(const struct machine *m, uint32_t n_sequences)
{
    double none = run(m, n_sequences, 0, 7), priced = run(m, n_sequences, -1, 7), best = none;
    for (int n = 1; n <= TL_DRAFT_MOST; n++) {
        double fixed = run(m, n_sequences, n, 7);
        best = fixed < best ? fixed : best;
    }
    if (priced > none / 0.97 || priced > best * 1.2)
        fail_msg("slope %g noise %g own %g odds %g prior %g, %u sequences: none %g, best %g, priced %g", m->slope, m->noise, m->own_each,
                 (double)m->odds, (double)m->prior, n_sequences, none * 1e3, best * 1e3, priced * 1e3);
}

static void test_machines(void **state)
{
    static const double slopes[] = { 0, 0.05, 0.3, 1 }, noises[] = { 0, 0.3 }, owns[] = { 0, 3e-4 };
    static const float odds[] = { 0, 0.3f, 0.7f, 0.95f, 1 };
    (void)state;
    for (int i = 0; i < 4 * 2 * 2 * 5 * 2; i++) {
        struct machine m = { slopes[i % 4], noises[i / 4 % 2], owns[i / 8 % 2], odds[i / 16 % 5], i / 80 ? 0.8f : 0.3f };
        check(&m, 1);
        check(&m, 8);
    }
}

/* The text turns: drafts that always held never hold again, and the other way round. */
static void test_turn(void **state)
{
    (void)state;
    for (int good_first = 0; good_first < 2; good_first++) {
        struct machine m = { .slope = 0.2, .prior = 0.5f };
        struct tl_draft_price price = {0};
        struct tl_odds own = {0}, odds = {0};
        struct tl_patience patience = {0};
        double seconds = 0, plain = 0;
        uint64_t seed = 3;
        uint32_t drafted_late = 0, wasted_late = 0;
        for (uint32_t i = 0; i < 6000; i++) {
            bool good = (i < 3000) == good_first;
            float now[TL_DRAFT_MOST];
            tl_odds_read(&own, &odds, m.prior, now);
            struct tl_draft_ask ask = { 1, 1, 0, 0, now, TL_DRAFT_MOST, false };
            uint32_t n = tl_draft_price_choose(&price, &ask, &patience), kept = good ? n : 0;
            struct tl_draft_step step = { 1, 1 + n, 1 + kept, step_seconds(&m, 1 + n, &seed), 0 };
            tl_odds_note(&own, &odds, n, kept);
            tl_draft_price_note(&price, &step);
            seconds += step.seconds;
            plain += (1 + kept) * 1e-3;
            drafted_late += i > 5500 && good ? n > 0 : 0;
            wasted_late += i > 5500 && !good ? n : 0;
        }
        assert_true(seconds < plain / 0.97);
        if (good_first)
            assert_true(wasted_late < 20);
        else
            assert_true(drafted_late > 400);
    }
}

/* A step during which the machine slept does not end drafting. */
static void test_freak(void **state)
{
    (void)state;
    struct tl_draft_price price = {0};
    struct tl_draft_step plain = { 1, 1, 1, 1e-3, 0 }, drafted = { 1, 5, 5, 1.2e-3, 0 }, slept = { 1, 5, 1, 60, 0 };
    for (int i = 0; i < 100; i++)
        tl_draft_price_note(&price, &plain);
    tl_draft_price_note(&price, &drafted);
    tl_draft_price_note(&price, &slept);
    for (int i = 0; i < 20; i++)
        tl_draft_price_note(&price, &plain);
    assert_false(tl_draft_price_blocked(&price, 1));
    assert_true(tl_draft_price_seconds(&price, 5) < 2e-3);
}

static void test_nothing_known(void **state)
{
    (void)state;
    struct tl_draft_price price = {0};
    struct tl_patience patience = {0};
    float odds[TL_DRAFT_MOST] = {1, 1, 1};
    struct tl_draft_ask ask = { 1, 1, 0, 0, odds, 3, false };
    struct tl_draft_step nothing = {0};
    tl_draft_price_note(&price, &nothing);
    assert_int_equal(tl_draft_price_choose(&price, &ask, &patience), 0);
    assert_true(tl_draft_price_seconds(&price, 4) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machines), cmocka_unit_test(test_turn), cmocka_unit_test(test_freak), cmocka_unit_test(test_nothing_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
