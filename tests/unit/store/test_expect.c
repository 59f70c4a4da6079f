/* SPDX-License-Identifier: MIT */
/* Look-ahead: what is expected is read in that order while nothing is demanded; told anew, what is no longer expected and not
 * begun is never read, and what was begun comes last. Through a way of reading that brings a read when the test says so. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "golden_file.h"
#include "store/store_impl.h"

enum { LAYERS = 2, EXPERTS = 8, FRAMES = 16, IN_FLIGHT = TL_DRIVE_DEPTH + 1 };

static struct tl_meters meters;
static struct tl_modelfile *file;
static struct tl_pool *pool;
static struct tl_store *store;
static struct tl_arena arena;
static uint32_t banks[LAYERS];

/* --- a drive at the test's command --- */

struct read { uint32_t tag, n_bytes; };

static struct read reads[IN_FLIGHT];
static uint32_t n_reads;
static tl_io_done read_is_done;
static void *drive;

static int open_drive(uint32_t depth, tl_io_done done, void *context, void **ret_state)
{
    assert_true(depth < IN_FLIGHT);
    read_is_done = done;
    drive = context;
    *ret_state = &reads;
    return 0;
}

static void close_drive(void *state) { (void)state; }

static int begin_read(void *state, int fd, uint64_t offset, void *ret_bytes, uint32_t n_bytes, uint32_t tag)
{
    (void)state;
    int64_t n = pread(fd, ret_bytes, n_bytes, (off_t)offset);
    if (n < 0)
        return -errno;
    reads[n_reads++] = (struct read){ tag, (uint32_t)n };
    return 0;
}

static const struct tl_io by_command = { .name = "by command", .open = open_drive, .close = close_drive, .read = begin_read };

/* The expert that the oldest read is of, which ends. EXPERTS: nothing is being read. */
static uint32_t end_a_read(void)
{
    if (!n_reads)
        return EXPERTS;
    struct read first = reads[0];
    uint32_t expert = store->drive.frames[store->drive.raws[first.tag].frame].expert;
    memmove(reads, reads + 1, --n_reads * sizeof(*reads));
    read_is_done(drive, first.tag, first.n_bytes);
    return expert;
}

/* Ends all reads; the experts in the order in which they come. */
static uint32_t end_all(uint32_t *ret_experts)
{
    uint32_t n = 0;
    for (uint32_t expert = end_a_read(); expert < EXPERTS; expert = end_a_read())
        if (!n || ret_experts[n - 1] != expert)
            ret_experts[n++] = expert;
    return n;
}

/* --- a store of two layers of experts --- */

static uint32_t declare(const char *format, uint32_t layer, bool down)
{
    char name[64];
    uint32_t id;
    snprintf(name, sizeof(name), format, layer);
    const struct tl_tensor *tensor = tl_modelfile_find(file, name);
    assert_non_null(tensor);
    uint32_t rows = down ? 32 : 16;
    struct tl_matrix matrix = { .form = TL_WEIGHT_PANELS, .count = EXPERTS, .rows = rows, .cols = down ? 16 : 32, .tensor = tensor, .row_step = 1,
                                .matrix_step = rows };
    assert_int_equal(tl_store_add(store, &matrix, &id), 0);
    return id;
}

static int open_store(void **state)
{
    struct tl_store_limits limits = { .frames = FRAMES, .threads = 1, .n_used = 2 };
    (void)state;
    memset(&meters, 0, sizeof(meters));
    n_reads = 0;
    assert_int_equal(tl_modelfile_open(golden_file("qwen3_moe/model.gguf"), &file), 0);
    assert_int_equal(tl_store_new(file, &meters, &store), 0);
    assert_int_equal(tl_store_choose(store, NULL, NULL, "on"), 0);
    store->options.io = &by_command;
    for (uint32_t layer = 0; layer < LAYERS; layer++) {
        uint32_t ids[] = { declare("blk.%u.ffn_gate_exps.weight", layer, false), declare("blk.%u.ffn_up_exps.weight", layer, false),
                           declare("blk.%u.ffn_down_exps.weight", layer, true) };
        assert_int_equal(tl_store_add_bank(store, ids, &banks[layer]), 0);
    }
    struct tl_arena counting;
    tl_arena_count(&counting);
    assert_int_equal(tl_store_layout(store, &limits, &counting), 0);
    assert_int_equal(tl_arena_init(&arena, counting.used_bytes), 0);
    assert_int_equal(tl_store_layout(store, &limits, &arena), 0);
    assert_int_equal(tl_pool_new(1, &pool), 0);
    assert_int_equal(tl_store_load(store, pool, NULL, NULL, NULL), 0);
    return 0;
}

static int close_store(void **state)
{
    uint32_t experts[EXPERTS];
    (void)state;
    end_all(experts);
    tl_store_free(store);
    tl_pool_free(pool);
    tl_arena_done(&arena);
    tl_modelfile_close(file);
    return 0;
}

static void expect(uint32_t n, uint32_t a, uint32_t b, uint32_t c)
{
    const uint32_t experts[] = { a, b, c };
    tl_store_expect(store, banks[1], experts, n);
}

static void comes_in_order(void **state)
{
    uint32_t came[3 * EXPERTS];
    (void)state;
    expect(3, 5, 2, 7);
    assert_int_equal(end_all(came), 3);
    assert_int_equal(came[0], 5);
    assert_int_equal(came[1], 2);
    assert_int_equal(came[2], 7);
    assert_int_equal(tl_meter_get(&meters, TL_METER_AHEAD_READS), 3);
}

/* The first is being read; the two behind it wait. */
static void order_changes(void **state)
{
    uint32_t came[3 * EXPERTS];
    (void)state;
    expect(3, 5, 2, 7);
    expect(3, 5, 7, 2);
    assert_int_equal(end_all(came), 3);
    assert_int_equal(came[1], 7);
    assert_int_equal(came[2], 2);
    assert_int_equal(tl_meter_get(&meters, TL_METER_AHEAD_READS), 3);
}

static void what_is_not_begun_goes(void **state)
{
    uint32_t came[3 * EXPERTS];
    (void)state;
    expect(2, 5, 2, 0);
    expect(2, 7, 5, 0);
    assert_int_equal(end_all(came), 2);
    assert_int_equal(came[0], 5);
    assert_int_equal(came[1], 7);
    assert_int_equal(tl_meter_get(&meters, TL_METER_AHEAD_READS), 2);
}

/* Two reads at a time leave one of an expert's three for later. */
static void what_is_begun_comes_last(void **state)
{
    uint32_t came[3 * EXPERTS];
    (void)state;
    store->drive.depth = 2;
    expect(1, 5, 0, 0);
    expect(1, 7, 0, 0);
    assert_int_equal(end_all(came), 3);
    assert_int_equal(came[0], 5);
    assert_int_equal(came[1], 7);
    assert_int_equal(came[2], 5);
}

/* What is asked for needs no read of its own, and other layers' expectations stay. */
static void is_found(void **state)
{
    const uint32_t asked[] = { 5 }, other[] = { 1 };
    uint32_t came[3 * EXPERTS];
    struct tl_expert expert;
    (void)state;
    tl_store_expect(store, banks[0], other, 1);
    expect(2, 2, 5, 0);
    expect(1, 5, 0, 0);
    assert_int_equal(end_all(came), 2);
    assert_int_equal(came[0], 1);
    assert_int_equal(came[1], 5);
    assert_int_equal(tl_store_ask(store, banks[1], asked, 1, false), 0);
    assert_int_equal(n_reads, 0);
    assert_int_equal(tl_store_take(store, &expert, 1), 1);
    assert_int_equal(expert.expert, 5);
    tl_store_give(store, banks[1], &expert, 1);
    assert_int_equal(tl_meter_get(&meters, TL_METER_AHEAD_USES), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(comes_in_order, open_store, close_store),
        cmocka_unit_test_setup_teardown(order_changes, open_store, close_store),
        cmocka_unit_test_setup_teardown(what_is_not_begun_goes, open_store, close_store),
        cmocka_unit_test_setup_teardown(what_is_begun_comes_last, open_store, close_store),
        cmocka_unit_test_setup_teardown(is_found, open_store, close_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
