/* SPDX-License-Identifier: MIT */
/* Matrix products of every level, format and form of activations against ref, bit for bit, at awkward sizes: odd rows
 * and columns, one to 37 tokens (more than any level takes as few), ranges of tokens and panels, codes and scales at
 * their extremes. The output lies in poison that has to survive; what a product reads ends where memory may not be touched. Formats that no level knows (a copy with a foreign id) take the general path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/pool.h"
#include "guarded.h"
#include "kernels.h"
#include "number/panel.h"

enum { MAX_TOKENS = 37, OUT_PAD = 5 };

struct shape { uint32_t rows, cols; };
struct range { uint32_t from, to; };
enum filling { RANDOM, LARGEST, SMALLEST, FILLINGS };

static const struct shape shapes[] = {{1, 1}, {16, 32}, {5, 31}, {17, 64}, {33, 255}, {48, 256}, {40, 300}, {20, 1100}};
static const struct range tokens[] = {{0, 0}, {0, 1}, {2, 4}, {1, 4}, {0, 4}, {3, 8}, {0, 6}, {5, 12}, {0, 37}, {36, 37}};

struct matrix {
    struct tl_number number;
    struct shape shape;
    struct guarded memory;
    uint8_t *panels;
};

/* Random bytes as a block with finite numbers; LARGEST sets all bits that may be set, so that codes are at their limit. */
static void fill_block(const struct tl_number *number, enum filling filling, uint64_t *seed, uint8_t *ret_block)
{
    float values[TL_NUMBER_MAX_BLOCK];
    bool finite;
    do {
        for (uint32_t i = 0; i < number->block_bytes; i++)
            ret_block[i] = (uint8_t)(filling == LARGEST ? 0xff : filling == SMALLEST ? 0 : next_random(seed) >> 13);
        if (filling != RANDOM && number->group)
            for (uint32_t i = 0; i < number->block_bytes; i++)       /* halves that would be NaN: a random byte at random */
                if (next_random(seed) % 8 == 0)
                    ret_block[i] = (uint8_t)(next_random(seed) >> 9);
        if (filling == RANDOM && number->widen && number->block_bytes == 4)
            memcpy(ret_block, &(float){next_float(seed)}, 4);
        tl_number_decode(number, ret_block, number->block_elems, values);
        finite = true;
        for (uint32_t i = 0; i < number->block_elems; i++)
            finite &= values[i] - values[i] == 0 && values[i] < 1e18f && values[i] > -1e18f;
    } while (!finite && (filling = RANDOM) == RANDOM);
}

static void matrix_init(struct matrix *matrix, const struct tl_number *number, struct shape shape, enum filling filling)
{
    uint64_t seed = shape.rows * 1000 + shape.cols, blocks = (shape.cols + number->block_elems - 1) / number->block_elems;
    uint64_t row_bytes = blocks * number->block_bytes, panel_bytes = tl_panel_bytes(number, shape.cols);
    uint32_t n_panels = (shape.rows + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS;
    uint8_t *rows = take(n_panels * TL_PANEL_ROWS * row_bytes);
    *matrix = (struct matrix){.number = *number, .shape = shape, .memory = guarded_new(n_panels * panel_bytes, 64)};
    matrix->panels = matrix->memory.at;
    for (uint64_t i = 0; i < n_panels * TL_PANEL_ROWS * blocks; i++)
        fill_block(number, filling, &seed, rows + i * number->block_bytes);
    for (uint32_t p = 0; p < n_panels; p++) {
        uint32_t left = shape.rows - p * TL_PANEL_ROWS;
        tl_panel_pack(number, rows + p * TL_PANEL_ROWS * row_bytes, left < TL_PANEL_ROWS ? left : TL_PANEL_ROWS, shape.cols,
                      matrix->panels + p * panel_bytes);
    }
    free(rows);
}

/* Rows of different sizes of numbers; some blocks are zero, one token is at the largest code everywhere. */
static float *make_x(struct shape shape)
{
    uint64_t seed = shape.cols;
    float *x = take(MAX_TOKENS * shape.cols * sizeof *x);
    for (uint32_t t = 0; t < MAX_TOKENS; t++)
        for (uint32_t k = 0; k < shape.cols; k++) {
            float value = next_float(&seed);
            if (t == 3)
                value = k % 3 ? 2.5f : -2.5f;
            if (t == 4)
                value = 7;
            if (t == 5)
                value *= k / 32 % 2 ? 0 : 1e-6f;
            if (t == 6)
                value *= 1e4f;
            x[t * shape.cols + k] = value;
        }
    return x;
}

struct trial {
    const struct matrix *matrix;
    const struct tl_acts *acts;
    struct range range;
    uint32_t panel_from, panel_to;
    bool add;                            /* to what lies in the output */
};

static void run(const struct tl_kernel *level, const struct trial *trial, float *out, size_t out_bytes)
{
    const struct matrix *matrix = trial->matrix;
    struct guarded scratch = guarded_new(tl_product_scratch_bytes(), 64);
    struct tl_product product = {
        .number = &matrix->number, .panels = matrix->panels, .rows = matrix->shape.rows, .cols = matrix->shape.cols,
        .acts = trial->acts, .token_from = trial->range.from, .token_to = trial->range.to,
        .out = out, .out_stride = matrix->shape.rows + OUT_PAD, .scratch = scratch.at, .add = trial->add,
    };
    memset(out, 0x5a, out_bytes);
    for (size_t i = 0; trial->add && i < out_bytes / sizeof *out; i++)
        out[i] = (float)(i % 7) - 3.1f;
    memset(scratch.at, 0x5a, tl_product_scratch_bytes());
    level->product[trial->acts->form](&product, trial->panel_from, trial->panel_to);
    guarded_free(scratch);
}

static void compare(const struct tl_kernel *level, const void *argument)
{
    const struct trial *trial = argument;
    const struct matrix *matrix = trial->matrix;
    size_t stride = matrix->shape.rows + OUT_PAD, bytes = MAX_TOKENS * stride * sizeof(float);
    float *expected = take(bytes), *found = take(bytes);
    run(tl_kernel_level("ref"), trial, expected, bytes);
    run(level, trial, found, bytes);
    for (size_t i = 0; i < MAX_TOKENS * stride; i++)
        if (memcmp(&expected[i], &found[i], sizeof(float)) != 0)
            fail_msg("%s %s acts %d %ux%u tokens %u-%u panels %u-%u: token %zu row %zu is %a, not %a", level->name,
                     matrix->number.name, trial->acts->form, matrix->shape.rows, matrix->shape.cols, trial->range.from,
                     trial->range.to, trial->panel_from, trial->panel_to, i / stride, i % stride, found[i], expected[i]);
    free(expected);
    free(found);
}

static void try_form(const struct matrix *matrix, enum tl_acts_form form)
{
    struct shape shape = matrix->shape;
    uint32_t n_panels = (shape.rows + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS;
    struct guarded memory = guarded_new(tl_acts_bytes(form, MAX_TOKENS, shape.cols), 64);
    struct tl_acts acts = {.form = form, .cols = shape.cols, .max_tokens = MAX_TOKENS, .data = memory.at};
    float *x = make_x(shape);
    tl_kernel_level("ref")->acts_fill[form](x, shape.cols, 0, MAX_TOKENS, &acts);
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        struct trial trial = {matrix, &acts, tokens[i], 0, n_panels, false};
        each_level(compare, &trial);
        trial.panel_from = n_panels / 2;
        trial.panel_to = n_panels / 2 + 1;
        each_level(compare, &trial);
        trial.add = form == TL_ACTS_F32 || (form == TL_ACTS_BF16 && matrix->number.id == TL_NUMBER_BF16);
        if (trial.add)
            each_level(compare, &trial);
    }
    free(x);
    guarded_free(memory);
}

static void try_number(const struct tl_number *number)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (enum filling filling = RANDOM; filling < FILLINGS; filling++) {
            if (only_some() && (i + filling + number->id) % FILLINGS != 0)
                continue;
            struct matrix matrix;
            matrix_init(&matrix, number, shapes[i], filling);
            try_form(&matrix, TL_ACTS_F32);
            if (number->group)
                try_form(&matrix, TL_ACTS_Q8);
            if (tl_acts_form_of(number, false) == TL_ACTS_BF16)
                try_form(&matrix, TL_ACTS_BF16);
            guarded_free(matrix.memory);
        }
}

static void test_formats(void **state)
{
    (void)state;
    for (enum tl_number_id id = 0; id < TL_NUMBERS; id++)
        try_number(tl_number(id));
}

/* Copies under an id that no level knows, one with an offset and minima at once. */
static void test_unknown_formats(void **state)
{
    (void)state;
    for (enum tl_number_id id = 0; id < TL_NUMBERS; id++) {
        struct tl_number number = *tl_number(id);
        if (number.group == 0)
            continue;
        number.id = TL_NUMBERS;
        try_number(&number);
        if (number.has_min) {
            number.offset = 5;
            try_number(&number);
        }
    }
}

/* The reference itself: one row by one token, worked out by hand. */
static void test_reference(void **state)
{
    (void)state;
    float w[32], x[32], out = -1;
    for (int i = 0; i < 32; i++) {
        w[i] = (float)(i % 16 - 8);
        x[i] = i % 2 ? 127 : -127;
    }
    uint8_t row[18], scratch[64], *panel = take(16 * 18);
    const struct tl_number *number = tl_number(TL_NUMBER_Q4_0);
    number->encode(w, 32, row);
    tl_panel_pack(number, row, 1, 32, panel);
    struct tl_acts acts = {TL_ACTS_Q8, 32, 1, take(tl_acts_bytes(TL_ACTS_Q8, 1, 32))};
    struct tl_product product = {number, panel, 1, 32, &acts, 0, 1, &out, 1, false, scratch};
    tl_kernel_level("ref")->acts_fill[TL_ACTS_Q8](x, 32, 0, 1, &acts);
    tl_kernel_level("ref")->product[TL_ACTS_Q8](&product, 0, 1);
    assert_true(out == 16 * 127);
    free(acts.data);
    free(panel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_unknown_formats),
    };
    tl_pool_float_mode();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
