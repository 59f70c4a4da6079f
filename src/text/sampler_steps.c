/* SPDX-License-Identifier: MIT */
/* The steps of the chain. The first two change logits, in a copy; the others thin the candidates out.
 *
 * While all ids are candidates no list of them is made: one pass over the logits gives their weight, another picks those
 * that stay. Ties go to the lower id. */
#include "text/sampler_steps.h"

#include <math.h>
#include <string.h>

#include "text/sampler_math.h"

float tl_sampler_steps_largest(const float *logits, uint32_t n)
{
    float largest[16], all = -INFINITY;
    for (int k = 0; k < 16; k++)
        largest[k] = -INFINITY;
    uint32_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < 16; k++)
            largest[k] = logits[i + (uint32_t)k] > largest[k] ? logits[i + (uint32_t)k] : largest[k];
    for (; i < n; i++)
        largest[0] = logits[i] > largest[0] ? logits[i] : largest[0];
    for (int k = 0; k < 16; k++)
        all = largest[k] > all ? largest[k] : all;
    return all;
}

double tl_sampler_steps_weight(float logit, float largest, double temperature)
{
    return logit == largest ? 1 : tl_sampler_exp(((double)logit - (double)largest) / temperature);
}

static double weight_of(float logit, float largest)
{
    return tl_sampler_steps_weight(logit, largest, 1);
}

/* --- logits --------------------------------------------------------------------------------------------------------------- */

/* From now on the logits are our own. */
static void own_logits(struct tl_sampler *sampler)
{
    if (sampler->logits == sampler->changed)
        return;
    memcpy(sampler->changed, sampler->logits, sampler->n_vocab * sizeof *sampler->changed);
    sampler->logits = sampler->changed;
}

void tl_sampler_steps_bias(struct tl_sampler *sampler, const struct tl_sampling *s)
{
    own_logits(sampler);
    for (size_t i = 0; i < s->n_bias; i++)
        if (s->bias[i].id >= 0 && (uint32_t)s->bias[i].id < sampler->n_vocab)
            sampler->changed[s->bias[i].id] += s->bias[i].bias;
}

/* Keskar et al. 2019 (CTRL) for repetition, OpenAI's definition for presence and frequency. */
static float penalise(float logit, uint32_t count, const struct tl_sampling *s)
{
    logit = logit <= 0 ? logit * s->repeat_penalty : logit / s->repeat_penalty;
    return logit - ((float)count * s->frequency_penalty + s->presence_penalty);
}

void tl_sampler_steps_penalties(struct tl_sampler *sampler, const struct tl_sampling *s)
{
    size_t last = sampler->n_history < s->repeat_last ? sampler->n_history : s->repeat_last;
    if (!last)
        return;
    const int32_t *recent = sampler->history + (sampler->n_history - last);
    own_logits(sampler);
    for (size_t i = 0; i < last; i++)
        if (recent[i] >= 0 && (uint32_t)recent[i] < sampler->n_vocab)
            sampler->count[recent[i]]++;
    for (size_t i = 0; i < last; i++)
        if (recent[i] >= 0 && (uint32_t)recent[i] < sampler->n_vocab && sampler->count[recent[i]]) {
            sampler->changed[recent[i]] = penalise(sampler->changed[recent[i]], sampler->count[recent[i]], s);
            sampler->count[recent[i]] = 0;
        }
}

/* --- the list -------------------------------------------------------------------------------------------------------------- */

static float largest_of(struct tl_sampler *sampler)
{
    if (sampler->all && isnan(sampler->largest))
        sampler->largest = tl_sampler_steps_largest(sampler->logits, sampler->n_vocab);
    if (sampler->all)
        return sampler->largest;
    float largest = sampler->n ? sampler->candidate[0].logit : 0;
    for (size_t i = 1; i < sampler->n && !sampler->sorted; i++)
        largest = sampler->candidate[i].logit > largest ? sampler->candidate[i].logit : largest;
    return largest;
}

static double total_weight(const struct tl_sampler *sampler, float largest)
{
    double total = 0;
    if (sampler->all)
        return tl_sampler_weights(sampler->logits, sampler->n_vocab, largest, 1);
    for (size_t i = 0; i < sampler->n; i++)
        total += weight_of(sampler->candidate[i].logit, largest);
    return total;
}

/* The list of all ids whose logit is at least this. */
static void list_at_least(struct tl_sampler *sampler, float least)
{
    sampler->all = false;
    sampler->n = tl_sampler_select_at_least(sampler->logits, sampler->n_vocab, least, sampler->candidate);
}

static void sort_list(struct tl_sampler *sampler)
{
    if (!sampler->sorted)
        tl_sampler_select_sort(sampler->candidate, sampler->n);
    sampler->sorted = true;
}

/* The list of the k likeliest. */
static void list_top(struct tl_sampler *sampler, size_t k)
{
    sampler->n = tl_sampler_select_top(sampler->logits, sampler->n_vocab, k, sampler->candidate);
    sampler->all = false;
    sampler->sorted = true;
}

void tl_sampler_steps_top_k(struct tl_sampler *sampler, const struct tl_sampling *s)
{
    list_top(sampler, s->top_k < sampler->n_vocab ? s->top_k : sampler->n_vocab);
}

/* --- typical ---------------------------------------------------------------------------------------------------------------- */

/* Sets each candidate's order: the nearer its surprise, -log p, is to the expected one, the earlier. */
static void order_by_surprise(struct tl_sampler *sampler, float largest, double total)
{
    struct tl_candidate *candidate = sampler->candidate;
    double log_total = tl_sampler_log(total), entropy = 0;
    for (size_t i = 0; i < sampler->n; i++) {
        double below = candidate[i].logit == largest ? 0 : (double)largest - (double)candidate[i].logit;
        double weight = weight_of(candidate[i].logit, largest);
        candidate[i].order = log_total + below;
        entropy += weight > 0 ? weight / total * candidate[i].order : 0;
    }
    for (size_t i = 0; i < sampler->n; i++)
        candidate[i].order = -fabs(candidate[i].order - entropy);
}

/* Meister et al. 2023, Locally typical sampling. */
void tl_sampler_steps_typical(struct tl_sampler *sampler, const struct tl_sampling *s)
{
    struct tl_candidate *candidate = sampler->candidate;
    float largest = largest_of(sampler);
    double sum = 0;
    size_t kept = 0;
    if (sampler->all)
        list_at_least(sampler, -INFINITY);
    size_t n = sampler->n;
    if (!n)
        return;
    double total = total_weight(sampler, largest);
    order_by_surprise(sampler, largest, total);
    tl_sampler_select_heap(candidate, n);
    while (kept < n && !(sum > (double)s->typical_p * total)) {
        tl_sampler_select_pop(candidate, n - kept++);
        sum += weight_of(candidate[n - kept].logit, largest);
    }
    memmove(candidate, candidate + (n - kept), kept * sizeof *candidate);
    for (size_t i = 0; i < kept; i++)
        candidate[i].order = (double)candidate[i].logit;
    sampler->n = kept;
    sampler->sorted = false;
    sort_list(sampler);
}

/* --- top-p and min-p --------------------------------------------------------------------------------------------------------- */

/* Cuts the sorted list where it has this weight; false: it has not. */
static bool cut_at_weight(struct tl_sampler *sampler, float largest, double wanted)
{
    double sum = 0;
    for (size_t i = 0; i < sampler->n; i++)
        if ((sum += weight_of(sampler->candidate[i].logit, largest)) >= wanted) {
            sampler->n = i + 1;
            return true;
        }
    return false;
}

/* Holtzman et al. 2020, nucleus sampling. min_p, which comes next, keeps a first part of the sorted candidates as top_p
 * does: where it is on too it goes first, and there is less to sort. */
void tl_sampler_steps_top_p(struct tl_sampler *sampler, const struct tl_sampling *s)
{
    float largest = largest_of(sampler);
    double wanted = (double)s->top_p * total_weight(sampler, largest);
    if (sampler->all && s->min_p > 0)
        tl_sampler_steps_min_p(sampler, s);
    if (!sampler->all) {
        sort_list(sampler);
        cut_at_weight(sampler, largest, wanted);
        return;
    }
    for (size_t k = 256; !cut_at_weight(sampler, largest, wanted); k *= 8) {
        list_top(sampler, k < sampler->n_vocab ? k : sampler->n_vocab);
        if (sampler->n < k) {
            cut_at_weight(sampler, largest, wanted);
            break;
        }
    }
}

void tl_sampler_steps_min_p(struct tl_sampler *sampler, const struct tl_sampling *s)
{
    float largest = largest_of(sampler);
    size_t kept = 0;
    if (sampler->all)                    /* a little less than enough: the weights decide */
        list_at_least(sampler, largest == INFINITY ? INFINITY : largest + (float)tl_sampler_log((double)s->min_p) * 1.001f - fabsf(largest) * 1e-6f - 1e-3f);
    for (size_t i = 0; i < sampler->n; i++)
        if (weight_of(sampler->candidate[i].logit, largest) >= (double)s->min_p)
            sampler->candidate[kept++] = sampler->candidate[i];
    sampler->n = kept;
}

/* --- temperature -------------------------------------------------------------------------------------------------------------- */

/* The division itself is done in double precision where the weights of the draw are computed. */
void tl_sampler_steps_temperature(struct tl_sampler *sampler, const struct tl_sampling *s)
{
    sampler->temperature = (double)s->temperature;
}
