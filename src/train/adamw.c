/* SPDX-License-Identifier: MIT */
/* AdamW as its paper has it: decay of the weights apart from the gradient, moments corrected for their start at 0. Each
 * parameter is cut into pieces of its own; a piece's sums run in lanes of fixed number, and pieces are summed in order. */
#include "train/adamw.h"

#include <math.h>

enum { PIECE = 1 << 15, LANES = 8 };

/* rate and root: with their corrections. */
struct factors { float scale, keep, beta1, beta2, of_first, of_second, rate, root, epsilon; };

struct update {
    const struct tl_adamw *adamw;
    struct tl_weights *weights;
    struct factors factors;
    float shrink;
    bool apply;
};

static uint64_t size_of(const struct tl_parameter *parameter) { return parameter->gradient ? tl_parameter_values(parameter) : 0; }

static uint32_t pieces_of(uint64_t n_values) { return (uint32_t)((n_values + PIECE - 1) / PIECE); }

int tl_adamw_layout(struct tl_adamw *adamw, const struct tl_weights *weights, struct tl_arena *arena)
{
    uint64_t most = weights->n_values / PIECE + weights->n + 1;
    adamw->first = tl_arena_take(arena, weights->n_values, sizeof(*adamw->first));
    adamw->second = tl_arena_take(arena, weights->n_values, sizeof(*adamw->second));
    adamw->pieces = tl_arena_take(arena, weights->n + 1u, sizeof(*adamw->pieces));
    adamw->squares = tl_arena_take(arena, most, sizeof(*adamw->squares));
    adamw->n_pieces = 0;
    if (!adamw->squares)
        return 0;
    for (uint32_t i = 0; i < weights->n; i++) {
        adamw->pieces[i] = adamw->n_pieces;
        adamw->n_pieces += pieces_of(size_of(&weights->parameters[i]));
    }
    adamw->pieces[weights->n] = adamw->n_pieces;
    return 0;
}

/* --- pieces ------------------------------------------------------------------------------------------------------- */

struct span { const struct tl_parameter *parameter; uint64_t from, n; };

static struct span span_of(const struct update *u, uint32_t piece)
{
    const uint32_t *pieces = u->adamw->pieces;
    uint32_t low = 0, high = u->weights->n;              /* the last parameter that begins at or before this piece */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (pieces[middle] <= piece)
            low = middle;
        else
            high = middle;
    }
    const struct tl_parameter *parameter = &u->weights->parameters[low];
    uint64_t from = (uint64_t)(piece - pieces[low]) * PIECE, left = size_of(parameter) - from;
    return (struct span){ parameter, from, left < PIECE ? left : PIECE };
}

static void square(void *context, uint32_t piece, uint32_t thread)
{
    const struct update *u = context;
    struct span span = span_of(u, piece);
    const float *g = span.parameter->gradient + span.from;
    double sums[LANES] = { 0 };
    uint64_t i = 0;
    (void)thread;
    for (; i + LANES <= span.n; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            sums[lane] += (double)g[i + lane] * (double)g[i + lane];
    for (; i < span.n; i++)
        sums[i % LANES] += (double)g[i] * (double)g[i];
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int lane = 0; lane < half; lane++)
            sums[lane] += sums[lane + half];
    u->adamw->squares[piece] = sums[0];
}

struct rows { float *x, *gradient, *first, *second; };

/* n is a constant where it counts; arrays of their own let the lanes become one vector. */
static inline __attribute__((always_inline)) void step_lanes(struct factors f, struct rows rows, uint64_t at, const int n)
{
    float x[LANES], g[LANES], first[LANES], second[LANES];
    for (int i = 0; i < n; i++) {
        g[i] = rows.gradient[at + (uint64_t)i] * f.scale;
        x[i] = rows.x[at + (uint64_t)i] * f.keep;
        first[i] = f.beta1 * rows.first[at + (uint64_t)i] + f.of_first * g[i];
        second[i] = f.beta2 * rows.second[at + (uint64_t)i] + f.of_second * g[i] * g[i];
    }
    for (int i = 0; i < n; i++)
        x[i] = x[i] - f.rate * first[i] / (sqrtf(second[i]) * f.root + f.epsilon);
    for (int i = 0; i < n; i++) {
        rows.x[at + (uint64_t)i] = x[i];
        rows.first[at + (uint64_t)i] = first[i];
        rows.second[at + (uint64_t)i] = second[i];
        rows.gradient[at + (uint64_t)i] = 0;
    }
}

static void step(struct factors factors, struct rows rows, uint64_t n)
{
    uint64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        step_lanes(factors, rows, i, LANES);
    step_lanes(factors, rows, i, (int)(n - i));
}

static void work(void *context, uint32_t piece, uint32_t thread)
{
    const struct update *u = context;
    struct span span = span_of(u, piece);
    const struct tl_parameter *p = span.parameter;
    uint64_t at = (uint64_t)(p->value - u->weights->values) + span.from;
    (void)thread;
    struct rows rows = { p->value + span.from, p->gradient + span.from, u->adamw->first + at, u->adamw->second + at };
    struct factors factors = u->factors;
    factors.keep = p->decays ? u->shrink : 1;
    if (u->apply)
        step(factors, rows, span.n);
    else
        for (uint64_t i = 0; i < span.n; i++)
            p->gradient[span.from + i] = 0;
}

void tl_adamw_step(struct tl_adamw *adamw, struct tl_weights *weights, struct tl_pool *pool, float rate, double *ret_norm)
{
    struct update u = { .adamw = adamw, .weights = weights, .shrink = (float)(1 - (double)rate * (double)adamw->decay) };
    double sum = 0;
    tl_pool_run(pool, adamw->n_pieces, square, &u);
    for (uint32_t i = 0; i < adamw->n_pieces; i++)
        sum += adamw->squares[i];
    double norm = sqrt(sum);
    u.apply = isfinite(norm);
    if (u.apply) {
        double steps = (double)++adamw->steps;
        u.factors = (struct factors){
            .scale = adamw->clip > 0 && norm > (double)adamw->clip ? (float)((double)adamw->clip / norm) : 1,
            .beta1 = adamw->beta1, .beta2 = adamw->beta2, .of_first = 1 - adamw->beta1, .of_second = 1 - adamw->beta2, .epsilon = adamw->epsilon,
            .rate = (float)((double)rate / (1 - pow((double)adamw->beta1, steps))),
            .root = (float)(1 / sqrt(1 - pow((double)adamw->beta2, steps))),
        };
    }
    tl_pool_run(pool, adamw->n_pieces, work, &u);
    *ret_norm = norm;
}
