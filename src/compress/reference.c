/* SPDX-License-Identifier: MIT */
/* Rows of a reference: chosen and drawn from logits, compared with another model's. What both sides need of their logits is
 * computed by the same function in the same order, so that equal logits are at no distance. */
#include "compress/reference.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "compress/reference_impl.h"
#include "text/sampler.h"

static const double least = 1e-300;                  /* for the logarithm of what underflowed */

/* --- the likeliest ------------------------------------------------------------------------------------------------ */

/* Is a less likely than b? */
static bool below(const float *logits, int32_t a, int32_t b) { return logits[a] < logits[b] || (logits[a] == logits[b] && a > b); }

/* heap[0] is the least likely. */
static void sink(const float *logits, int32_t *heap, uint32_t n, uint32_t at)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= n)
            return;
        if (child + 1 < n && below(logits, heap[child + 1], heap[child]))
            child++;
        if (!below(logits, heap[child], heap[at]))
            return;
        int32_t id = heap[at];
        heap[at] = heap[child];
        heap[child] = id;
        at = child;
    }
}

/* The n likeliest of all ids, the best first. */
static void choose(const float *logits, uint32_t vocab, uint32_t n, int32_t *ret_ids)
{
    for (uint32_t i = 0; i < n; i++)
        ret_ids[i] = (int32_t)i;
    for (uint32_t i = n / 2; i-- > 0;)
        sink(logits, ret_ids, n, i);
    for (uint32_t id = n; id < vocab; id++)
        if (logits[id] > logits[ret_ids[0]]) {       /* an equal one has the higher id */
            ret_ids[0] = (int32_t)id;
            sink(logits, ret_ids, n, 0);
        }
    for (uint32_t left = n; left-- > 1;) {
        int32_t id = ret_ids[0];
        ret_ids[0] = ret_ids[left];
        ret_ids[left] = id;
        sink(logits, ret_ids, left, 0);
    }
}

/* --- what both sides need ----------------------------------------------------------------------------------------- */

/* ln of the sum of exp(logits), and the rest's part of the sum; the weights of the likeliest become 0. */
struct mass { double log_sum, sum, rest; };

static struct mass weigh(const struct tl_score_row *row, uint32_t vocab, const int32_t *top, uint32_t n_top)
{
    struct mass mass = { 0 };
    double partial[8] = { 0 };
    for (uint32_t i = 0; i < n_top; i++) {
        mass.sum += (double)row->weights[top[i]];
        row->weights[top[i]] = 0;
    }
    for (uint32_t i = 0; i < vocab; i++)
        partial[i % 8] += (double)row->weights[i];
    for (int i = 0; i < 8; i++)
        mass.rest += partial[i];
    mass.sum += mass.rest;
    mass.log_sum = (double)row->most + log(mass.sum);
    mass.rest /= mass.sum;
    return mass;
}

static float log_of(const struct tl_score_row *row, const struct mass *mass, int32_t id)
{
    return (float)((double)row->logits[id] - mass->log_sum);
}

/* --- drawing ------------------------------------------------------------------------------------------------------ */

/* Shares in ascending order, so that one walk finds them all. */
static void draw(const struct tl_score_row *row, uint32_t vocab, double total, uint32_t n, int32_t *ret_ids)
{
    double share[TL_REFERENCE_DRAWS], sum = 0;
    uint32_t last = 0, found = 0;
    for (uint32_t i = 0; i < n; i++) {
        double value = tl_random_uniform(0, i, row->target, 0) * total;
        uint32_t at = i;
        for (; at > 0 && share[at - 1] > value; at--)
            share[at] = share[at - 1];
        share[at] = value;
    }
    for (uint32_t i = 0; i < vocab && found < n; i++) {
        last = row->weights[i] > 0 ? i : last;
        sum += (double)row->weights[i];
        while (found < n && sum > share[found])
            ret_ids[found++] = (int32_t)i;
    }
    while (found < n)                                /* rounding: behind the last one that has a weight */
        ret_ids[found++] = (int32_t)last;
}

void tl_reference_take(struct tl_reference *reference, uint32_t index, int32_t target, const struct tl_score_row *row)
{
    uint32_t vocab = reference->facts.vocab, n_top = reference->n_top, n_draws = reference->n_draws;
    struct tl_reference_row to = tl_reference_row_at(reference, reference->rows + (uint64_t)index * reference->record_bytes);
    choose(row->logits, vocab, n_top, to.id);
    struct mass mass = weigh(row, vocab, to.id, n_top);
    if (n_draws)
        draw(row, vocab, mass.rest * mass.sum, n_draws, to.id + n_top);
    for (uint32_t i = 0; i < n_top + n_draws; i++)
        to.log_p[i] = log_of(row, &mass, to.id[i]);
    to.target = target;
    to.nll = -log_of(row, &mass, target);
    to.rest = mass.rest;
    tl_reference_row_seal(&to, reference->rows + (uint64_t)index * reference->record_bytes);
}

/* --- comparing ---------------------------------------------------------------------------------------------------- */

static uint32_t best_of(const struct tl_score_row *row, uint32_t vocab)
{
    uint32_t best = 0;
    while (best + 1 < vocab && row->logits[best] != row->most)
        best++;
    return best;
}

/* Nothing is negative but for rounding. */
static double kl_of(const struct tl_reference_row *from, const struct tl_score_row *row, const struct mass *mass)
{
    double kl = 0, noise = 0;
    for (uint32_t i = 0; i < from->n_top; i++) {
        double p = exp((double)from->log_p[i]);
        kl += p > 0 ? p * ((double)from->log_p[i] - (double)log_of(row, mass, from->id[i])) : 0;
    }
    if (!from->n_draws || from->rest <= 0)
        return kl;
    double log_r = log(fmax(from->rest, least)), log_s = log(fmax(mass->rest, least));
    for (uint32_t i = from->n_top; i < from->n_top + from->n_draws; i++) {
        double log_x = ((double)log_of(row, mass, from->id[i]) - log_s) - ((double)from->log_p[i] - log_r);
        noise += expm1(log_x) - log_x;
    }
    return kl + from->rest * (log_r - log_s) + from->rest * noise / from->n_draws;
}

int tl_reference_compare(const struct tl_reference *reference, uint64_t index, int32_t target, const struct tl_score_row *row, struct tl_compared *ret)
{
    union { uint8_t bytes[TL_REFERENCE_RECORD]; double aligned; } record;
    int status = tl_reference_read(reference, index, record.bytes);
    if (status < 0)
        return status;
    struct tl_reference_row from = tl_reference_row_at(reference, record.bytes);
    if (from.target != target)
        return tl_fail(TL_E_FILE, "%s: record %" PRIu64 " is of token %d, expected %d", reference->path, index, from.target, target);
    struct mass mass = weigh(row, reference->facts.vocab, from.id, from.n_top);
    *ret = (struct tl_compared){ kl_of(&from, row, &mass), (uint32_t)from.id[0] == best_of(row, reference->facts.vocab), from.nll };
    return 0;
}
