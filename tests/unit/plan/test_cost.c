/* SPDX-License-Identifier: MIT */
/* The tables that costs are counted by, and the formulas that need no model. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "plan/cost.h"
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
        used[tl_part_of((enum tl_role)role)] = true;
    }
    for (int part = 0; part < TL_PARTS; part++) {
        assert_true(used[part]);
        for (int other = 0; other < part; other++)
            assert_string_not_equal(tl_parts[part].name, tl_parts[other].name);
    }
    assert_int_equal(tl_part_of(TL_R_EXPERT_DOWN), TL_PART_EXPERTS);
    assert_int_equal(tl_part_of(TL_R_KV_A_NORM), TL_PART_ATTENTION);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts), cmocka_unit_test(test_rates), cmocka_unit_test(test_distinct), cmocka_unit_test(test_prices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
