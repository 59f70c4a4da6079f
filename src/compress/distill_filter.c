/* SPDX-License-Identifier: MIT */
/* Shingles, their smallest hashes, and tables that find them. */
#include "compress/distill_filter.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"

enum { WORDS = 5, HASHES = 64, BAND = 4, BANDS = HASHES / BAND, MOST_ALIKE = 32 };

const struct tl_distill_why_row tl_distill_whys[TL_DISTILL_WHYS] = {
#define FILTER(id, name, meaning) [TL_DISTILL_##id] = {name, meaning},
#include "compress/distill_filters.def"
#undef FILTER
};

struct sketch { uint32_t least[HASHES]; };

/* Hash to text, chained by number + 1; 0: none. */
struct table { uint64_t *key; uint32_t *value; uint64_t n, cap; };

struct tl_distill_filter {
    struct tl_distill_filter_how how;
    struct sketch *sketch;               /* of kept texts */
    uint64_t n, cap;
    struct table exact, bands;
    struct tl_buffer words;              /* of the text in work, a blank behind each */
    uint64_t *word_at, cap_words;        /* where each begins in them, and the end */
    uint64_t n_words;
};

/* --- tables ------------------------------------------------------------------------------------------------------- */

static uint64_t slot(const struct table *t, uint64_t key, uint64_t step) { return (key * UINT64_C(0x9E3779B97F4A7C15) + step) & (t->cap - 1); }

static void put(struct table *t, uint64_t key, uint32_t value)
{
    uint64_t step = 0;
    while (t->value[slot(t, key, step)])
        step++;
    t->key[slot(t, key, step)] = key;
    t->value[slot(t, key, step)] = value;
    t->n++;
}

/* Room for one more. */
static int make_room(struct table *t)
{
    if (2 * (t->n + 1) <= t->cap)
        return 0;
    struct table larger = {.cap = t->cap ? 2 * t->cap : 1024};
    larger.key = tl_alloc(larger.cap, sizeof(*larger.key));
    larger.value = larger.key ? tl_alloc(larger.cap, sizeof(*larger.value)) : NULL;
    if (!larger.value) {
        tl_free(larger.key);
        return TL_E_NOMEM;
    }
    for (uint64_t i = 0; i < t->cap; i++)
        if (t->value[i])
            put(&larger, t->key[i], t->value[i]);
    tl_free(t->key);
    tl_free(t->value);
    *t = larger;
    return 0;
}

/* The next entry with this key; *step is where the search goes on. */
static uint32_t next(const struct table *t, uint64_t key, uint64_t *step)
{
    for (; t->cap && *step < t->cap; ++*step) {
        uint64_t i = slot(t, key, *step);
        if (!t->value[i])
            return 0;
        if (t->key[i] == key) {
            ++*step;
            return t->value[i];
        }
    }
    return 0;
}

/* Texts that share a band and little else are not collected without end: else a phrase that all begin with makes chains of all. */
static void put_seldom(struct table *t, uint64_t key, uint32_t value)
{
    uint64_t step = 0;
    uint32_t alike = 0;
    while (alike <= MOST_ALIKE && next(t, key, &step))
        alike++;
    if (alike <= MOST_ALIKE)
        put(t, key, value);
}

/* --- words -------------------------------------------------------------------------------------------------------- */

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static int take_words(struct tl_distill_filter *f, const char *text, size_t n_bytes)
{
    int status = 0;
    tl_buffer_clear(&f->words);
    f->n_words = 0;
    for (size_t i = 0, end; i < n_bytes && status >= 0; i = end + 1) {
        for (end = i; end < n_bytes && !is_blank(text[end]); end++)
            ;
        if (end == i)
            continue;
        status = tl_grow((void **)&f->word_at, f->n_words + 1, &f->cap_words, sizeof(*f->word_at));
        if (status < 0)
            break;
        f->word_at[f->n_words++] = f->words.len;
        tl_buffer_append(&f->words, text + i, end - i);
        status = tl_buffer_append(&f->words, " ", 1);
        f->word_at[f->n_words] = f->words.len;
    }
    return status;
}

static uint32_t mix(uint64_t hash, uint32_t number)
{
    hash = (hash ^ (UINT64_C(0xD1B54A32D192ED03) * (number + 1))) * UINT64_C(0xFF51AFD7ED558CCD);
    hash = (hash ^ hash >> 33) * UINT64_C(0xC4CEB9FE1A85EC53);
    return (uint32_t)(hash >> 32);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The sketch of the words, and the share of their shingles that are not the first of their kind. */
static int sketch(const struct tl_distill_filter *f, struct sketch *ret_sketch, double *ret_repeats)
{
    uint64_t width = f->n_words < WORDS ? f->n_words : WORDS, n = f->n_words ? f->n_words - width + 1 : 0, repeats = 0;
    TL_AUTO uint64_t *shingle = tl_alloc(n + 1, sizeof(*shingle));
    if (!shingle)
        return TL_E_NOMEM;
    memset(ret_sketch, 0xff, sizeof(*ret_sketch));
    for (uint64_t i = 0; i < n; i++) {
        shingle[i] = tl_hash_bytes(f->words.data + f->word_at[i], f->word_at[i + width] - f->word_at[i], 1);
        for (uint32_t k = 0; k < HASHES; k++) {
            uint32_t hash = mix(shingle[i], k);
            ret_sketch->least[k] = hash < ret_sketch->least[k] ? hash : ret_sketch->least[k];
        }
    }
    qsort(shingle, n, sizeof(*shingle), by_value);
    for (uint64_t i = 1; i < n; i++)
        repeats += shingle[i] == shingle[i - 1];
    *ret_repeats = n ? (double)repeats / (double)n : 0;
    return 0;
}

/* --- judging ------------------------------------------------------------------------------------------------------ */

static uint64_t band_key(const struct sketch *s, uint32_t band)
{
    return tl_hash_bytes(s->least + band * BAND, BAND * sizeof(s->least[0]), band + 2);
}

static double nearness(const struct sketch *a, const struct sketch *b)
{
    uint32_t same = 0;
    for (uint32_t i = 0; i < HASHES; i++)
        same += a->least[i] == b->least[i];
    return (double)same / HASHES;
}

static bool is_near(const struct tl_distill_filter *f, const struct sketch *s)
{
    for (uint32_t band = 0; band < BANDS; band++) {
        uint64_t step = 0, key = band_key(s, band);
        for (uint32_t found; (found = next(&f->bands, key, &step));)
            if (nearness(s, &f->sketch[found - 1]) >= f->how.nearness)
                return true;
    }
    return false;
}

static int remember(struct tl_distill_filter *f, const struct sketch *s, uint64_t exact)
{
    int status = f->n < UINT32_MAX - 1 ? tl_grow((void **)&f->sketch, f->n, &f->cap, sizeof(*f->sketch))
                                       : tl_fail(TL_E_BUDGET, "more than %u texts to be compared", UINT32_MAX - 1);
    for (uint32_t band = 0; band < BANDS && status >= 0; band++) {
        status = make_room(&f->bands);
        if (status >= 0)
            put_seldom(&f->bands, band_key(s, band), (uint32_t)f->n + 1);
    }
    if (status >= 0)
        status = make_room(&f->exact);
    if (status < 0)
        return status;
    put(&f->exact, exact, (uint32_t)f->n + 1);
    f->sketch[f->n++] = *s;
    return 0;
}

int tl_distill_filter_judge(struct tl_distill_filter *f, const char *text, size_t n_bytes, enum tl_distill_why *ret_why)
{
    struct sketch s;
    double repeats;
    uint64_t step = 0;
    int status = take_words(f, text, n_bytes);
    if (status >= 0)
        status = sketch(f, &s, &repeats);
    if (status < 0)
        return status;
    uint64_t exact = tl_hash_bytes(f->words.len ? f->words.data : "", f->words.len, 0);
    *ret_why = f->n_words < f->how.least_words || !f->n_words ? TL_DISTILL_SHORT
             : repeats > f->how.most_repeats                  ? TL_DISTILL_LOOPS
             : next(&f->exact, exact, &step)                  ? TL_DISTILL_DUPLICATE
             : is_near(f, &s)                                 ? TL_DISTILL_NEAR
                                                              : TL_DISTILL_KEPT;
    return *ret_why == TL_DISTILL_KEPT ? remember(f, &s, exact) : 0;
}

int tl_distill_filter_new(const struct tl_distill_filter_how *how, struct tl_distill_filter **ret_filter)
{
    struct tl_distill_filter *f = tl_alloc(1, sizeof(*f));
    if (!f)
        return TL_E_NOMEM;
    f->how = *how;
    tl_buffer_init(&f->words, 0);
    *ret_filter = f;
    return 0;
}

void tl_distill_filter_free(struct tl_distill_filter *f)
{
    if (!f)
        return;
    tl_free(f->sketch);
    tl_free(f->exact.key);
    tl_free(f->exact.value);
    tl_free(f->bands.key);
    tl_free(f->bands.value);
    tl_free(f->word_at);
    tl_buffer_done(&f->words);
    tl_free(f);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double tl_distill_filter_bound(double *values, uint64_t n, double share)
{
    uint64_t dropped = (uint64_t)(share * (double)n);
    if (!n || !dropped)
        return INFINITY;
    qsort(values, n, sizeof(*values), by_size);
    return values[dropped < n ? n - dropped - 1 : 0];
}
