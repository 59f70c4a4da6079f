/* SPDX-License-Identifier: MIT */
/* Samplers: the chain of samplers.def, and one draw from what it leaves.
 *
 * Weights are exp(logit - largest) in double precision, added up in the order of the candidates (likeliest first, or by
 * id where nothing has sorted them); the same logits give the same id on every machine. */
#include "text/sampler.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "text/sampler_math.h"
#include "text/sampler_steps.h"

void tl_sampling_default(struct tl_sampling *ret_sampling)
{
    *ret_sampling = (struct tl_sampling){.temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .min_p = 0.05f, .typical_p = 1,
                                         .repeat_penalty = 1, .repeat_last = 64};
}

int tl_sampling_check(const struct tl_sampling *s)
{
    const struct { const char *name; float value, low, high; } ranges[] = {
        {"temperature", s->temperature, 0, 1e6f}, {"top_p", s->top_p, 1e-9f, 1}, {"min_p", s->min_p, 0, 1},
        {"typical_p", s->typical_p, 1e-9f, 1}, {"repeat_penalty", s->repeat_penalty, 1e-6f, 1e6f},
        {"presence_penalty", s->presence_penalty, -1e6f, 1e6f}, {"frequency_penalty", s->frequency_penalty, -1e6f, 1e6f},
    };
    for (size_t i = 0; i < TL_COUNT(ranges); i++)
        if (!(ranges[i].value >= ranges[i].low && ranges[i].value <= ranges[i].high))
            return tl_fail(TL_E_USAGE, "%s: expected a number from %g to %g, found %g", ranges[i].name, (double)ranges[i].low,
                           (double)ranges[i].high, (double)ranges[i].value);
    if (s->n_bias && !s->bias)
        return tl_fail(TL_E_USAGE, "logit bias: expected %zu entries, found none", s->n_bias);
    for (size_t i = 0; i < s->n_bias; i++)
        if (isnan(s->bias[i].bias) || s->bias[i].bias == INFINITY)
            return tl_fail(TL_E_USAGE, "logit bias of id %" PRId32 ": expected a number, found %g", s->bias[i].id, (double)s->bias[i].bias);
    return 0;
}

uint64_t tl_sampler_bytes(uint32_t n_vocab)
{
    return sizeof(struct tl_sampler) + (uint64_t)n_vocab * (sizeof(float) + sizeof(uint32_t) + sizeof(struct tl_candidate));
}

int tl_sampler_new(uint32_t n_vocab, struct tl_sampler **ret_sampler)
{
    if (n_vocab == 0 || n_vocab > INT32_MAX)
        return tl_fail(TL_E_USAGE, "sampler: expected a vocabulary of 1 to %d ids, found %" PRIu32, INT32_MAX, n_vocab);
    struct tl_sampler *sampler = tl_alloc(1, sizeof *sampler);
    if (!sampler)
        return TL_E_NOMEM;
    sampler->n_vocab = n_vocab;
    sampler->changed = tl_alloc(n_vocab, sizeof *sampler->changed);
    sampler->count = tl_alloc(n_vocab, sizeof *sampler->count);
    sampler->candidate = tl_alloc(n_vocab, sizeof *sampler->candidate);
    if (!sampler->changed || !sampler->count || !sampler->candidate) {
        tl_sampler_free(sampler);
        return TL_E_NOMEM;
    }
    *ret_sampler = sampler;
    return 0;
}

void tl_sampler_free(struct tl_sampler *sampler)
{
    if (!sampler)
        return;
    tl_free(sampler->changed);
    tl_free(sampler->count);
    tl_free(sampler->candidate);
    tl_free(sampler);
}

/* --- the draw ----------------------------------------------------------------------------------------------------------------- */

/* The candidate in which a uniform share of the whole weight ends. */
static int32_t draw_from_list(struct tl_sampler *sampler, double uniform)
{
    struct tl_candidate *candidate = sampler->candidate;
    double total = 0, sum = 0;
    float largest = -INFINITY;
    int32_t id = 0;
    for (size_t i = 0; i < sampler->n; i++)
        largest = candidate[i].logit > largest ? candidate[i].logit : largest;
    for (size_t i = 0; i < sampler->n; i++) {
        candidate[i].order = tl_sampler_steps_weight(candidate[i].logit, largest, sampler->temperature);
        total += candidate[i].order;
    }
    for (size_t i = 0; i < sampler->n; i++) {
        if (candidate[i].order > 0)
            id = candidate[i].id;
        sum += candidate[i].order;
        if (sum > uniform * total)
            break;
    }
    return id;
}

enum { BLOCK = 1024 };

static double block_weight(const struct tl_sampler *sampler, uint32_t at)
{
    size_t n = sampler->n_vocab - at < BLOCK ? sampler->n_vocab - at : BLOCK;
    return tl_sampler_weights(sampler->logits + at, n, sampler->largest, sampler->temperature);
}

/* The same over all ids, block by block: the block first, then the id in it. The list, not in use, keeps the weights. */
static int32_t draw_from_all(struct tl_sampler *sampler, double uniform)
{
    double total = 0, sum = 0;
    uint32_t n_blocks = (sampler->n_vocab - 1) / BLOCK + 1, block = 0;
    int32_t id = 0;
    for (uint32_t i = 0; i < n_blocks; i++)
        total += sampler->candidate[i].order = block_weight(sampler, i * BLOCK);
    while (block < n_blocks - 1 && !(sum + sampler->candidate[block].order > uniform * total))
        sum += sampler->candidate[block++].order;
    for (uint32_t i = block * BLOCK; i < sampler->n_vocab; i++) {
        double weight = tl_sampler_steps_weight(sampler->logits[i], sampler->largest, sampler->temperature);
        if (weight == 0)
            continue;
        id = (int32_t)i;
        sum += weight;
        if (sum > uniform * total)
            break;
    }
    return id;
}

/* Forgets the last draw. */
static void start(struct tl_sampler *sampler, const float *logits, const int32_t *history, size_t n_history)
{
    sampler->logits = logits;
    sampler->history = history;
    sampler->n_history = n_history;
    sampler->all = true;
    sampler->sorted = false;
    sampler->n = 0;
    sampler->largest = NAN;
    sampler->temperature = 1;
}

/* What is not allowed is impossible: its logit is -inf before the chain begins. */
static void mask(struct tl_sampler *sampler, const uint64_t *allowed)
{
    for (uint32_t at = 0; at < sampler->n_vocab; at += 64) {
        uint32_t n = sampler->n_vocab - at < 64 ? sampler->n_vocab - at : 64;
        uint64_t bits = allowed[at / 64];
        for (uint32_t i = 0; i < n; i++)
            sampler->changed[at + i] = bits >> i & 1 ? sampler->logits[at + i] : -INFINITY;
    }
    sampler->logits = sampler->changed;
}

static int32_t first_allowed(const uint64_t *allowed, uint32_t n_vocab)
{
    for (uint32_t id = 0; id < n_vocab; id++)
        if (allowed[id / 64] >> id % 64 & 1)
            return (int32_t)id;
    return 0;
}

static int32_t draw(struct tl_sampler *sampler, const struct tl_sampling *s, uint64_t choice, uint64_t position)
{
    static void (*const steps[])(struct tl_sampler *sampler, const struct tl_sampling *s) = {
#define SAMPLER(name, active, meaning) tl_sampler_steps_##name,
#include "text/samplers.def"
#undef SAMPLER
    };
    const bool active[] = {
#define SAMPLER(name, when, meaning) when,
#include "text/samplers.def"
#undef SAMPLER
    };
    for (size_t i = 0; i < TL_COUNT(steps); i++)
        if (active[i] && (s->temperature > 0 || steps[i] == tl_sampler_steps_bias || steps[i] == tl_sampler_steps_penalties))
            steps[i](sampler, s);
    if (s->temperature == 0)
        return tl_sampler_select_top(sampler->logits, sampler->n_vocab, 1, sampler->candidate) ? sampler->candidate[0].id : 0;
    double uniform = tl_random_uniform(s->seed, choice, position, 0);
    if (!sampler->all)
        return draw_from_list(sampler, uniform);
    if (isnan(sampler->largest))
        sampler->largest = tl_sampler_steps_largest(sampler->logits, sampler->n_vocab);
    return sampler->largest > -INFINITY ? draw_from_all(sampler, uniform) : 0;
}

int32_t tl_sampler_draw(struct tl_sampler *sampler, const struct tl_sampling *s, const float *logits, const uint64_t *allowed,
                        const int32_t *history, size_t n_history, uint64_t choice, uint64_t position)
{
    start(sampler, logits, history, n_history);
    if (allowed)
        mask(sampler, allowed);
    int32_t id = draw(sampler, s, choice, position);     /* 0 where nothing has a likelihood */
    return allowed && !(allowed[id / 64] >> id % 64 & 1) ? first_allowed(allowed, sampler->n_vocab) : id;
}

size_t tl_sampler_top(struct tl_sampler *sampler, const float *logits, size_t k, int32_t *ret_ids)
{
    size_t n = k ? tl_sampler_select_top(logits, sampler->n_vocab, k, sampler->candidate) : 0;
    for (size_t i = 0; i < n; i++)
        ret_ids[i] = sampler->candidate[i].id;
    return n;
}
