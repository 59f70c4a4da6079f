/* SPDX-License-Identifier: MIT */
/* Sequence states: pages, references, windows, copies on write, files. */
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

enum { CONTEXT = 1024, CHUNK = 32, WINDOW = 100 };

/* Three layers, the middle one windowed; two KV heads of 16. */
static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->geometry = calloc(1, sizeof(*f->geometry));
    *f->geometry = (struct tl_geometry){ .n_layers = 3, .n_heads = 4, .n_kv_heads = 2, .head_dim = 16, .v_dim = 16 };
    f->geometry->layer_window[1] = WINDOW;
    struct tl_arena count;
    tl_arena_count(&count);
    assert_int_equal(tl_cache_init(&f->cache, f->geometry, tl_number(TL_NUMBER_F16)), 0);
    assert_int_equal(tl_cache_layout(&f->cache, CONTEXT, 2, CHUNK, &count), 0);
    assert_int_equal(tl_arena_init(&f->arena, count.used_bytes), 0);
    assert_int_equal(tl_cache_layout(&f->cache, CONTEXT, 2, CHUNK, &f->arena), 0);
    assert_false(f->arena.overflow);
    f->cache.fingerprint = 42;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < f->cache.n_groups; i++)
        assert_int_equal(f->cache.group[i].n_free, f->cache.group[i].n_pages);       /* every page came back */
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

/* Fills positions as a step would; the value tells position and layer. */
static void grow(struct tl_state *state, uint32_t n_tokens, float salt)
{
    const struct tl_cache *cache = state->cache;
    while (n_tokens) {
        uint32_t step = n_tokens < CHUNK ? n_tokens : CHUNK;
        assert_int_equal(tl_state_reserve(state, step), 0);
        for (uint32_t p = state->length; p < state->length + step; p++)
            for (uint32_t layer = 0; layer < 3; layer++) {
                float key[16], value[16];
                for (int d = 0; d < 16; d++)
                    key[d] = value[d] = salt + (float)(p * 3 + layer);
                uint8_t *page = state->table[cache->layer_group[layer]][p / TL_PAGE_TOKENS];
                for (uint32_t head = 0; head < 2; head++)
                    tl_page_put(cache->format, 16, 16, page + tl_cache_offset(cache, layer, head), p % TL_PAGE_TOKENS, key, value);
            }
        tl_state_append(state, step);
        n_tokens -= step;
    }
}

/* The first number of the value at a position (values lie behind the keys, a row a position). */
static float value_at(const struct tl_state *state, uint32_t layer, uint32_t position)
{
    const struct tl_cache *cache = state->cache;
    const uint8_t *page = state->table[cache->layer_group[layer]][position / TL_PAGE_TOKENS];
    const uint16_t *values = (const uint16_t *)(page + tl_cache_offset(cache, layer, 1) + TL_PAGE_TOKENS * 16 * 2);
    return tl_f16_to_f32(values[(position % TL_PAGE_TOKENS) * 16]);
}

static void test_append_and_window(void **state)
{
    struct fixture *f = *state;
    struct tl_state *s = make(f);
    grow(s, 500, 0);
    assert_int_equal(s->length, 500);
    assert_true(value_at(s, 0, 3) == 9 && value_at(s, 2, 499) == 499 * 3 + 2);
    assert_null(s->table[f->cache.layer_group[1]][0]);                       /* fell out of the window */
    assert_true(value_at(s, 1, 500 - WINDOW) == (500 - WINDOW) * 3 + 1);
    assert_true(tl_state_bytes(s) < 8 * (f->cache.group[0].page_bytes + f->cache.group[1].page_bytes));
    tl_state_free(s);
}

static void test_truncate(void **state)
{
    struct fixture *f = *state;
    struct tl_state *s = make(f);
    grow(s, 500, 0);
    assert_int_equal(tl_state_truncate(s, 500), 500);
    assert_int_equal(tl_state_truncate(s, 480), 480);                        /* a draft's length back: exact */
    assert_int_equal(tl_state_truncate(s, 200), 0);                          /* its window is gone: from the beginning */
    grow(s, 90, 0);
    assert_int_equal(tl_state_truncate(s, 17), 17);
    assert_true(value_at(s, 1, 16) == 16 * 3 + 1);
    tl_state_free(s);
}

static void test_fork_copies_on_write(void **state)
{
    struct fixture *f = *state;
    struct tl_state *s = make(f), *copy;
    grow(s, 70, 0);
    assert_int_equal(tl_state_fork(s, &copy), 0);
    assert_ptr_equal(s->table[0][0], copy->table[0][0]);
    grow(copy, 10, 100);
    assert_ptr_equal(s->table[0][0], copy->table[0][0]);                     /* full page: shared */
    assert_ptr_not_equal(s->table[0][1], copy->table[0][1]);                 /* written page: own */
    grow(s, 10, 0);
    assert_true(value_at(s, 0, 75) == 225 && value_at(copy, 0, 75) == 325);
    assert_true(value_at(copy, 0, 69) == 207);
    tl_state_free(s);
    assert_true(value_at(copy, 0, 3) == 9);
    tl_state_free(copy);
}

static void test_limits(void **state)
{
    struct fixture *f = *state;
    struct tl_state *s = make(f), *forks[20];
    grow(s, CONTEXT, 0);
    assert_int_equal(tl_state_reserve(s, 1), TL_E_USAGE);
    assert_non_null(strstr(tl_error_text(), "context"));
    int n = 0, status = 0;
    for (tl_state_truncate(s, 1000); n < 20 && status >= 0; n++) {           /* forks that differ soon use the pool up */
        assert_int_equal(tl_state_fork(s, &forks[n]), 0);
        while (status >= 0 && forks[n]->length > 0 && (status = tl_state_reserve(forks[n], 8)) >= 0 && forks[n]->length + 8 <= CONTEXT - 8)
            tl_state_append(forks[n], 8);
    }
    assert_int_equal(status, TL_E_BUDGET);
    while (n-- > 0)
        tl_state_free(forks[n]);
    tl_state_free(s);
}

static void test_file(void **state)
{
    struct fixture *f = *state;
    struct tl_state *s = make(f), *loaded = make(f);
    int32_t ids[400], *back;
    uint32_t count;
    char path[] = "/tmp/trill-state-XXXXXX";
    close(mkstemp(path));
    for (int i = 0; i < 400; i++)
        ids[i] = i * 7;
    grow(s, 399, 0);
    assert_int_equal(tl_state_save(s, ids, 400, path), 0);
    grow(loaded, 10, 500);
    assert_int_equal(tl_state_load(loaded, path, &back, &count), 0);
    assert_int_equal(count, 400);
    assert_memory_equal(back, ids, sizeof(ids));
    tl_free(back);
    assert_int_equal(loaded->length, 399);
    for (uint32_t p = 399 - WINDOW; p < 399; p++)
        assert_true(value_at(loaded, 0, p) == value_at(s, 0, p) && value_at(loaded, 1, p) == value_at(s, 1, p));
    assert_true(value_at(loaded, 2, 0) == 2);

    FILE *file = fopen(path, "r+b");                                         /* one bit */
    fseek(file, 5000, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, 5000, SEEK_SET);
    fputc(byte ^ 1, file);
    fclose(file);
    assert_int_equal(tl_state_load(loaded, path, &back, &count), TL_E_FILE);
    assert_non_null(strstr(tl_error_text(), "checksum"));
    assert_int_equal(truncate(path, 3000), 0);
    assert_int_equal(tl_state_load(loaded, path, &back, &count), TL_E_FILE);
    assert_int_equal(tl_state_save(s, ids, 400, path), 0);
    file = fopen(path, "r+b");                                               /* more ids than any context has */
    fseek(file, 20, SEEK_SET);
    fwrite(&(uint32_t){UINT32_MAX}, 4, 1, file);
    fclose(file);
    assert_int_equal(tl_state_load(loaded, path, &back, &count), TL_E_USAGE);
    f->cache.fingerprint++;
    assert_int_equal(tl_state_save(s, ids, 400, path), 0);
    f->cache.fingerprint--;
    assert_int_equal(tl_state_load(loaded, path, &back, &count), TL_E_FILE);
    unlink(path);
    tl_state_free(s);
    tl_state_free(loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_append_and_window, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_truncate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fork_copies_on_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
