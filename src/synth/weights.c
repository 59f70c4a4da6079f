/* SPDX-License-Identifier: MIT */
/* Deviations by role, and the lengths of a router's rows. An expert whose logit has deviation s is chosen where it exceeds
 * a threshold t, with probability Q(t / s); t is where these add up to the number of experts used. */
#include "synth/weights.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

enum kind { UNKNOWN, PASS, BRANCH, EMBED, ROUTER, AROUND, POST, LAST, SPREAD, RATE };

static const struct { enum kind kind; double size; } weights[TL_ROLES] = {
#define WEIGHTS(role, kind, size) [TL_R_##role] = {kind, size},
#include "synth/roles.def"
#undef WEIGHTS
};

/* How many values enter one output. The matrices of latent keys are stored for use from the other side. */
static double fan_in(const struct tl_want *want)
{
    return want->role == TL_R_K_B ? want->rows : want->cols;
}

int tl_weights_spread(const struct tl_geometry *g, const struct tl_want *want, struct tl_spread *ret)
{
    double size = weights[want->role].size, branches = sqrt(1 / (2.0 * g->n_layers)), embed = 1 / (double)g->embed_scale;
    struct tl_spread spread = {0, size, false};
    switch (weights[want->role].kind) {
    case PASS:   spread.deviation = size / sqrt(fan_in(want)); break;
    case BRANCH: spread.deviation = size / sqrt(fan_in(want)) * branches; break;
    case EMBED:  spread.deviation = size * embed; break;
    case ROUTER: spread.deviation = size / sqrt(fan_in(want)); spread.rows_differ = true; break;
    case AROUND: spread.mean = size; break;
    case POST:   spread.mean = size * branches; break;
    case LAST:   spread.mean = g->tied ? 2 * size / (embed * sqrt(g->width)) : size; break;
    case SPREAD: break;
    case RATE:   spread = g->rate_log ? (struct tl_spread){-1.5, 0.8, false} : (struct tl_spread){-0.5, 0.25, false}; break;
    default:
        return tl_fail(TL_E_FAIL, "no random weights are known for tensors of the role %d", (int)want->role);
    }
    if (spread.mean > 0)
        spread.deviation = spread.mean / 4 / sqrt(3.0);
    if (want->role == TL_R_EXPERT_DOWN)
        spread.deviation /= (double)g->route_scale;
    spread.mean -= (double)want->add;
    *ret = spread;
    return 0;
}

/* --- routers ------------------------------------------------------------------------------------------------------ */

static double chosen(double threshold, double deviation) { return 0.5 * erfc(threshold / deviation / sqrt(2.0)); }

/* Deviations lie evenly, in their logarithm, between 1 and exp(range). */
static double deviation_of(uint32_t rank, uint32_t n, double range) { return exp(range * rank / (n > 1 ? n - 1 : 1)); }

static double share_of_quarter(uint32_t n, uint32_t n_used, double range)
{
    double low = -40, high = 40 * exp(range), busiest = 0;
    for (int i = 0; i < 100; i++) {
        double middle = (low + high) / 2, sum = 0;
        for (uint32_t e = 0; e < n; e++)
            sum += chosen(middle, deviation_of(e, n, range));
        *(sum > n_used ? &low : &high) = middle;
    }
    for (uint32_t e = n - n / 4; e < n; e++)
        busiest += chosen(low, deviation_of(e, n, range));
    return busiest / n_used;
}

int tl_weights_range(uint32_t n, uint32_t n_used, double skew, double *ret_range)
{
    enum { MOST_RANGE = 6 };
    double low = 0, high = skew > 0.25 && n >= 4 ? MOST_RANGE : 0;
    if (high > 0 && share_of_quarter(n, n_used, high) < skew)
        return tl_fail(TL_E_USAGE, "--skew: a quarter of %u experts, of which %u are used, cannot take %g of all choices (at most %.2f)", n,
                       n_used, skew, share_of_quarter(n, n_used, high));
    for (int i = 0; i < 50 && high > 0; i++) {
        double middle = (low + high) / 2;
        *(share_of_quarter(n, n_used, middle) < skew ? &low : &high) = middle;
    }
    *ret_range = low;
    return 0;
}

void tl_weights_router(uint32_t n, double range, struct tl_stream_key key, float *ret)
{
    double squares = 0;
    for (uint32_t e = 0; e < n; e++) {
        ret[e] = (float)deviation_of(e, n, range);
        squares += (double)ret[e] * (double)ret[e];
    }
    for (uint32_t e = 0; e < n; e++)
        ret[e] = (float)((double)ret[e] / sqrt(squares / n));
    for (uint32_t e = n; e-- > 0;) {                     /* shuffled, so that busy ones lie anywhere */
        uint32_t other = (uint32_t)(tl_random_number(key, e) * (e + 1));
        float value = ret[e];
        ret[e] = ret[other];
        ret[other] = value;
    }
}
