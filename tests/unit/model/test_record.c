/* SPDX-License-Identifier: MIT */
/* States of models with recurrent layers: records written beside each other, which of them stay, forks, files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "kernel/kernel.h"
#include "model/state.h"

struct fixture { struct tl_geometry *geometry; struct tl_cache cache; struct tl_arena arena; };

enum { CONTEXT = 4096, CHUNK = 256, SEQUENCES = 2 };

/* Two recurrent layers and one with attention; a_sequence: records for each sequence, 0: as many as their size allows. */
static int set_up_with(void **state, uint32_t a_sequence)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->geometry = calloc(1, sizeof(*f->geometry));
    *f->geometry = (struct tl_geometry){ .n_layers = 3, .n_heads = 4, .n_kv_heads = 2, .head_dim = 16, .v_dim = 16, .delta_k_heads = 2,
                                         .delta_v_heads = 4, .delta_k_dim = 8, .delta_v_dim = 24, .conv_taps = 4, .layer_recurrent = { 1, 0, 1 } };
    struct tl_arena count;
    tl_arena_count(&count);
    assert_int_equal(tl_cache_init(&f->cache, f->geometry, tl_number(TL_NUMBER_F16)), 0);
    if (a_sequence)
        f->cache.records.a_sequence = a_sequence;
    assert_int_equal(tl_cache_layout(&f->cache, CONTEXT, SEQUENCES, CHUNK, &count), 0);
    assert_int_equal(tl_arena_init(&f->arena, count.used_bytes), 0);
    assert_int_equal(tl_cache_layout(&f->cache, CONTEXT, SEQUENCES, CHUNK, &f->arena), 0);
    assert_false(f->arena.overflow);
    *state = f;
    return 0;
}

static int set_up(void **state) { return set_up_with(state, 0); }
static int set_up_four(void **state) { return set_up_with(state, 4); }
static int set_up_three(void **state) { return set_up_with(state, 3); }

static int tear_down(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->cache.records.n_free, f->cache.records.n_records);         /* every record came back */
    tl_cache_done(&f->cache);
    tl_arena_done(&f->arena);
    free(f->geometry);
    free(f);
    return 0;
}

static struct tl_state *make(struct fixture *f)
{
    struct tl_state *state;
    assert_int_equal(tl_state_new(&f->cache, &state), 0);
    return state;
}

/* A record tells its length and its sequence in its first and in its last number. */
static void mark(const struct tl_state *state, struct tl_record_at at, float salt)
{
    const struct tl_record_pool *pool = &state->cache->records;
    at.record[0] = salt + (float)at.length;
    at.record[pool->record_bytes / sizeof(float) - 1] = -at.record[0];
}

static float marked(const struct tl_state *state, const float *record)
{
    assert_true(record[0] == -record[state->cache->records.record_bytes / sizeof(float) - 1]);
    return record[0];
}

static void step(struct tl_state *state, uint32_t n_tokens, float salt)
{
    assert_int_equal(tl_state_reserve(state, n_tokens), 0);
    if (state->length == 0)
        assert_true(marked(state, state->records.now.record) == 0);
    if (state->records.middle.record)
        mark(state, state->records.middle, salt);
    mark(state, state->records.next, salt);
    tl_state_append(state, n_tokens);
    assert_true(marked(state, state->records.now.record) == salt + (float)state->length);
}

/* A prompt in chunks, then decoding. */
static void turn(struct tl_state *state, uint32_t n_prompt, uint32_t n_answer, float salt)
{
    for (uint32_t n; n_prompt; n_prompt -= n)
        step(state, n = n_prompt < CHUNK ? n_prompt : CHUNK, salt);
    while (n_answer--)
        step(state, 1, salt);
}

static void check(struct tl_state *state, uint32_t length, uint32_t expected)
{
    assert_int_equal(tl_state_truncate(state, length), expected);
    assert_int_equal(state->length, expected);
    if (expected)
        assert_true(marked(state, state->records.now.record) == (float)expected);
    else
        assert_null(state->records.now.record);
}

/* The end of the prompt and the page border before it survive a long answer; what comes between goes back to them. */
static void test_turns(void **state)
{
    struct tl_state *s = make(*state);
    turn(s, 700, 900, 0);
    check(s, 1600, 1600);
    check(s, 1599, 1599);                                            /* one step back: exact */
    step(s, 1, 0);
    check(s, 1100, 700);
    turn(s, 300, 50, 0);
    check(s, 999, 960);
    step(s, 1, 0);
    check(s, 700, 700);                                              /* the turn before */
    check(s, 3, 0);
    turn(s, 90, 0, 0);
    check(s, 80, 64);
    tl_state_free(s);
}

/* Of a large model fewer stay, but the last turn's two. */
static void test_four(void **state)
{
    struct tl_state *s = make(*state);
    turn(s, 700, 100, 0);
    turn(s, 300, 100, 0);
    check(s, 1150, 1100);
    step(s, 1, 0);
    check(s, 1099, 1088);
    check(s, 1000, 0);
    tl_state_free(s);
}

/* Of a huge one the page border before the end of the last prompt, or that end where there is none. */
static void test_three(void **state)
{
    struct tl_state *s = make(*state);
    turn(s, 700, 100, 0);
    check(s, 750, 640);
    turn(s, 10, 100, 0);
    check(s, 650, 640);
    turn(s, 300, 5, 0);
    check(s, 942, 896);
    turn(s, 100, 100, 0);
    check(s, 990, 960);
    check(s, 959, 0);
    tl_state_free(s);
}

static void test_sizes(void **state)
{
    static const struct { uint32_t heads, layers, a_sequence; } rows[] = {
        { 32, 1, TL_MOST_RECORDS }, { 32, 30, 4 }, { 64, 45, 4 }, { 128, 69, 3 },        /* 2, 63, 189 and 579 MB */
    };
    struct fixture *f = *state;
    struct tl_record_pool pool;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tl_geometry *g = f->geometry, before = *g;
        *g = (struct tl_geometry){ .n_layers = rows[i].layers, .delta_k_heads = 16, .delta_v_heads = rows[i].heads, .delta_k_dim = 128,
                                   .delta_v_dim = 128, .conv_taps = 4 };
        memset(g->layer_recurrent, 1, rows[i].layers);
        tl_record_pool_init(&pool, g, false);
        assert_int_equal(pool.a_sequence, rows[i].a_sequence);
        *g = before;
    }
}

/* A step that fails has changed nothing, however often it is tried. */
static void test_failed_steps(void **state)
{
    struct tl_state *s = make(*state);
    turn(s, 300, 3, 0);
    for (uint32_t n = 1; n < 200; n += 66) {
        assert_int_equal(tl_state_reserve(s, n), 0);
        mark(s, s->records.next, 5000);
        if (s->records.middle.record)
            mark(s, s->records.middle, 5000);
        assert_true(marked(s, s->records.now.record) == 303);
    }
    check(s, 303, 303);
    check(s, 301, 300);
    step(s, 1, 0);
    check(s, 300, 300);
    tl_state_free(s);
}

static void test_forks(void **state)
{
    struct fixture *f = *state;
    struct tl_state *s = make(f), *copy;
    turn(s, 300, 3, 0);
    assert_int_equal(tl_state_fork(s, &copy), 0);
    assert_ptr_equal(s->records.now.record, copy->records.now.record);
    assert_true(tl_state_bytes(copy) == tl_state_bytes(s));
    for (int i = 0; i < 40; i++) {                                   /* both sides to the bound of the pool */
        step(copy, i % 3 ? 1 : 70, 10000);
        step(s, i % 4 ? 1 : 50, 0);
    }
    tl_state_truncate(copy, 310);
    assert_true(copy->length == 0 || marked(copy, copy->records.now.record) == (float)copy->length);
    tl_state_free(copy);
    assert_true(marked(s, s->records.now.record) == (float)s->length);
    tl_state_free(s);
}

/* States that the pool was not laid out for are refused with a sentence. */
static void test_limits(void **state)
{
    struct fixture *f = *state;
    struct tl_state *states[SEQUENCES * TL_MOST_RECORDS + 1];
    int n = 0, status = 0;
    for (; status >= 0; n++) {
        states[n] = make(f);
        status = tl_state_reserve(states[n], 65);
        tl_state_append(states[n], status < 0 ? 0 : 65);
    }
    assert_int_equal(status, TL_E_BUDGET);
    assert_non_null(strstr(tl_error_text(), "recurrent"));
    assert_true(n > SEQUENCES);
    while (n-- > 0)
        tl_state_free(states[n]);
}

static void test_file(void **state)
{
    struct fixture *f = *state;
    struct tl_state *s = make(f), *loaded = make(f);
    int32_t *ids = calloc(CONTEXT, sizeof(*ids)), *back;
    uint32_t count;
    char path[] = "/tmp/trill-record-XXXXXX";
    close(mkstemp(path));
    turn(s, 700, 5, 0);
    assert_int_equal(tl_state_save(s, ids, 706, path), 0);
    turn(loaded, 100, 100, 3000);
    assert_int_equal(tl_state_load(loaded, path, &back, &count), 0);
    tl_free(back);
    assert_int_equal(count, 706);
    check(loaded, 705, 705);
    step(loaded, 1, 0);
    check(loaded, 702, 700);
    check(loaded, 699, 640);
    check(loaded, 0, 0);
    assert_int_equal(tl_state_save(loaded, ids, 1, path), 0);        /* nothing computed */
    turn(loaded, 10, 0, 0);
    assert_int_equal(tl_state_load(loaded, path, &back, &count), 0);
    tl_free(back);
    assert_int_equal(loaded->length, 0);
    unlink(path);
    free(ids);
    tl_state_free(s);
    tl_state_free(loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_four, set_up_four, tear_down),
        cmocka_unit_test_setup_teardown(test_three, set_up_three, tear_down),
        cmocka_unit_test_setup_teardown(test_sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failed_steps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
