/* SPDX-License-Identifier: MIT */
/* Products of every level, in every way that operands can lie, against one chain of fma an output, bit for bit, and with
 * any number of threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "train/matmul.h"

struct shape { uint32_t m, n, inner; };
static const struct shape shapes[] = { { 1, 1, 1 }, { 3, 17, 5 }, { 12, 32, 64 }, { 254, 40, 257 }, { 30, 300, 31 }, { 7, 259, 513 } };

static float *numbers(size_t n, uint32_t seed)
{
    float *values = malloc(n * sizeof(*values) + 64);
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525 + 1013904223;
        values[i] = (float)(int32_t)seed * 0x1p-31f;
    }
    return values;
}

static float at(const struct tl_operand *operand, uint32_t i, uint32_t k) { return operand->data[i * operand->row_step + k * operand->inner_step]; }

static float rounded(float value) { return tl_bf16_to_f32(tl_f32_to_bf16(value)); }

static float expect(const struct tl_matmul *p, uint32_t i, uint32_t j, float from)
{
    for (uint32_t k = 0; k < p->inner; k += 1 + p->bf16)
        for (uint32_t odd = p->bf16 && k + 1 < p->inner ? 1 : 0, left = odd + 1; left-- > 0; odd = 0) {
            float a = at(&p->a, i, k + odd), b = at(&p->b, j, k + odd);
            from = p->bf16 ? fmaf(rounded(b), rounded(a), from) : fmaf(b, a, from);
        }
    return from;
}

struct fixture { struct tl_arena arena; struct tl_matmul_room *room; struct tl_pool *pool; };

static void begin(struct fixture *f, uint32_t threads)
{
    struct tl_arena count;
    tl_arena_count(&count);
    assert_int_equal(tl_matmul_layout(&count, threads, 600, &f->room), 0);
    assert_null(f->room);
    assert_int_equal(tl_arena_init(&f->arena, count.used_bytes), 0);
    assert_int_equal(tl_matmul_layout(&f->arena, threads, 600, &f->room), 0);
    assert_false(f->arena.overflow);
    assert_int_equal(tl_pool_new(threads, &f->pool), 0);
}

static void end(struct fixture *f)
{
    tl_pool_free(f->pool);
    tl_arena_done(&f->arena);
}

static void check(const struct tl_kernel *kernel, struct fixture *f, const struct tl_matmul *p, bool piece)
{
    size_t n = (size_t)p->m * p->c_step;
    float *before = numbers(n, 7), *c = malloc(n * sizeof(*c));
    struct tl_matmul run = *p;
    memcpy(c, before, n * sizeof(*c));
    run.c = c;
    if (piece)
        tl_matmul_piece(f->room, 0, kernel, &run);
    else
        tl_matmul_run(f->room, f->pool, kernel, &run);
    for (uint32_t i = 0; i < p->m; i++)
        for (uint32_t j = 0; j < p->c_step; j++) {
            size_t o = i * p->c_step + j;
            float expected = j < p->n ? expect(p, i, j, p->add ? before[o] : 0) : before[o];
            if (memcmp(&expected, &c[o], sizeof(expected)) != 0)
                fail_msg("%s %ux%ux%u, steps %zu %zu: c[%u][%u] is %a, expected %a", kernel->name, p->m, p->n, p->inner, p->a.row_step, p->b.row_step, i,
                         j, (double)c[o], (double)expected);
        }
    free(before);
    free(c);
}

static void check_ways(const struct tl_kernel *kernel, struct fixture *f, struct shape s)
{
    float *a = numbers((size_t)s.m * (s.inner + 3) + 3 * s.inner, 1), *b = numbers((size_t)s.n * (s.inner + 3) + 3 * s.inner, 2);
    for (uint32_t way = 0; way < 16; way++) {
        struct tl_matmul p = { .m = s.m, .n = s.n, .inner = s.inner, .c_step = s.n + 2, .add = way & 4, .bf16 = way & 8 };
        p.a = way & 1 ? tl_operand_turned(a, s.m + 1) : tl_operand_of(a, s.inner + 1);
        p.b = way & 2 ? tl_operand_turned(b, s.n + 1) : tl_operand_of(b, s.inner + 2);
        check(kernel, f, &p, way % 3 == 0);
    }
    free(a);
    free(b);
}

static void each_level(void (*test)(const struct tl_kernel *kernel, struct fixture *f))
{
    static const char *const names[] = { "ref", "avx2", "avx512", "neon" };
    for (uint32_t i = 0; i < 4; i++)
        for (uint32_t threads = 1; threads <= 3 && tl_kernel_level(names[i]); threads++) {
            struct fixture f;
            begin(&f, threads);
            test(tl_kernel_level(names[i]), &f);
            end(&f);
        }
}

static void all_shapes(const struct tl_kernel *kernel, struct fixture *f)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
        check_ways(kernel, f, shapes[i]);
}

static void test_shapes(void **state)
{
    (void)state;
    each_level(all_shapes);
}

/* A weight of a number format gives what its decoded values give. */
static void weights_of(const struct tl_kernel *kernel, struct fixture *f, const struct tl_number *number)
{
    enum { OUT = 40, IN = 512, TOKENS = 21 };
    float *values = numbers(OUT * IN, 3), *x = numbers(TOKENS * 600, 4), *c[2] = { malloc(TOKENS * IN * 4), malloc(TOKENS * IN * 4) };
    uint64_t row = 0, panel = tl_panel_bytes(number, IN);
    assert_true(tl_number_bytes(number, IN, &row));
    uint8_t *rows = malloc(OUT * row), *panels = aligned_alloc(64, (3 * panel + 63) / 64 * 64);
    for (uint32_t r = 0; r < OUT; r++) {
        number->encode(values + r * IN, IN, rows + r * row);
        tl_number_decode(number, rows + r * row, IN, values + r * IN);
    }
    for (uint32_t p = 0; p < 3; p++)
        tl_panel_pack(number, rows + p * 16 * row, p < 2 ? 16 : OUT - 32, IN, panels + p * panel);
    struct tl_weight w = { .form = TL_WEIGHT_PANELS, .number = number, .count = 1, .rows = OUT, .cols = IN, .data = panels, .matrix_bytes = 3 * panel };
    for (int turned = 0; turned < 2; turned++) {
        struct tl_matmul p = { .a = tl_operand_of(x, 600), .m = TOKENS, .n = turned ? IN : OUT, .inner = turned ? OUT : IN,
                               .c = c[0], .c_step = IN };
        p.b = (struct tl_operand){ .weight = &w, .transposed = turned };
        tl_matmul_run(f->room, f->pool, kernel, &p);
        p.b = turned ? tl_operand_turned(values, IN) : tl_operand_of(values, IN);
        p.c = c[1];
        tl_matmul_run(f->room, f->pool, kernel, &p);
        for (uint32_t t = 0; t < TOKENS; t++)
            assert_memory_equal(c[0] + t * IN, c[1] + t * IN, p.n * sizeof(float));
    }
    free(values); free(x); free(c[0]); free(c[1]); free(rows); free(panels);
}

static void all_numbers(const struct tl_kernel *kernel, struct fixture *f)
{
    for (int id = 0; id < TL_NUMBERS; id++)
        if (tl_number((enum tl_number_id)id)->encode)
            weights_of(kernel, f, tl_number((enum tl_number_id)id));
}

static void test_weights(void **state)
{
    (void)state;
    each_level(all_numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_shapes), cmocka_unit_test(test_weights) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
