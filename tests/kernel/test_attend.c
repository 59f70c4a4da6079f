/* SPDX-License-Identifier: MIT */
/* Attention: every level against ref, bit for bit, over formats, head sizes, numbers of rows, windows and ragged ends,
 * soft caps and sinks, values of their own and latent ones; ref against double. What no row sees is NaN (or no page at all), and the scratch, the queries and the
 * outputs end at forbidden memory, so a read or write beyond shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "base/pool.h"
#include "guarded.h"
#include "kernels.h"

enum { MAX_ROWS = 26, MAX_DIM = 576, MAX_POSITIONS = 700, MAX_PAGES = (MAX_POSITIONS + 63) / 64, OFFSET = 192 };

/* What the rows see, as a function of the number of a row. */
enum view { SAME, CAUSAL, BY_TOKEN, WINDOW, SINGLE, SCATTERED, VIEWS };

static const char *const view_names[] = { "same", "causal", "by token", "window", "single", "scattered" };
static const enum tl_number_id formats[] = { TL_NUMBER_F32, TL_NUMBER_F16, TL_NUMBER_BF16, TL_NUMBER_Q8_0 };
static const struct { uint32_t head_dim, v_dim; bool latent; } shapes[] = {
    { 16, 16, false }, { 32, 32, false }, { 64, 64, false }, { 80, 80, false }, { 96, 96, false }, { 128, 128, false },
    { 256, 256, false }, { 64, 128, false }, { 24, 17, false }, { 576, 5, false },
    { 96, 64, true }, { 576, 512, true }, { 24, 17, true }, { 144, 137, true }, { 40, 40, true },
};

struct data {
    struct tl_attend attend;
    uint32_t first[MAX_ROWS], last[MAX_ROWS];
    const float *q[MAX_ROWS];
    float *out[MAX_ROWS], sinks[MAX_ROWS];
    struct guarded q_memory[MAX_ROWS], out_memory[MAX_ROWS], page_memory[MAX_PAGES], scratch;
    const void *pages[MAX_PAGES];
    double *keys, *values;               /* as stored and decoded: [MAX_POSITIONS][dim] */
};

static void set_view(struct data *data, enum view view, uint32_t n_rows, uint64_t *seed)
{
    for (uint32_t i = 0; i < n_rows; i++) {
        uint32_t length = (uint32_t)(next_random(seed) % 40);
        switch (view) {
        case SAME: data->first[i] = 0; data->last[i] = 130; break;
        case CAUSAL: data->first[i] = 0; data->last[i] = i; break;
        case BY_TOKEN: data->first[i] = 0; data->last[i] = 188 + i / 3; break;
        case WINDOW: data->first[i] = 60 + i / 2; data->last[i] = 195 + i / 2; break;
        case SINGLE: data->first[i] = data->last[i] = 77; break;
        default:
            data->first[i] = i % 3 ? 300 + length : (uint32_t)(next_random(seed) % 580);
            data->last[i] = data->first[i] + length * (i % 4);
        }
    }
}

/* Decodes what the format makes of `dim` numbers. */
static void as_stored(const struct tl_number *format, const float *values, uint32_t dim, double *ret_values)
{
    float padded[MAX_DIM + 32] = { 0 }, decoded[MAX_DIM + 32];
    uint8_t stored[(MAX_DIM + 32) * 4];
    uint32_t elems = format->id == TL_NUMBER_Q8_0 ? (dim + 31) / 32 * 32 : dim;
    memcpy(padded, values, dim * sizeof(float));
    format->encode(padded, elems, stored);
    tl_number_decode(format, stored, elems, decoded);
    for (uint32_t d = 0; d < dim; d++)
        ret_values[d] = decoded[d];
}

/* Writes the positions that some row sees; pages without any stay away. */
static void fill_pages(struct data *data, uint64_t *seed)
{
    struct tl_attend *attend = &data->attend;
    uint32_t kept = attend->latent ? 0 : attend->v_dim;
    uint64_t bytes = tl_page_bytes(attend->format, attend->head_dim, kept);
    for (uint32_t p = 0; p < MAX_POSITIONS; p++) {
        bool seen = false;
        for (uint32_t i = 0; i < attend->n_rows; i++)
            seen |= p >= data->first[i] && p <= data->last[i];
        if (!seen)
            continue;
        float key[MAX_DIM], value[MAX_DIM];
        for (uint32_t d = 0; d < MAX_DIM; d++) {
            key[d] = next_float(seed) * 2;
            value[d] = next_float(seed);
        }
        struct guarded *page = &data->page_memory[p / 64];
        if (!page->at)
            *page = guarded_new(OFFSET + bytes, 64);
        data->pages[p / 64] = page->at;
        tl_page_put(attend->format, attend->head_dim, kept, (char *)page->at + OFFSET, p % 64, key,
                    attend->latent ? NULL : value);
        as_stored(attend->format, key, attend->head_dim, data->keys + (size_t)p * MAX_DIM);
        as_stored(attend->format, attend->latent ? key : value, attend->latent ? attend->head_dim : attend->v_dim,
                  data->values + (size_t)p * MAX_DIM);
    }
}

static void data_init(struct data *data, enum tl_number_id format, uint32_t shape, uint32_t n_rows, enum view view)
{
    uint64_t seed = format * 1000003 + shape * 1009 + n_rows * 7 + view;
    uint32_t span = 0;
    *data = (struct data){ .keys = take(MAX_POSITIONS * MAX_DIM * 8), .values = take(MAX_POSITIONS * MAX_DIM * 8) };
    set_view(data, view, n_rows, &seed);
    data->attend = (struct tl_attend){
        .format = tl_number(format), .head_dim = shapes[shape].head_dim, .v_dim = shapes[shape].v_dim,
        .latent = shapes[shape].latent, .n_rows = n_rows, .pages = data->pages, .page_offset = OFFSET, .q = data->q, .out = data->out, .first = data->first,
        .last = data->last, .scale = 1.0f / sqrtf((float)shapes[shape].head_dim),
    };
    for (uint32_t i = 0; i < n_rows; i++) {
        data->q_memory[i] = guarded_new(data->attend.head_dim * sizeof(float), 4);
        data->out_memory[i] = guarded_new(data->attend.v_dim * sizeof(float), 4);
        for (uint32_t d = 0; d < data->attend.head_dim; d++)
            ((float *)data->q_memory[i].at)[d] = next_float(&seed) * 4;
        data->q[i] = data->q_memory[i].at;
        data->out[i] = data->out_memory[i].at;
        data->sinks[i] = next_float(&seed) * 3;
        uint32_t here = data->last[i] - data->first[i] + 1;
        span = here > span ? here : span;
    }
    data->scratch = guarded_new(tl_attend_scratch_bytes(n_rows, span), 64);
    data->attend.scratch = data->scratch.at;
    fill_pages(data, &seed);
}

static void data_done(struct data *data)
{
    for (uint32_t i = 0; i < data->attend.n_rows; i++) {
        guarded_free(data->q_memory[i]);
        guarded_free(data->out_memory[i]);
    }
    for (uint32_t i = 0; i < MAX_PAGES; i++)
        if (data->page_memory[i].at)
            guarded_free(data->page_memory[i]);
    guarded_free(data->scratch);
    free(data->keys);
    free(data->values);
}

/* Largest difference of a row of the output from attention in double. */
static double error_of(const struct data *data, uint32_t row)
{
    static double weights[MAX_POSITIONS];
    const struct tl_attend *attend = &data->attend;
    double max = attend->sinks ? data->sinks[row] : -INFINITY, sum = 0, worst = 0;
    for (uint32_t p = data->first[row]; p <= data->last[row]; p++) {
        double score = 0;
        for (uint32_t d = 0; d < attend->head_dim; d++)
            score += data->q[row][d] * data->keys[(size_t)p * MAX_DIM + d];
        score *= attend->scale;
        weights[p] = attend->softcap > 0 ? attend->softcap * tanh(score / attend->softcap) : score;
        max = fmax(max, weights[p]);
    }
    for (uint32_t p = data->first[row]; p <= data->last[row]; p++)
        sum += weights[p] = exp(weights[p] - max);
    sum += attend->sinks ? exp(data->sinks[row] - max) : 0;
    for (uint32_t d = 0; d < attend->v_dim; d++) {
        double out = 0;
        for (uint32_t p = data->first[row]; p <= data->last[row]; p++)
            out += weights[p] * data->values[(size_t)p * MAX_DIM + d];
        worst = fmax(worst, !(fabs(data->out[row][d] - out / sum) < INFINITY) ? INFINITY : fabs(data->out[row][d] - out / sum));
    }
    return worst;
}

static void compare_level(const struct tl_kernel *level, const void *argument)
{
    const struct data *data = argument;
    const struct tl_attend *attend = &data->attend;
    float expected[MAX_ROWS][MAX_DIM];
    for (uint32_t i = 0; i < attend->n_rows; i++) {
        memcpy(expected[i], data->out[i], attend->v_dim * sizeof(float));
        memset(data->out[i], 0xff, attend->v_dim * sizeof(float));
    }
    memset(data->scratch.map, 0xff, (size_t)((char *)data->scratch.at - (char *)data->scratch.map));
    level->attend(attend);
    for (uint32_t i = 0; i < attend->n_rows; i++) {
        size_t at = first_difference(data->out[i], expected[i], attend->v_dim);
        if (at < attend->v_dim)
            fail_msg("%s %s head_dim %u v_dim %u rows %u (row %u sees %u..%u): out[%zu] is %a, ref %a", level->name,
                     attend->format->name, attend->head_dim, attend->v_dim, attend->n_rows, i, data->first[i],
                     data->last[i], at, data->out[i][at], expected[i][at]);
    }
}

static void check(struct data *data, enum view view)
{
    tl_kernel_level("ref")->attend(&data->attend);
    for (uint32_t i = 0; i < data->attend.n_rows; i++) {
        double error = error_of(data, i);
        if (!(error < (data->attend.latent ? 1e-5 : 3e-6)))            /* values of keys are twice as large, and many */
            fail_msg("ref, %s, %s: row %u is off by %g", data->attend.format->name, view_names[view], i, error);
    }
    each_level(compare_level, data);
}

static void run_all(const uint32_t *row_counts, size_t n_counts)
{
    static struct data data;
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++)
        for (uint32_t shape = 0; shape < sizeof shapes / sizeof *shapes; shape++)
            for (enum view view = 0; view < VIEWS; view++)
                for (size_t n = 0; n < n_counts; n++) {
                    uint32_t n_rows = row_counts[(n + f + shape + view) % n_counts];
                    if (n > 0 && shape > 2 && !(shapes[shape].latent && shapes[shape].head_dim < 100))
                        continue;                                  /* all counts with the small heads, one each with the others */
                    if (only_some() && (f + shape + view + n) % 4 != 0)
                        continue;
                    data_init(&data, formats[f], shape, n_rows, view);
                    check(&data, view);
                    data.attend.softcap = 5.0f;
                    check(&data, view);
                    data.attend.sinks = data.sinks;
                    check(&data, view);
                    data_done(&data);
                }
}

static void test_few_rows(void **state)
{
    (void)state;
    run_all((const uint32_t[]){ 1, 2, 3, 4, 5 }, 5);
}

static void test_many_rows(void **state)
{
    (void)state;
    run_all((const uint32_t[]){ 6, 7, 12, 26 }, 4);
}

/* A latent cache gives the bits of one that keeps the leading dimensions of its keys a second time, as values. */
static void test_latent_is_kept_twice(void **state)
{
    (void)state;
    static struct data data;
    const struct tl_kernel *ref = tl_kernel_level("ref");
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        data_init(&data, formats[f], 10, 7, BY_TOKEN);
        struct tl_attend twice = data.attend;
        float expected[MAX_ROWS][MAX_DIM], key[MAX_DIM];
        void *pages[MAX_PAGES];
        twice.latent = false;
        twice.pages = (const void *const *)pages;
        for (uint32_t i = 0; i < MAX_PAGES; i++)
            pages[i] = take(OFFSET + tl_page_bytes(twice.format, twice.head_dim, twice.v_dim));
        for (uint32_t p = 0; p <= data.last[6]; p++) {
            for (uint32_t d = 0; d < twice.head_dim; d++)
                key[d] = (float)data.keys[(size_t)p * MAX_DIM + d];
            tl_page_put(twice.format, twice.head_dim, twice.v_dim, (char *)pages[p / 64] + OFFSET, p % 64, key, key);
            tl_page_put(twice.format, twice.head_dim, 0, (char *)data.page_memory[p / 64].at + OFFSET, p % 64, key, NULL);
        }
        ref->attend(&twice);
        for (uint32_t i = 0; i < 7; i++)
            memcpy(expected[i], data.out[i], twice.v_dim * sizeof(float));
        ref->attend(&data.attend);
        for (uint32_t i = 0; i < 7; i++)
            assert_memory_equal(data.out[i], expected[i], twice.v_dim * sizeof(float));
        for (uint32_t i = 0; i < MAX_PAGES; i++)
            free(pages[i]);
        data_done(&data);
    }
}

/* Scores that overflow, keys that are not finite: every level still does what ref does. */
static void test_extremes(void **state)
{
    (void)state;
    static const float extremes[] = { INFINITY, -INFINITY, NAN, 3e38f, 1e-40f, -0.0f };
    static struct data data;
    for (size_t f = 0; f < 3; f++)
        for (size_t e = 0; e < sizeof extremes / sizeof *extremes; e++) {
            data_init(&data, formats[f], 2, 7, WINDOW);
            uint64_t seed = e;
            float key[MAX_DIM], value[MAX_DIM];
            for (uint32_t d = 0; d < MAX_DIM; d++) {
                key[d] = d % 5 ? next_float(&seed) : extremes[e];
                value[d] = d % 7 ? next_float(&seed) : extremes[e];
            }
            for (uint32_t p = 61; p < 200; p += 67)
                tl_page_put(data.attend.format, 64, 64, (char *)data.page_memory[p / 64].at + OFFSET, p % 64, key, value);
            for (int sinks = 0; sinks < 2; sinks++) {
                data.attend.sinks = sinks ? data.sinks : NULL;
                data.sinks[0] = INFINITY;
                data.sinks[1] = -INFINITY;
                tl_kernel_level("ref")->attend(&data.attend);
                each_level(compare_level, &data);
            }
            data_done(&data);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_rows), cmocka_unit_test(test_many_rows), cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_latent_is_kept_twice),
    };
    tl_pool_float_mode();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
