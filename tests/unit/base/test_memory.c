/* SPDX-License-Identifier: MIT */
/* The heap, arenas and the switch that fails one allocation. */
#include "base_test.h"

#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/memory.h"

static void memory_is_zeroed_and_counted(void **state)
{
    (void)state;
    uint64_t before = tl_memory_allocations();
    TL_AUTO char *bytes = tl_alloc(100, 3);
    TL_AUTO char *none = tl_alloc(0, 8);
    assert_non_null(bytes);
    assert_non_null(none);
    for (int i = 0; i < 300; i++)
        assert_int_equal(bytes[i], 0);
    assert_int_equal(tl_memory_allocations() - before, 2);
}

static void wrapped_sizes_fail(void **state)
{
    (void)state;
    TL_AUTO char *kept = tl_strdup("kept");
    assert_null(tl_alloc(SIZE_MAX / 2, 3));
    assert_memory_equal(tl_error_text(), "out of memory", 13);
    assert_null(tl_realloc(kept, SIZE_MAX / 2, 3));
    assert_string_equal(kept, "kept");
}

static void texts_are_copied(void **state)
{
    (void)state;
    TL_AUTO char *part = tl_strndup("abcdef", 3), *zeros = tl_strndup("a\0bc", 3);
    TL_AUTO char *grown = tl_realloc(tl_strdup("abc"), 100, 1);
    assert_string_equal(part, "abc");
    assert_memory_equal(zeros, "a\0b", 4);
    assert_string_equal(grown, "abc");
}

static void arrays_grow(void **state)
{
    (void)state;
    uint64_t cap = 0, before = tl_memory_allocations(), *kept = NULL;
    TL_AUTO uint64_t *array = NULL;
    for (uint64_t n = 0; n < 1000; n++) {
        assert_int_equal(tl_grow((void **)&array, n, &cap, sizeof(*array)), 0);
        array[n] = n;
    }
    for (uint64_t n = 0; n < 1000; n++)
        assert_int_equal(array[n], n);
    assert_in_range(tl_memory_allocations() - before, 1, 12);
    assert_in_range(cap, 1000, 1500 + 16);
    kept = array;
    assert_int_equal(tl_reserve((void **)&array, UINT64_MAX / 4, &cap, sizeof(*array)), TL_E_NOMEM);
    assert_ptr_equal(array, kept);
    assert_int_equal(tl_reserve((void **)&array, 100000, &cap, sizeof(*array)), 0);
    assert_int_equal(cap, 100000);
}

static void one_allocation_fails(void **state)
{
    (void)state;
    struct tl_arena arena;
    for (long n = 0; n < 4; n++) {
        tl_memory_fail_after(n);
        char *a = tl_alloc(1, 1), *b = tl_strdup("b"), *c = tl_realloc(NULL, 1, 1);
        int r = tl_arena_init(&arena, 100);
        assert_int_equal(a == NULL, n == 0);
        assert_int_equal(b == NULL, n == 1);
        assert_int_equal(c == NULL, n == 2);
        assert_int_equal(r, n == 3 ? TL_E_NOMEM : 0);
        tl_free(a);
        tl_free(b);
        tl_free(c);
        tl_arena_done(&arena);
    }
    tl_memory_fail_after(5);
    tl_memory_fail_after(-1);
    for (int i = 0; i < 10; i++)
        tl_free(tl_alloc(1, 1));
}

/* Any layout: sizes that need alignment, empty ones, large ones. */
static void layout(struct tl_arena *arena, void *ret_parts[5])
{
    static const uint64_t sizes[5][2] = {{3, 1}, {7, 4}, {0, 8}, {1 << 20, 4}, {1, 1}};
    for (int i = 0; i < 5; i++)
        ret_parts[i] = tl_arena_take(arena, sizes[i][0], sizes[i][1]);
}

static void counting_equals_taking(void **state)
{
    (void)state;
    struct tl_arena count, real;
    void *parts[5];
    tl_arena_count(&count);
    layout(&count, parts);
    assert_true(tl_arena_counting(&count) && !count.overflow);
    for (int i = 0; i < 5; i++)
        assert_null(parts[i]);
    assert_int_equal(tl_arena_init(&real, count.used_bytes), 0);
    assert_false(tl_arena_counting(&real));
    assert_int_equal((uintptr_t)real.base % (2 << 20), 0);
    layout(&real, parts);
    assert_false(real.overflow);
    assert_int_equal(real.used_bytes, count.used_bytes);
    for (int i = 0; i < 5; i++)
        assert_int_equal((uintptr_t)parts[i] % TL_ARENA_ALIGN, 0);
    for (uint64_t i = 0; i < real.used_bytes; i++)
        assert_int_equal(real.base[i], 0);
    memset(parts[3], 1, 4 << 20);
    tl_arena_done(&real);
    tl_arena_done(&real);
    tl_arena_done(NULL);
}

static void overflow_is_noted(void **state)
{
    (void)state;
    struct tl_arena arena;
    assert_int_equal(tl_arena_init(&arena, 128), 0);
    assert_non_null(tl_arena_take(&arena, 1, 1));
    assert_non_null(tl_arena_take(&arena, 64, 1));
    assert_false(arena.overflow);
    assert_null(tl_arena_take(&arena, 1, 1));
    assert_true(arena.overflow);
    tl_arena_done(&arena);
    static const uint64_t wrapping[][2] = {{UINT64_MAX, 2}, {UINT64_MAX, 1}, {UINT64_MAX - 64, 1}};
    for (size_t i = 0; i < ROWS(wrapping); i++) {
        tl_arena_count(&arena);
        tl_arena_take(&arena, 65, 1);
        assert_null(tl_arena_take(&arena, wrapping[i][0], wrapping[i][1]));
        assert_true(arena.overflow);
        assert_int_equal(tl_arena_init(&arena, wrapping[i][0]), TL_E_NOMEM);
        tl_arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_counted), cmocka_unit_test(wrapped_sizes_fail),
        cmocka_unit_test(texts_are_copied), cmocka_unit_test(arrays_grow), cmocka_unit_test(one_allocation_fails),
        cmocka_unit_test(counting_equals_taking), cmocka_unit_test(overflow_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
