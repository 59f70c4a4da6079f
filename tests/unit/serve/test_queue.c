/* SPDX-License-Identifier: MIT */
/* Parts that wait: bounded, in turns, taken out when nobody wants them any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve/queue.h"

static void put(struct tl_queue *queue, struct tl_queue_entry *entry, uint32_t n_parts)
{
    *entry = (struct tl_queue_entry){.n_parts = n_parts};
    assert_true(tl_queue_reserve(queue, n_parts));
    tl_queue_put(queue, entry);
}

static void take(struct tl_queue *queue, const struct tl_queue_entry *entry, uint32_t part)
{
    uint32_t got;
    assert_ptr_equal(tl_queue_take(queue, &got), entry);
    assert_int_equal(got, part);
}

static void test_turns(void **state)
{
    struct tl_queue queue;
    struct tl_queue_entry many, one, two;
    (void)state;
    tl_queue_init(&queue, 100);
    put(&queue, &many, 4);
    put(&queue, &one, 1);
    put(&queue, &two, 2);
    take(&queue, &many, 0);
    take(&queue, &one, 0);
    take(&queue, &two, 0);
    take(&queue, &many, 1);
    take(&queue, &two, 1);
    take(&queue, &many, 2);
    take(&queue, &many, 3);
    assert_int_equal(tl_queue_waiting(&queue), 0);
    tl_queue_done(&queue);
}

static void test_bound(void **state)
{
    struct tl_queue queue;
    struct tl_queue_entry a, b;
    (void)state;
    tl_queue_init(&queue, 3);
    put(&queue, &a, 50);                     /* an empty one takes any */
    assert_false(tl_queue_reserve(&queue, 1));
    for (uint32_t i = 0; i < 48; i++)
        take(&queue, &a, i);
    assert_true(tl_queue_reserve(&queue, 1));
    assert_false(tl_queue_reserve(&queue, 1));
    tl_queue_give_back(&queue, 1);
    put(&queue, &b, 1);
    assert_int_equal(tl_queue_waiting(&queue), 3);
    tl_queue_done(&queue);
}

static void test_drop(void **state)
{
    struct tl_queue queue;
    struct tl_queue_entry a, b, c;
    (void)state;
    tl_queue_init(&queue, 100);
    put(&queue, &a, 3);
    put(&queue, &b, 2);
    put(&queue, &c, 1);
    take(&queue, &a, 0);                     /* now b, c, a */
    assert_int_equal(tl_queue_drop(&queue, &a), 2);
    assert_int_equal(tl_queue_drop(&queue, &a), 0);
    assert_int_equal(tl_queue_waiting(&queue), 3);
    take(&queue, &b, 0);
    assert_int_equal(tl_queue_drop(&queue, &c), 1);
    take(&queue, &b, 1);
    assert_int_equal(tl_queue_waiting(&queue), 0);
    put(&queue, &c, 1);                      /* what was the end has moved */
    take(&queue, &c, 0);
    tl_queue_done(&queue);
}

static void test_end(void **state)
{
    struct tl_queue queue;
    struct tl_queue_entry a;
    uint32_t part;
    (void)state;
    tl_queue_init(&queue, 100);
    put(&queue, &a, 1);
    tl_queue_end(&queue);
    assert_null(tl_queue_take(&queue, &part));
    tl_queue_begin(&queue);
    take(&queue, &a, 0);
    tl_queue_done(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_turns), cmocka_unit_test(test_bound), cmocka_unit_test(test_drop), cmocka_unit_test(test_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
