/* SPDX-License-Identifier: MIT */
/* What is declared twice in the same way is there once, among tens of thousands too; whatever differs is something else;
 * a declaration fails once for each allocation, and nothing is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/meter.h"
#include "store/store.h"

enum { MANY = 40000, ROWS = 16, COLS = 32 };

static struct tl_meters meters;
static struct tl_tensor tensors[MANY];

static int make_tensors(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < MANY; i++)
        tensors[i] = (struct tl_tensor){.name = "w", .number = tl_number(TL_NUMBER_F32), .type_name = "f32", .n_dims = 2,
                                        .shape = {2 * ROWS, COLS}, .n_elems = 2 * ROWS * COLS, .n_bytes = 8 * ROWS * COLS};
    return 0;
}

static struct tl_matrix matrix_of(uint32_t i)
{
    return (struct tl_matrix){.form = TL_WEIGHT_PANELS, .count = 1, .rows = ROWS, .cols = COLS, .tensor = &tensors[i], .row_step = 1, .matrix_step = ROWS};
}

static void many(void **state)
{
    struct tl_store *store;
    uint32_t id;
    (void)state;
    assert_int_equal(tl_store_new(NULL, &meters, &store), 0);
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < MANY; i++) {
            struct tl_matrix matrix = matrix_of(i);
            assert_int_equal(tl_store_add(store, &matrix, &id), 0);
            if (id != i)
                fail_msg("matrix %u has id %u", i, id);
        }
    assert_int_equal(tl_store_count(store), MANY);
    tl_store_free(store);
}

static void others(void **state)
{
    struct tl_matrix kinds[7], each;
    struct tl_store *store;
    uint32_t id;
    (void)state;
    for (int i = 0; i < 7; i++)
        kinds[i] = matrix_of(0);
    kinds[1].tensor = &tensors[1];
    kinds[2].first_row = ROWS;
    kinds[3].rows = ROWS / 2;
    kinds[4].form = kinds[5].form = TL_WEIGHT_VECTOR;
    kinds[4].rows = kinds[5].rows = 1;
    kinds[5].add = 1;
    kinds[6].scales = &tensors[2];
    assert_int_equal(tl_store_new(NULL, &meters, &store), 0);
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < 7; i++) {
            assert_int_equal(tl_store_add(store, &kinds[i], &id), 0);
            assert_int_equal(id, i);
        }
    for (uint32_t i = 7; i < 9; i++) {                       /* tensors of their own are never taken for each other's */
        each = matrix_of(0);
        each.each = tl_alloc(1, sizeof(*each.each));
        each.each[0] = &tensors[0];
        assert_int_equal(tl_store_add(store, &each, &id), 0);
        assert_int_equal(id, i);
    }
    tl_store_free(store);
}

static void memory_fails(void **state)
{
    (void)state;
    for (long n = 0, status = -1; status < 0; n++) {
        struct tl_store *store = NULL;
        uint32_t id;
        tl_memory_fail_after(n);
        status = tl_store_new(NULL, &meters, &store);
        for (uint32_t i = 0; i < 200 && status >= 0; i++) {
            struct tl_matrix matrix = matrix_of(i);
            status = tl_store_add(store, &matrix, &id);
        }
        tl_memory_fail_after(-1);
        assert_true(status >= 0 || status == TL_E_NOMEM);
        assert_true(status < 0 || tl_store_count(store) == 200);
        assert_true(n < 100);
        tl_store_free(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(many), cmocka_unit_test(others), cmocka_unit_test(memory_fails)};
    return cmocka_run_group_tests(tests, make_tensors, NULL);
}
