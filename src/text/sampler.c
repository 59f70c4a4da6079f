/* SPDX-License-Identifier: MIT */
/* The chain of samplers.def over the candidates of one draw. Probabilities are doubles from an exp of our own, sums run in
 * the order of the candidates, and ties go to the lower id: one answer on every machine. A draw allocates nothing. */
#include "text/sampler.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

struct candidate { float logit; int32_t id; double weight; };

struct tl_sampler {
    uint32_t n_vocab, n;                 /* candidates left */
    bool sorted;                         /* best first */
    struct candidate *candidate;
    uint32_t *count;                     /* [n_vocab] occurrences in the window; zero between draws */
};

/* What a step is given. */
struct draw {
    const struct tl_sampling *how;
    const int32_t *recent;
    size_t n_recent;
};

/* --- numbers ------------------------------------------------------------------------------------------------------ */

/* exp within an ulp or two: x = n ln 2 + r, Taylor's series of r to degree 13. */
static double exponential(double x)
{
    if (!(x > -700))
        return 0;
    double n = rint(x * 0x1.71547652b82fep0), r = fma(n, -0x1.62e42fefa39efp-1, x), sum = 1;
    r = fma(n, -0x1.abc9e3b39803fp-56, r);
    for (int k = 13; k >= 1; k--)
        sum = fma(sum, r / k, 1);
    return ldexp(sum, (int)n);
}

/* Natural logarithm: x = 2^n m with m in [0.7, 1.41], ln m = 2 atanh((m - 1) / (m + 1)). */
static double logarithm(double x)
{
    int n;
    double m = frexp(x, &n);
    if (m < 0.70710678118654752) {
        m *= 2;
        n--;
    }
    double s = (m - 1) / (m + 1), square = s * s, sum = 0;
    for (int k = 23; k >= 1; k -= 2)
        sum = fma(sum, square, 1.0 / k);
    return n * 0x1.62e42fefa39efp-1 + 2 * s * sum;
}

/* --- candidates --------------------------------------------------------------------------------------------------- */

static bool better(const struct candidate *a, const struct candidate *b)
{
    return a->logit > b->logit || (a->logit == b->logit && a->id < b->id);
}

static int by_rank(const void *a, const void *b) { return better(b, a) - better(a, b); }

static void sort(struct tl_sampler *s)
{
    if (!s->sorted)
        qsort(s->candidate, s->n, sizeof(*s->candidate), by_rank);
    s->sorted = true;
}

static void sink(struct candidate *heap, uint32_t n, uint32_t at)
{
    struct candidate item = heap[at];
    for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && better(&heap[child], &heap[child + 1]))
            child++;
        if (!better(&item, &heap[child]))
            break;
        heap[at] = heap[child];
    }
    heap[at] = item;
}

/* Leaves the k best in front: a heap whose root is the worst of them. */
static void select_best(struct tl_sampler *s, uint32_t k)
{
    for (uint32_t i = k / 2; i-- > 0;)
        sink(s->candidate, k, i);
    for (uint32_t i = k; i < s->n; i++)
        if (better(&s->candidate[i], &s->candidate[0])) {
            s->candidate[0] = s->candidate[i];
            sink(s->candidate, k, 0);
        }
    s->n = k;
    s->sorted = false;
}

static float best_logit(const struct tl_sampler *s)
{
    float best = s->candidate[0].logit;
    for (uint32_t i = 1; !s->sorted && i < s->n; i++)
        best = s->candidate[i].logit > best ? s->candidate[i].logit : best;
    return best;
}

/* Weights relative to the best candidate; returns their sum. */
static double weigh(struct tl_sampler *s)
{
    double best = best_logit(s), sum = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        s->candidate[i].weight = exponential(s->candidate[i].logit - best);
        sum += s->candidate[i].weight;
    }
    return sum;
}

/* Cuts behind the first candidates that hold `share` of the whole. */
static void keep_share(struct tl_sampler *s, double share, double sum)
{
    double held = 0;
    uint32_t n = 0;
    while (n < s->n && held < share * sum)
        held += s->candidate[n++].weight;
    s->n = n ? n : 1;
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

static void penalize(struct tl_sampler *s, const struct draw *draw)
{
    const struct tl_sampling *how = draw->how;
    for (size_t i = 0; i < how->n_bias; i++)
        if (how->bias[i].id >= 0 && (uint32_t)how->bias[i].id < s->n_vocab)
            s->candidate[how->bias[i].id].logit += how->bias[i].bias;
    for (size_t i = 0; i < draw->n_recent; i++)
        if (draw->recent[i] >= 0 && (uint32_t)draw->recent[i] < s->n_vocab)
            s->count[draw->recent[i]]++;
    for (size_t i = 0; i < draw->n_recent; i++) {
        int32_t id = draw->recent[i];
        if (id < 0 || (uint32_t)id >= s->n_vocab || !s->count[id])
            continue;
        float *logit = &s->candidate[id].logit;
        *logit = *logit > 0 ? *logit / how->repeat_penalty : *logit * how->repeat_penalty;
        *logit -= how->presence_penalty + (float)s->count[id] * how->frequency_penalty;
        s->count[id] = 0;
    }
    for (uint32_t i = 0; i < s->n; i++)
        if (s->candidate[i].logit != s->candidate[i].logit)
            s->candidate[i].logit = -INFINITY;
}

static void top_k(struct tl_sampler *s, const struct draw *draw)
{
    if (draw->how->top_k && draw->how->top_k < s->n)
        select_best(s, draw->how->top_k);
}

static int by_weight(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->weight != y->weight ? (x->weight > y->weight) - (x->weight < y->weight) : (x->id > y->id) - (x->id < y->id);
}

static void typical(struct tl_sampler *s, const struct draw *draw)
{
    if (draw->how->typical_p >= 1)
        return;
    double best = best_logit(s), sum = weigh(s), log_sum = logarithm(sum), entropy = 0, held = 0;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->candidate[i].weight > 0)
            entropy -= s->candidate[i].weight / sum * (s->candidate[i].logit - best - log_sum);
    for (uint32_t i = 0; i < s->n; i++)
        s->candidate[i].weight = fabs(-(s->candidate[i].logit - best - log_sum) - entropy);
    qsort(s->candidate, s->n, sizeof(*s->candidate), by_weight);
    uint32_t n = 0;
    while (n < s->n && held < draw->how->typical_p)
        held += exponential(s->candidate[n++].logit - best) / sum;
    s->n = n ? n : 1;
    s->sorted = false;
}

static void top_p(struct tl_sampler *s, const struct draw *draw)
{
    if (draw->how->top_p >= 1)
        return;
    sort(s);
    keep_share(s, draw->how->top_p, weigh(s));
}

static void min_p(struct tl_sampler *s, const struct draw *draw)
{
    if (draw->how->min_p <= 0)
        return;
    double best = best_logit(s);
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->candidate[i].logit == best || exponential(s->candidate[i].logit - best) >= draw->how->min_p)
            s->candidate[n++] = s->candidate[i];
    s->n = n;
}

static void temperature(struct tl_sampler *s, const struct draw *draw)
{
    for (uint32_t i = 0; i < s->n; i++)
        s->candidate[i].logit /= draw->how->temperature;
}

static void (*const steps[])(struct tl_sampler *s, const struct draw *draw) = {
#define SAMPLER(name, text) name,
#include "text/samplers.def"
#undef SAMPLER
};

/* --- the draw ----------------------------------------------------------------------------------------------------- */

static int32_t pick(struct tl_sampler *s, double uniform)
{
    double point = uniform * weigh(s), held = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        held += s->candidate[i].weight;
        if (point < held)
            return s->candidate[i].id;
    }
    for (uint32_t i = s->n; i-- > 1;)            /* rounding at the very end */
        if (s->candidate[i].weight > 0)
            return s->candidate[i].id;
    return s->candidate[0].id;
}

static int32_t greedy(const struct tl_sampler *s)
{
    const struct candidate *best = &s->candidate[0];
    for (uint32_t i = 1; i < s->n; i++)
        best = better(&s->candidate[i], best) ? &s->candidate[i] : best;
    return best->id;
}

static void begin(struct tl_sampler *s, const float *logits)
{
    s->n = s->n_vocab;
    s->sorted = false;
    for (uint32_t i = 0; i < s->n; i++)
        s->candidate[i] = (struct candidate){logits[i], (int32_t)i, 0};
}

static bool changes_nothing(const struct tl_sampling *how)
{
    bool penalty = how->repeat_penalty != 1 || how->presence_penalty != 0 || how->frequency_penalty != 0;
    return how->n_bias == 0 && !(penalty && how->repeat_last);
}

static int32_t argmax(const float *logits, uint32_t n)
{
    uint32_t best = 0;
    float most = -INFINITY;
    for (uint32_t i = 0; i < n; i++)
        if (logits[i] > most) {
            most = logits[i];
            best = i;
        }
    return (int32_t)best;
}

int32_t tl_sampler_draw(struct tl_sampler *s, const struct tl_sampling *how, const float *logits, const int32_t *history,
                        size_t n_history, uint64_t choice, uint64_t position)
{
    size_t n_recent = n_history < how->repeat_last ? n_history : how->repeat_last;
    struct draw draw = {how, history + (n_history - n_recent), n_recent};
    if (how->temperature <= 0 && changes_nothing(how))
        return argmax(logits, s->n_vocab);
    begin(s, logits);
    if (how->temperature <= 0) {
        penalize(s, &draw);
        return greedy(s);
    }
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        steps[i](s, &draw);
    return best_logit(s) == -INFINITY ? greedy(s) : pick(s, tl_random_uniform(how->seed, choice, position, 0));
}

/* --- settings ----------------------------------------------------------------------------------------------------- */

void tl_sampling_default(struct tl_sampling *ret_sampling)
{
    *ret_sampling = (struct tl_sampling){.temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .min_p = 0.05f, .typical_p = 1,
                                         .repeat_penalty = 1, .repeat_last = 64};
}

int tl_sampling_check(const struct tl_sampling *how)
{
    const struct { const char *name; double value, least, most; } rows[] = {
        {"temperature", how->temperature, 0, 100}, {"top_p", how->top_p, 0, 1}, {"min_p", how->min_p, 0, 1},
        {"typical_p", how->typical_p, 0, 1}, {"repeat_penalty", how->repeat_penalty, 0.01, 100},
        {"presence_penalty", how->presence_penalty, -100, 100}, {"frequency_penalty", how->frequency_penalty, -100, 100},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (!(rows[i].value >= rows[i].least && rows[i].value <= rows[i].most))
            return tl_fail(TL_E_USAGE, "%s is %g, expected %g to %g", rows[i].name, rows[i].value, rows[i].least, rows[i].most);
    return 0;
}

int tl_sampler_new(uint32_t n_vocab, struct tl_sampler **ret_sampler)
{
    struct tl_sampler *s = tl_alloc(1, sizeof(*s));
    if (!s)
        return TL_E_NOMEM;
    s->n_vocab = n_vocab;
    s->candidate = tl_alloc(n_vocab, sizeof(*s->candidate));
    s->count = tl_alloc(n_vocab, sizeof(*s->count));
    if (!s->candidate || !s->count) {
        tl_sampler_free(s);
        return TL_E_NOMEM;
    }
    *ret_sampler = s;
    return 0;
}

void tl_sampler_free(struct tl_sampler *sampler)
{
    if (sampler) {
        tl_free(sampler->candidate);
        tl_free(sampler->count);
    }
    tl_free(sampler);
}

uint64_t tl_sampler_bytes(uint32_t n_vocab) { return n_vocab * (uint64_t)(sizeof(struct candidate) + sizeof(uint32_t)); }
