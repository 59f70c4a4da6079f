/* SPDX-License-Identifier: MIT */
/* Samplers: each step of samplers.def against the plainest code for it, alone and together; edges; the distribution that
 * comes out; and the random numbers against the vectors of Random123. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "text/random.h"
#include "text/sampler.h"
#include "text/sampler_math.h"
#include "text/sampler_select.h"

/* --- random numbers and functions ----------------------------------------------------------------------------------------- */

/* Lines "philox4x32 10" of Random123's kat_vectors. */
static const struct { uint32_t counter[4], key[2], words[4]; } vectors[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static void test_philox(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint32_t words[4];
        tl_random_philox(vectors[i].counter, vectors[i].key, words);
        assert_memory_equal(words, vectors[i].words, sizeof words);
    }
}

static void test_uniform(void **state)
{
    double sum = 0;
    (void)state;
    for (uint64_t i = 0; i < 100000; i++) {
        double u = tl_random_uniform(7, 3, i, 0);
        assert_true(u >= 0 && u < 1 && u * 0x1p53 == floor(u * 0x1p53));
        sum += u;
    }
    assert_true(fabs(sum / 100000 - 0.5) < 0.005);
    /* each argument matters, up to its bounds */
    const uint64_t large[] = {0, 1, UINT64_C(1) << 32, UINT64_C(1) << 47};
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++)
            for (int c = 0; c < 4; c++)
                for (int d = 0; d < 4; d++)
                    if (a != c || b != d)
                        assert_true(tl_random_uniform(1, large[a], large[b], 0) != tl_random_uniform(1, large[c], large[d], 0));
    assert_true(tl_random_uniform(1, 1, 1, 0) != tl_random_uniform(1, 1, 1, 1));
    assert_true(tl_random_uniform(UINT64_C(1) << 63, 1, 1, 0) != tl_random_uniform(0, 1, 1, 0));
}

static void test_functions(void **state)
{
    (void)state;
    for (int i = 0; i <= 2000000; i++) {
        double x = -720.0 * i / 2000000, exact = exp(x);
        if (x >= -708 && fabs(tl_sampler_exp(x) - exact) > 1e-15 * exact)
            fail_msg("exp(%.17g): expected %.17g, found %.17g", x, exact, tl_sampler_exp(x));
        if (x < -708)
            assert_true(tl_sampler_exp(x) == 0);
        double y = ldexp(1 + i / 2000000.0, i % 40), log_y = log(y);
        if (fabs(tl_sampler_log(y) - log_y) > 1e-15 * (log_y > 1 ? log_y : 1))
            fail_msg("log(%.17g): expected %.17g, found %.17g", y, log_y, tl_sampler_log(y));
    }
    assert_true(tl_sampler_exp(0) == 1 && tl_sampler_log(1) == 0 && tl_sampler_exp(-INFINITY) == 0);
    assert_true(fabs(tl_sampler_exp(700) / exp(700) - 1) < 1e-15);
}

/* --- the plain chain -------------------------------------------------------------------------------------------------------- */

enum { MAX = 3000 };

struct plain_id { int id; double logit, key; };
struct plain { int n; struct plain_id at[MAX]; };

static int by_key(const void *a, const void *b)
{
    const struct plain_id *x = a, *y = b;
    return x->key != y->key ? (x->key > y->key ? -1 : 1) : x->id - y->id;
}

static void plain_sort(struct plain *p)
{
    qsort(p->at, (size_t)p->n, sizeof *p->at, by_key);
}

static void plain_sort_by_logit(struct plain *p)
{
    for (int i = 0; i < p->n; i++)
        p->at[i].key = p->at[i].logit;
    plain_sort(p);
}

static double plain_largest(const struct plain *p)
{
    double largest = -INFINITY;
    for (int i = 0; i < p->n; i++)
        largest = p->at[i].logit > largest ? p->at[i].logit : largest;
    return largest;
}

static void plain_weights(const struct plain *p, double temperature, double *ret_weight, double *ret_total)
{
    double largest = plain_largest(p);
    *ret_total = 0;
    for (int i = 0; i < p->n; i++) {
        ret_weight[i] = p->at[i].logit == largest ? 1 : exp((p->at[i].logit - largest) / temperature);
        *ret_total += ret_weight[i];
    }
}

static void plain_typical(struct plain *p, double share)
{
    double weight[MAX], total, entropy = 0, sum = 0;
    plain_weights(p, 1, weight, &total);
    for (int i = 0; i < p->n; i++)
        entropy -= weight[i] > 0 ? weight[i] / total * log(weight[i] / total) : 0;
    for (int i = 0; i < p->n; i++)
        p->at[i].key = -fabs(-log(weight[i] / total) - entropy);
    plain_sort(p);
    plain_weights(p, 1, weight, &total);
    for (int i = 0; i < p->n; i++)
        if ((sum += weight[i] / total) > share)
            p->n = i + 1;
    plain_sort_by_logit(p);
}

static void plain_top_p(struct plain *p, double share)
{
    double weight[MAX], total, sum = 0;
    plain_sort_by_logit(p);
    plain_weights(p, 1, weight, &total);
    for (int i = 0; i < p->n; i++)
        if ((sum += weight[i] / total) >= share)
            p->n = i + 1;
}

static void plain_min_p(struct plain *p, double share)
{
    double weight[MAX], total;
    int kept = 0;
    plain_weights(p, 1, weight, &total);
    for (int i = 0; i < p->n; i++)
        if (weight[i] >= share)
            p->at[kept++] = p->at[i];
    p->n = kept;
}

static void plain_logits(const struct tl_sampling *s, const float *logits, int n, const int32_t *history, size_t n_history, float *to)
{
    memcpy(to, logits, (size_t)n * sizeof *to);
    for (size_t i = 0; i < s->n_bias; i++)
        if (s->bias[i].id >= 0 && s->bias[i].id < n)
            to[s->bias[i].id] += s->bias[i].bias;
    for (int id = 0; id < n; id++) {
        int count = 0;
        for (size_t i = n_history > s->repeat_last ? n_history - s->repeat_last : 0; i < n_history; i++)
            count += history[i] == id;
        if (!count)
            continue;
        to[id] = to[id] > 0 ? to[id] / s->repeat_penalty : to[id] * s->repeat_penalty;
        to[id] -= (float)count * s->frequency_penalty + s->presence_penalty;
    }
}

static int plain_draw(const struct tl_sampling *s, const float *logits, int n, const int32_t *history, size_t n_history, double u)
{
    static struct plain p;
    static float changed[MAX];
    static double weight[MAX];
    double total, sum = 0;
    p.n = 0;
    plain_logits(s, logits, n, history, n_history, changed);
    for (int id = 0; id < n; id++)
        if (changed[id] > -INFINITY)
            p.at[p.n++] = (struct plain_id){id, (double)changed[id], 0};
    if (!p.n)
        return 0;
    if (s->temperature == 0) {
        plain_sort_by_logit(&p);
        return p.at[0].id;
    }
    if (s->top_k) {
        plain_sort_by_logit(&p);
        p.n = (int)s->top_k < p.n ? (int)s->top_k : p.n;
    }
    if (s->typical_p < 1)
        plain_typical(&p, (double)s->typical_p);
    if (s->top_p < 1)
        plain_top_p(&p, (double)s->top_p);
    if (s->min_p > 0)
        plain_min_p(&p, (double)s->min_p);
    plain_weights(&p, (double)s->temperature, weight, &total);
    int id = 0;
    for (int i = 0; i < p.n; i++) {
        if (weight[i] > 0)
            id = p.at[i].id;
        if ((sum += weight[i]) > u * total)
            break;
    }
    return id;
}

/* --- each step, and all together ---------------------------------------------------------------------------------------------- */

static struct tl_sampling off(void)
{
    return (struct tl_sampling){.temperature = 1, .top_p = 1, .typical_p = 1, .repeat_penalty = 1, .seed = 11};
}

static const struct tl_logit_bias biases[] = {{3, 2.5f}, {0, -1}, {5, -INFINITY}, {-1, 4}, {100000, 4}, {3, 0.5f}};

static double unit(uint64_t i)
{
    return tl_random_uniform(99, 1, i, 0);
}

/* One for each row of samplers.def: what makes the step do something. */
static void set_bias(struct tl_sampling *s, uint64_t i) { (void)i; s->bias = biases; s->n_bias = sizeof biases / sizeof *biases; }
static void set_penalties(struct tl_sampling *s, uint64_t i)
{
    s->repeat_last = (uint32_t)(i % 9) * 5;
    s->repeat_penalty = (float)(0.5 + 1.5 * unit(i));
    s->presence_penalty = (float)(2 * unit(i + 1) - 0.5);
    s->frequency_penalty = (float)(unit(i + 2) - 0.3);
}
static void set_top_k(struct tl_sampling *s, uint64_t i) { s->top_k = 1 + (uint32_t)(pow(unit(i), 4) * MAX); }
static void set_typical(struct tl_sampling *s, uint64_t i) { s->typical_p = (float)(0.05 + 0.94 * unit(i)); }
static void set_top_p(struct tl_sampling *s, uint64_t i) { s->top_p = (float)(0.02 + 0.97 * unit(i)); }
static void set_min_p(struct tl_sampling *s, uint64_t i) { s->min_p = (float)unit(i) * 0.5f; }
static void set_temperature(struct tl_sampling *s, uint64_t i) { s->temperature = i % 7 ? (float)(0.05 + 3 * unit(i)) : 0; }

static const struct { const char *name; void (*set)(struct tl_sampling *s, uint64_t i); } setters[] = {
#define SAMPLER(name, active, meaning) {#name, set_##name},
#include "text/samplers.def"
#undef SAMPLER
};
enum { N_STEPS = sizeof setters / sizeof *setters };

/* Logits without ties, or with many; some NaN or infinite. */
static int make_logits(uint64_t i, float *to)
{
    int n = 1 + (int)(pow(unit(i), 3) * (MAX - 1));
    bool ties = i % 3 == 0, holes = i % 4 == 0;
    for (int k = 0; k < n; k++) {
        double u = tl_random_uniform(5, i, (uint64_t)k, 0), v = tl_random_uniform(5, i, (uint64_t)k, 1);
        to[k] = (float)(sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * v) * 3);
        if (ties)
            to[k] = rintf(to[k]);
        if (holes && k % 5 == 1)
            to[k] = k % 2 ? NAN : -INFINITY;
    }
    return n;
}

static void compare(unsigned steps, uint64_t i)
{
    struct tl_sampling s = off();
    struct tl_sampler *sampler;
    static float logits[MAX], before[MAX];
    int32_t history[60];
    int n = make_logits(i, logits);
    for (int k = 0; k < 60; k++)
        history[k] = (int32_t)(unit(i * 60 + (uint64_t)k) * 40) - 1;
    for (unsigned step = 0; step < N_STEPS; step++)
        if (steps >> step & 1)
            setters[step].set(&s, i);
    memcpy(before, logits, sizeof logits);
    assert_int_equal(tl_sampling_check(&s), 0);
    assert_int_equal(tl_sampler_new((uint32_t)n, &sampler), 0);
    for (uint64_t position = 0; position < 4; position++) {
        uint64_t allocations = tl_memory_allocations();
        int found = tl_sampler_draw(sampler, &s, logits, NULL, history, 60, i, position);
        assert_int_equal(tl_memory_allocations(), allocations);
        int expected = plain_draw(&s, logits, n, history, 60, tl_random_uniform(s.seed, i, position, 0));
        if (found != expected)
            fail_msg("steps 0x%x, case %d, %d ids: expected %d, found %d", steps, (int)i, n, expected, found);
    }
    assert_memory_equal(before, logits, (size_t)n * sizeof *logits);
    tl_sampler_free(sampler);
}

static void test_steps(void **state)
{
    (void)state;
    for (unsigned step = 0; step < N_STEPS; step++)
        for (uint64_t i = 0; i < 300; i++)
            compare(1u << step, i);
}

static void test_chains(void **state)
{
    (void)state;
    for (unsigned steps = 0; steps < 1u << N_STEPS; steps++)
        for (uint64_t i = 0; i < 12; i++)
            compare(steps, 1000 + steps + 128 * i);
}

/* --- edges ------------------------------------------------------------------------------------------------------------------ */

static int32_t draw_of(struct tl_sampling s, const float *logits, uint32_t n)
{
    struct tl_sampler *sampler;
    assert_int_equal(tl_sampler_new(n, &sampler), 0);
    int32_t id = tl_sampler_draw(sampler, &s, logits, NULL, NULL, 0, 0, 0);
    tl_sampler_free(sampler);
    return id;
}

static void test_edges(void **state)
{
    struct tl_sampling greedy = off(), usual;
    (void)state;
    greedy.temperature = 0;
    tl_sampling_default(&usual);
    const struct { float logits[6]; int greedy; } cases[] = {
        {{1, 3, 2, 3, 0, 3}, 1}, {{NAN, NAN, NAN, NAN, NAN, NAN}, 0}, {{-INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY}, 0},
        {{NAN, -INFINITY, -1e30f, NAN, -1e30f, -2e30f}, 2}, {{0, INFINITY, 5, INFINITY, NAN, 1}, 1}, {{-3.4028235e38f, NAN, NAN, NAN, NAN, NAN}, 0},
        {{NAN, NAN, NAN, NAN, NAN, -3.4028235e38f}, 5}, {{-0.0f, 0.0f, -1, -1, -1, -1}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int id = draw_of(greedy, cases[i].logits, 6);
        if (id != cases[i].greedy)
            fail_msg("case %zu: expected %d, found %d", i, cases[i].greedy, id);
        for (uint64_t seed = 0; seed < 50; seed++) {
            usual.seed = seed;
            usual.top_k = seed % 2 ? 0 : 3;
            usual.typical_p = seed % 3 ? 1 : 0.5f;
            id = draw_of(usual, cases[i].logits, 6);
            assert_true(id >= 0 && id < 6);
            if (cases[i].logits[cases[i].greedy] > -INFINITY && !(cases[i].logits[id] > -INFINITY))
                fail_msg("case %zu: id %d has no weight", i, id);
        }
    }
    assert_int_equal(draw_of(usual, (const float[]){4}, 1), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int id = draw_of(off(), cases[i].logits, 6);             /* over all ids, without a list */
        if (cases[i].logits[cases[i].greedy] > -INFINITY ? !(cases[i].logits[id] > -INFINITY) : id != 0)
            fail_msg("case %zu: found %d", i, id);
    }
}

/* A banned id never comes, and neither does one that is far below the likeliest. */
static void test_banned(void **state)
{
    const struct tl_logit_bias ban = {1, -INFINITY};
    struct tl_sampling s = off();
    (void)state;
    s.bias = &ban;
    s.n_bias = 1;
    for (s.seed = 0; s.seed < 2000; s.seed++)
        assert_int_equal(draw_of(s, (const float[]){-900, 50, 0, -900}, 4), 2);
}

static void test_check(void **state)
{
    struct tl_sampling s;
    (void)state;
    tl_sampling_default(&s);
    assert_int_equal(tl_sampling_check(&s), 0);
    assert_true(s.top_k == 40 && s.temperature == 0.8f && s.top_p == 0.95f && s.min_p == 0.05f);
    const struct { size_t offset; float value; const char *name; } wrong[] = {
        {offsetof(struct tl_sampling, temperature), -1, "temperature"}, {offsetof(struct tl_sampling, temperature), NAN, "temperature"},
        {offsetof(struct tl_sampling, temperature), INFINITY, "temperature"}, {offsetof(struct tl_sampling, top_p), 0, "top_p"},
        {offsetof(struct tl_sampling, top_p), 1.1f, "top_p"}, {offsetof(struct tl_sampling, min_p), -0.1f, "min_p"},
        {offsetof(struct tl_sampling, typical_p), 2, "typical_p"}, {offsetof(struct tl_sampling, repeat_penalty), 0, "repeat_penalty"},
        {offsetof(struct tl_sampling, presence_penalty), NAN, "presence_penalty"},
        {offsetof(struct tl_sampling, frequency_penalty), -INFINITY, "frequency_penalty"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tl_sampling_default(&s);
        memcpy((char *)&s + wrong[i].offset, &wrong[i].value, sizeof wrong[i].value);
        assert_int_equal(tl_sampling_check(&s), TL_E_USAGE);
        assert_non_null(strstr(tl_error_text(), wrong[i].name));
    }
    tl_sampling_default(&s);
    s.n_bias = 1;
    assert_int_equal(tl_sampling_check(&s), TL_E_USAGE);
    s.bias = &(struct tl_logit_bias){1, NAN};
    assert_int_equal(tl_sampling_check(&s), TL_E_USAGE);
}

static void test_new(void **state)
{
    struct tl_sampler *sampler = NULL;
    (void)state;
    assert_int_equal(tl_sampler_new(0, &sampler), TL_E_USAGE);
    assert_int_equal(tl_sampler_new(UINT32_MAX, &sampler), TL_E_USAGE);
    for (long n = 0; n < 4; n++) {
        tl_memory_fail_after(n);
        assert_int_equal(tl_sampler_new(100, &sampler), TL_E_NOMEM);
        tl_memory_fail_after(-1);
        assert_null(sampler);
    }
    assert_true(tl_sampler_bytes(1000) >= 1000 * 24 && tl_sampler_bytes(UINT32_MAX) > UINT32_MAX);
    tl_sampler_free(NULL);
}

/* --- large vocabularies ------------------------------------------------------------------------------------------------------- */

enum { LARGE = 262144 + 13 };

static int descending(const void *a, const void *b)
{
    const struct tl_candidate *x = a, *y = b;
    return x->order != y->order ? (x->order > y->order ? -1 : 1) : x->id - y->id;
}

static void test_select(void **state)
{
    float *logits = tl_alloc(LARGE, sizeof *logits);
    struct tl_candidate *all = tl_alloc(LARGE, sizeof *all), *some = tl_alloc(LARGE, sizeof *some);
    const size_t ks[] = {1, 2, 40, 1000, 32768, 200000, LARGE};
    (void)state;
    for (int shape = 0; shape < 6; shape++) {
        for (uint32_t i = 0; i < LARGE; i++) {
            double u = tl_random_uniform(3, 0, i, 0);
            logits[i] = shape == 0 ? (float)u : shape == 1 ? (float)i : shape == 2 ? -(float)i : shape == 3 ? 1
                      : shape == 4 ? (float)(i % 1000) : i % 2 ? (float)i : -(float)i;
            all[i] = (struct tl_candidate){(double)logits[i], (int32_t)i, logits[i]};
        }
        qsort(all, LARGE, sizeof *all, descending);
        for (size_t k = 0; k < sizeof ks / sizeof *ks; k++) {
            assert_int_equal(tl_sampler_select_top(logits, LARGE, ks[k], some), ks[k]);
            assert_memory_equal(some, all, ks[k] * sizeof *all);
        }
    }
    tl_free(logits);
    tl_free(all);
    tl_free(some);
}

/* --- the distribution --------------------------------------------------------------------------------------------------------- */

/* 200,000 draws: Pearson's chi-squared below its 99.9 % quantile; the seed is fixed, so this cannot change by chance. */
static void test_distribution(void **state)
{
    enum { N = 12, DRAWS = 200000 };
    struct tl_sampling s = off();
    struct tl_sampler *sampler;
    float logits[N];
    double exact[N], total = 0, chi = 0;
    int count[N] = {0};
    (void)state;
    s.temperature = 0.7f;
    for (int i = 0; i < N; i++) {
        logits[i] = (float)(i * 7 % 12) * 0.25f;
        total += exact[i] = exp((double)logits[i] / (double)s.temperature);
    }
    assert_int_equal(tl_sampler_new(N, &sampler), 0);
    for (uint64_t position = 0; position < DRAWS; position++)
        count[tl_sampler_draw(sampler, &s, logits, NULL, NULL, 0, position % 3, position)]++;
    for (int i = 0; i < N; i++)
        chi += pow(count[i] - DRAWS * exact[i] / total, 2) / (DRAWS * exact[i] / total);
    if (chi > 31.26)                                     /* 11 degrees of freedom */
        fail_msg("chi-squared %.2f", chi);
    tl_sampler_free(sampler);
}

/* What was drawn before does not matter. */
static void test_no_state(void **state)
{
    struct tl_sampling s = off();
    struct tl_sampler *one, *other;
    float logits[MAX];
    int n = make_logits(1, logits);
    const int32_t history[] = {1, 2, 2, 3, 1};
    (void)state;
    s.repeat_last = 4;
    s.frequency_penalty = 0.5f;
    s.top_p = 0.9f;
    assert_int_equal(tl_sampler_new((uint32_t)n, &one), 0);
    assert_int_equal(tl_sampler_new((uint32_t)n, &other), 0);
    for (uint64_t i = 0; i < 200; i++) {
        uint64_t position = i * 37 % 200;
        tl_sampler_draw(other, &s, logits, NULL, history, i % 6, 9, i);
        assert_int_equal(tl_sampler_draw(one, &s, logits, NULL, history, 5, 2, position), tl_sampler_draw(other, &s, logits, NULL, history, 5, 2, position));
    }
    tl_sampler_free(one);
    tl_sampler_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox), cmocka_unit_test(test_uniform), cmocka_unit_test(test_functions), cmocka_unit_test(test_steps),
        cmocka_unit_test(test_chains), cmocka_unit_test(test_edges), cmocka_unit_test(test_banned), cmocka_unit_test(test_check),
        cmocka_unit_test(test_new), cmocka_unit_test(test_select), cmocka_unit_test(test_distribution), cmocka_unit_test(test_no_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
