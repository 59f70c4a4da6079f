/* SPDX-License-Identifier: MIT */
/* Times of steps by tokens (a line through all of late, corrected where there are measurements), odds by position, and the
 * number of ids with the best rate. */
#include "engine/draft_price.h"

enum { EXACT_TOKENS = 16, WIDE_TOKENS = 8 };             /* points: one for each number of tokens, then one for some */
enum { TRY_IDS = 4, FIRST_WAIT = 16, LONGEST_WAIT = 1024, REMEMBERED = 2000 };     /* steps */

static const float own_fade = 0.88f, all_fade = 0.98f;   /* of odds, by each draft */
static const float own_weight = 2, all_weight = 4;       /* drafts that what lies behind counts as */
static const float most_weight = 7, point_fade = 0.995f; /* of the measurements at a point */
static const double line_weight = 2, line_fade = 0.99;   /* beside them; of the line, by each measurement */
static const double guess = 1.0 / 16, guess_weight = 2;  /* of a step's time that one token more takes, before it is known */
static const double most_lost = 0.02, least_gain = 1.01, most_saved = 16, freak = 2;

/* --- odds --- */

static void note(struct tl_odds *odds, uint32_t n_drafted, uint32_t n_accepted, float fade)
{
    for (uint32_t i = 0; i < n_drafted && i <= n_accepted && i < TL_DRAFT_MOST; i++) {
        odds->tried[i] = odds->tried[i] * fade + 1;
        odds->kept[i] = odds->kept[i] * fade + (i < n_accepted);
    }
}

void tl_odds_note(struct tl_odds *own, struct tl_odds *all, uint32_t n_drafted, uint32_t n_accepted)
{
    note(own, n_drafted, n_accepted, own_fade);
    note(all, n_drafted, n_accepted, all_fade);
}

void tl_odds_read(const struct tl_odds *own, const struct tl_odds *all, float prior, float *ret_odds)
{
    for (uint32_t i = 0; i < TL_DRAFT_MOST; i++) {
        float known = (all->kept[i] + all_weight * prior) / (all->tried[i] + all_weight);
        prior = ret_odds[i] = (own->kept[i] + own_weight * known) / (own->tried[i] + own_weight);
    }
}

double tl_draft_price_expected(const float *odds, uint32_t n_ids)
{
    double sum = 0, chance = 1;
    for (uint32_t i = 0; i < n_ids && i < TL_DRAFT_MOST; i++) {
        chance *= (double)odds[i];
        sum += chance;
    }
    return sum;
}

/* --- times --- */

static uint32_t point_of(uint32_t n_tokens)
{
    uint32_t point = n_tokens <= EXACT_TOKENS ? n_tokens : EXACT_TOKENS + (n_tokens - EXACT_TOKENS + WIDE_TOKENS - 1) / WIDE_TOKENS;
    return point < TL_DRAFT_POINTS ? point : TL_DRAFT_POINTS - 1;
}

/* The line through all measurements of late, by least squares; its slope begins as guessed. */
static double on_line(const struct tl_draft_price *p, uint32_t n_tokens)
{
    double x = p->x / p->n, y = p->y / p->n, covariance = p->xy - x * p->y, variance = p->xx - x * p->x;
    double slope = (covariance + guess_weight * guess * y) / (variance + guess_weight);
    double seconds = y + (slope > 0 ? slope : 0) * (n_tokens - x);
    return seconds > y / 64 ? seconds : y / 64;
}

double tl_draft_price_seconds(const struct tl_draft_price *price, uint32_t n_tokens)
{
    uint32_t point = point_of(n_tokens);
    double weight = (double)price->weight[point];
    if (!(price->n > 0))
        return 0;
    return (weight * (double)price->seconds[point] + line_weight * on_line(price, n_tokens)) / (weight + line_weight);
}

static void measured(struct tl_draft_price *p, uint32_t n_tokens, double seconds)
{
    uint32_t point = point_of(n_tokens);
    double x = n_tokens;
    p->n = p->n * line_fade + 1;
    p->x = p->x * line_fade + x;
    p->y = p->y * line_fade + seconds;
    p->xx = p->xx * line_fade + x * x;
    p->xy = p->xy * line_fade + x * seconds;
    for (uint32_t i = 0; i < TL_DRAFT_POINTS; i++)
        p->weight[i] *= point_fade;
    float share = 1 / (1 + (p->weight[point] < most_weight ? p->weight[point] : most_weight));
    p->seconds[point] += share * ((float)seconds - p->seconds[point]);
    p->weight[point] += 1;
}

void tl_draft_price_note(struct tl_draft_price *price, const struct tl_draft_step *step)
{
    double seconds = step->seconds, usual = tl_draft_price_seconds(price, step->n_tokens);
    if (step->n_sequences == 0 || step->n_tokens < step->n_sequences || !(seconds > 0))
        return;
    seconds = usual > 0 && seconds > freak * usual ? freak * usual : seconds;        /* the machine was busy with something else */
    measured(price, step->n_tokens, seconds);
    price->total += seconds + step->own_seconds - price->total / REMEMBERED;
    price->lost -= price->lost / REMEMBERED;
    if (step->n_tokens == step->n_sequences && !(step->own_seconds > 0))
        return;
    double plain = tl_draft_price_seconds(price, step->n_sequences);
    price->lost += seconds + step->own_seconds - plain * step->n_given / step->n_sequences;
    price->lost = price->lost < -most_saved * plain ? -most_saved * plain : price->lost;
}

bool tl_draft_price_blocked(const struct tl_draft_price *price, uint32_t n_sequences)
{
    return price->lost > most_lost * price->total + tl_draft_price_seconds(price, n_sequences);
}

/* --- choosing --- */

static uint32_t best_of(const struct tl_draft_price *price, const struct tl_draft_ask *ask)
{
    uint32_t best = 0;
    double given = ask->n_sequences + ask->expected, chance = 1, again = 0, plain = tl_draft_price_seconds(price, ask->n_tokens);
    double best_rate = least_gain * given / plain, each = tl_draft_price_seconds(price, ask->n_tokens + 1) - plain;
    for (uint32_t n = 1; n <= ask->most && n <= TL_DRAFT_MOST; n++) {
        double odds = (double)ask->odds[n - 1];
        again += ask->replays ? chance * (1 - odds) * n * each : 0;
        chance *= odds;
        given += chance;
        double rate = given / (tl_draft_price_seconds(price, ask->n_tokens + n) + again + n * ask->own_each);
        if (rate > best_rate) {
            best = n;
            best_rate = rate;
        }
    }
    return best;
}

uint32_t tl_draft_price_choose(const struct tl_draft_price *price, const struct tl_draft_ask *ask, struct tl_patience *patience)
{
    if (ask->most == 0 || ask->n_sequences == 0 || !(tl_draft_price_seconds(price, ask->n_tokens) > 0) || tl_draft_price_blocked(price, ask->n_sequences))
        return 0;
    uint32_t best = best_of(price, ask);
    patience->wait = best > 0 || patience->wait == 0 ? FIRST_WAIT : patience->wait;
    patience->declined = best > 0 ? 0 : patience->declined + 1;
    if (best > 0 || patience->declined < patience->wait)
        return best;
    patience->declined = 0;
    patience->wait = patience->wait < LONGEST_WAIT ? 2 * patience->wait : LONGEST_WAIT;
    return ask->most < TRY_IDS ? ask->most : TRY_IDS;
}
