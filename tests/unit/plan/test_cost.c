/* SPDX-License-Identifier: MIT */
/* The tables that costs are counted by, and the formulas that need no model. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "plan/cost.h"
#include "plan/outlined.h"
#include "plan/rates.h"

static void test_parts(void **state)
{
    static const bool listed[TL_ROLES] = {
#define PART(id, name, meaning)
#define PART_ROLE(role, part) [TL_R_##role] = true,
#include "plan/parts.def"
#undef PART
#undef PART_ROLE
    };
    bool used[TL_PARTS] = {false};
    (void)state;
    for (int role = 0; role < TL_ROLES; role++) {
        assert_true(listed[role]);
        used[tl_weight_part_of((enum tl_role)role)] = true;
    }
    for (int part = 0; part < TL_PARTS; part++) {
        assert_true(used[part]);
        for (int other = 0; other < part; other++)
            assert_string_not_equal(tl_weight_parts[part].name, tl_weight_parts[other].name);
    }
    assert_int_equal(tl_weight_part_of(TL_R_EXPERT_DOWN), TL_PART_EXPERTS);
    assert_int_equal(tl_weight_part_of(TL_R_KV_A_NORM), TL_PART_ATTENTION);
}

static void test_rates(void **state)
{
    (void)state;
    for (int i = 0; i < TL_NUMBERS; i++) {
        assert_true(tl_rates[i].one > 0 && tl_rates[i].one <= tl_rates[i].many);
        assert_true(tl_rates[i].many <= 1);
    }
    for (int i = 0; i < TL_REACHES; i++)
        assert_true(tl_reaches[i].value > 0 && strlen(tl_reaches[i].meaning) > 0);
}

static void test_distinct(void **state)
{
    (void)state;
    assert_true(fabs(tl_cost_distinct(128, 8, 1) - 8) < 1e-9);
    assert_true(fabs(tl_cost_distinct(128, 8, 2) - 15.5) < 1e-9);
    assert_true(fabs(tl_cost_distinct(128, 8, 100000) - 128) < 1e-9);
    assert_true(fabs(tl_cost_distinct(4, 4, 1) - 4) < 1e-9);
}

static void test_prices(void **state)
{
    struct tl_machine machine;
    struct tl_cost cost = {.seconds = 3600}, sum = {0};
    (void)state;
    tl_machine_ask(NULL, &machine);
    tl_machine_set(&machine, TL_FACT_WATTS, 100, TL_SOURCE_SAID);
    tl_machine_set(&machine, TL_FACT_PUE, 1.5, TL_SOURCE_SAID);
    tl_machine_set(&machine, TL_FACT_KWH, 0.2, TL_SOURCE_SAID);
    tl_machine_set(&machine, TL_FACT_HOUR, 2, TL_SOURCE_SAID);
    tl_machine_set(&machine, TL_FACT_CARBON, 400, TL_SOURCE_SAID);
    tl_cost_price(&cost, &machine);
    assert_true(fabs(cost.joules - 540000) < 1e-6);
    assert_true(fabs(cost.money - (0.15 * 0.2 + 2)) < 1e-9);
    assert_true(fabs(cost.grams - 60) < 1e-9);
    cost.drive_s = 2;
    cost.memory_s = 1;
    tl_cost_add(&sum, &cost, 3, &machine);
    assert_int_equal(sum.bound, TL_BOUND_DRIVE);
    assert_true(fabs(sum.joules - 3 * cost.joules) < 1e-3);
}

/* --- of models ----------------------------------------------------------------------------------------------------- */

static struct tl_outlined *open_known(const char *name)
{
    struct tl_outlined *outlined;
    if (tl_outlined_open(name, &(struct tl_outline_sizes){0}, &(struct tl_recipe_names){0}, &(struct tl_model_choices){0}, &outlined) < 0)
        fail_msg("%s: %s", name, tl_error_text());
    return outlined;
}

static void lay(struct tl_model *model, struct tl_model_limits *limits)
{
    struct tl_model_memory memory;
    if (tl_model_plan(model, limits, &memory) < 0)
        fail_msg("%s", tl_error_text());
}

static struct tl_machine machine_of(double memory, double drive, double flops)
{
    struct tl_machine machine;
    tl_machine_ask(NULL, &machine);
    tl_machine_set(&machine, TL_FACT_THREADS, 4, TL_SOURCE_SAID);
    tl_machine_set(&machine, TL_FACT_MEMORY, memory, TL_SOURCE_SAID);
    tl_machine_set(&machine, TL_FACT_DRIVE, drive, TL_SOURCE_SAID);
    tl_machine_set(&machine, TL_FACT_INT8, flops, TL_SOURCE_SAID);
    tl_machine_finish(&machine);
    return machine;
}

static bool near(double found, double expected, double share) { return fabs(found - expected) <= share * fabs(expected); }

/* Every weight is counted once, whatever the architecture. */
static void test_sizes(void **state)
{
    (void)state;
    for (size_t i = 0; i < tl_known_count; i++) {
        struct tl_outlined *outlined = open_known(tl_known[i].name);
        struct tl_sizes sizes;
        uint64_t formats = 0;
        tl_sizes_of(outlined->model, &sizes);
        for (int f = 0; f < TL_NUMBERS; f++)
            formats += sizes.format_bytes[f];
        assert_int_equal(sizes.weight_bytes, tl_model_weight_bytes(outlined->model));
        assert_int_equal(formats, sizes.weight_bytes);
        assert_int_equal(sizes.part_bytes[TL_PART_EXPERTS] > 0, sizes.experts > 0);
        assert_true(sizes.part_bytes[TL_PART_EMBED] > 0 && sizes.part_bytes[TL_PART_NORMS] > 0);
        tl_outlined_close(outlined);
    }
}

/* Published or computed elsewhere: bytes of keys and values a token at two bytes each, and of states. */
static void test_state_bytes(void **state)
{
    static const struct { const char *name; uint64_t token; double fixed; } rows[] = {
        {"deepseek-v3", 70272, 0}, {"kimi-k2", 70272, 0}, {"gpt-oss-120b", 36864, 4.7e6},
        {"qwen3.8-2.4t-a95b", 94208, 579e6}, {"qwen3.5-397b-a17b", 30720, 189e6}, {"qwen3.5-35b-a3b", 20480, 63e6},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tl_outlined *outlined = open_known(rows[i].name);
        struct tl_sizes sizes;
        tl_sizes_of(outlined->model, &sizes);
        print_message("%s: %llu bytes a token, %llu of state\n", rows[i].name, (unsigned long long)sizes.kv_token_bytes, (unsigned long long)sizes.state_bytes);
        assert_int_equal(sizes.kv_token_bytes, rows[i].token);
        assert_true(near((double)sizes.state_bytes, rows[i].fixed, 0.06));
        tl_outlined_close(outlined);
    }
}

/* Operations: two for each active parameter that is multiplied, and attention by its formula. */
static void test_operations(void **state)
{
    static const char *const names[] = {"llama-3.1-8b", "qwen3-30b-a3b", "deepseek-v3", "kimi-k2"};
    struct tl_machine machine = machine_of(40e9, 2e9, 1e12);
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct tl_outlined *outlined = open_known(names[i]);
        const struct tl_geometry *g = &outlined->geometry;
        struct tl_model_limits limits = {.context = 8192, .sessions = 1, .chunk = 512, .threads = 4};
        struct tl_cost cost;
        double context = 4096, of_head = g->kv_rank ? 2.0 * g->kv_rank + g->n_rot : 2.0 * g->head_dim;
        double active = (double)tl_model_program(outlined->model)->active_parameters - (double)g->vocab * g->width;
        double expected = 2 * active + 2 * of_head * g->n_heads * g->n_layers * (context + 1);
        lay(outlined->model, &limits);
        tl_cost_decode(outlined->model, &limits, &machine, 1, (uint32_t)context, &cost);
        print_message("%s: %.4g operations, %.4g expected\n", names[i], cost.operations, expected);
        assert_true(near(cost.operations, expected, 0.01));
        assert_true(cost.drive_bytes == 0 && cost.tokens == 1 && cost.steps == 1);
        assert_true(cost.memory_bytes >= (double)tl_model_program(outlined->model)->product_bytes);
        tl_outlined_close(outlined);
    }
}

/* A model in memory is bound by memory when it decodes and by arithmetic when it reads; times follow the facts. */
static void test_bounds(void **state)
{
    struct tl_outlined *outlined = open_known("llama-3.1-8b");
    struct tl_model_limits limits = {.context = 4096, .sessions = 1, .chunk = 512, .threads = 4};
    struct tl_machine slow = machine_of(20e9, 1e9, 4e12), fast = machine_of(40e9, 1e9, 4e12), strong = machine_of(20e9, 1e9, 8e12);
    struct tl_cost a, b, c;
    (void)state;
    lay(outlined->model, &limits);
    tl_cost_decode(outlined->model, &limits, &slow, 1, 100, &a);
    tl_cost_decode(outlined->model, &limits, &fast, 1, 100, &b);
    tl_cost_decode(outlined->model, &limits, &slow, 8, 100, &c);
    assert_int_equal(a.bound, TL_BOUND_MEMORY);
    assert_true(near(a.seconds / b.seconds, 2, 0.03));
    assert_true(c.tokens == 8 && c.seconds < 2 * a.seconds);             /* the weights are read once for all */
    assert_true(a.low_seconds < a.seconds && a.seconds < a.high_seconds);
    tl_cost_prefill(outlined->model, &limits, &slow, 1200, 0, &a);
    tl_cost_prefill(outlined->model, &limits, &strong, 1200, 0, &b);
    assert_int_equal(a.bound, TL_BOUND_ARITHMETIC);
    assert_true(near(a.seconds / b.seconds, 2, 0.05));
    assert_true(a.tokens == 1200 && a.steps == 3);
    tl_cost_prefill(outlined->model, &limits, &slow, 512 * 40, 0, &c);   /* of many steps only some are looked at */
    tl_cost_prefill(outlined->model, &limits, &slow, 512 * 16, 512 * 12, &b);
    assert_true(c.tokens == 512 * 40 && c.steps == 40 && near(c.seconds / 40, b.seconds / 16, 0.02));
    tl_outlined_close(outlined);
}

/* Streamed: bytes are those of the experts that an even cache lacks; more frames, fewer bytes; a sweep reads each once. */
static void test_streamed(void **state)
{
    struct tl_outlined *outlined = open_known("qwen3-30b-a3b");
    struct tl_model_limits few = {.context = 2048, .sessions = 1, .chunk = 512, .threads = 4, .frames = 500}, sweep = few;
    struct tl_machine machine = machine_of(40e9, 1e9, 1e12);
    struct tl_sizes sizes;
    struct tl_cost a, b;
    (void)state;
    tl_sizes_of(outlined->model, &sizes);
    lay(outlined->model, &few);
    double hits = tl_cost_hits(outlined->model);
    assert_true(hits > 0 && hits < 500.0 / sizes.experts);
    tl_cost_decode(outlined->model, &few, &machine, 1, 100, &a);
    assert_int_equal(a.bound, TL_BOUND_DRIVE);
    assert_true(near(a.drive_bytes, (1 - hits) * 8 * 48 * (double)sizes.expert_bytes, 1e-6));
    assert_true(near(a.seconds, a.drive_bytes / 1e9, 0.1));
    tl_cost_decode(outlined->model, &few, &machine, 4, 100, &b);
    assert_true(b.drive_bytes > 3 * a.drive_bytes && b.drive_bytes < 4 * a.drive_bytes);
    few.frames = 3000;
    lay(outlined->model, &few);
    tl_cost_decode(outlined->model, &few, &machine, 1, 100, &b);
    assert_true(b.drive_bytes < 0.6 * a.drive_bytes);
    sweep.sweep = true;
    sweep.sessions = 8;
    sweep.chunk = 8 * 2048;
    lay(outlined->model, &sweep);
    tl_cost_score(outlined->model, &sweep, &machine, 2 * sweep.chunk, &a);
    assert_true(near(a.drive_bytes, 2 * (1 - tl_cost_hits(outlined->model)) * (double)sizes.part_bytes[TL_PART_EXPERTS], 0.01));
    assert_true(a.steps == 2 && a.bound == TL_BOUND_ARITHMETIC);
    double even = tl_cost_break_even(outlined->model, &machine);
    assert_true(even > 500 && even < 50000);
    tl_outlined_close(outlined);
}

/* Whose value binds arithmetic: that of the format in which most weights are, routed experts as far as they are used. */
static void test_facts(void **state)
{
    static const struct { const char *name; enum tl_fact fact; } rows[] = {
        {"kimi-k2", TL_FACT_INT8}, {"llama-3.1-8b", TL_FACT_BF16}, {"deepseek-v3", TL_FACT_BF16}, {"gpt-oss-120b", TL_FACT_INT8},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tl_outlined *outlined = open_known(rows[i].name);
        assert_int_equal(tl_bound_fact(outlined->model, TL_BOUND_ARITHMETIC), rows[i].fact);
        assert_int_equal(tl_bound_fact(outlined->model, TL_BOUND_DRIVE), TL_FACT_DRIVE);
        assert_int_equal(tl_bound_fact(outlined->model, TL_BOUND_MEMORY), TL_FACT_MEMORY);
        tl_outlined_close(outlined);
    }
}

static void test_batch(void **state)
{
    struct tl_outlined *outlined = open_known("qwen3-0.6b");
    struct tl_model_limits limits = {.context = 256, .sessions = 8, .chunk = 512, .threads = 4};
    struct tl_machine machine = machine_of(40e9, 1e9, 1e12);
    struct tl_cost one, all;
    (void)state;
    lay(outlined->model, &limits);
    tl_cost_batch(outlined->model, &limits, &machine, 8, 100, 50, &one);
    tl_cost_batch(outlined->model, &limits, &machine, 24, 100, 50, &all);
    assert_true(one.tokens == 400 && all.tokens == 1200 && near(all.seconds, 3 * one.seconds, 1e-9));
    tl_outlined_close(outlined);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts), cmocka_unit_test(test_rates), cmocka_unit_test(test_distinct), cmocka_unit_test(test_prices),
        cmocka_unit_test(test_sizes), cmocka_unit_test(test_state_bytes), cmocka_unit_test(test_operations), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_streamed), cmocka_unit_test(test_batch), cmocka_unit_test(test_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
