/* SPDX-License-Identifier: MIT */
/* Known geometries: each is read by its architecture, lists its tensors, and has the parameters that its vendor tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "model/arch.h"
#include "model/state.h"
#include "plan/listing.h"

static const struct tl_outline_sizes whole = {0};

static void make(const char *name, const struct tl_outline_sizes *sizes, struct tl_outline **ret_outline, struct tl_listing *ret_listing)
{
    int r = tl_outline_open(name, sizes, ret_outline);
    if (r >= 0)
        r = tl_listing_make(&(*ret_outline)->geometry, (*ret_outline)->file, &(struct tl_recipe){0}, ret_listing);
    if (r < 0)
        fail_msg("%s: %s", name, tl_error_text());
}

static void drop(struct tl_outline *outline, struct tl_listing *listing)
{
    tl_listing_done(listing);
    tl_outline_close(outline);
}

static void totals(void **state)
{
    (void)state;
    for (size_t i = 0; i < tl_known_count; i++) {
        const struct tl_known *known = &tl_known[i];
        struct tl_outline *outline;
        struct tl_listing listing;
        make(known->name, &whole, &outline, &listing);
        double total = (double)listing.program.parameters * 1e-9, active = (double)listing.program.active_parameters * 1e-9;
        print_message("%s: %.4g, published %.4g; used for a token %.4g, published %.4g\n", known->name, total, known->total_billions, active,
                      known->active_billions);
        assert_true(total > 0.97 * known->total_billions && total < 1.03 * known->total_billions);
        double embedding = (double)outline->geometry.vocab * outline->geometry.width * 1e-9;         /* some vendors leave it out */
        assert_true(active > 0.9 * known->active_billions && active - embedding < 1.1 * known->active_billions);
        assert_true(tl_number_by_name(known->native) != NULL);
        uint64_t elems = 0;
        for (uint32_t t = 0; t < listing.n_tensors; t++)
            elems += listing.tensors[t].n_elems;
        assert_int_equal(elems, listing.program.parameters);
        drop(outline, &listing);
    }
}

static void ten_trillion(void **state)
{
    struct tl_outline *outline;
    struct tl_listing listing;
    (void)state;
    make("ten-trillion", &whole, &outline, &listing);
    assert_true(listing.program.parameters > 9900e9 && listing.program.parameters < 10100e9);
    drop(outline, &listing);
}

static void sizes(void **state)
{
    struct tl_outline *outline;
    struct tl_listing listing;
    (void)state;
    for (size_t i = 0; i < tl_known_count; i++) {
        make(tl_known[i].name, &(struct tl_outline_sizes){.tiny = true}, &outline, &listing);
        struct tl_geometry *g = &outline->geometry;
        assert_true(g->n_layers <= 4 && g->width <= 256 && g->vocab <= 512 && listing.program.parameters < 60000000);
        const struct tl_arch *arch = g->arch;
        drop(outline, &listing);
        make(tl_known[i].name, &whole, &outline, &listing);
        assert_ptr_equal(arch, outline->geometry.arch);
        drop(outline, &listing);
    }
    make("deepseek-v3", &(struct tl_outline_sizes){.layers = 7, .stored_experts = 2}, &outline, &listing);
    assert_true(outline->geometry.n_layers == 7 && outline->geometry.n_dense == 3 && outline->geometry.n_stored == 2);
    assert_int_equal(outline->geometry.n_experts, 256);
    drop(outline, &listing);
    struct tl_outline *none = NULL;
    assert_int_equal(tl_outline_open("deepseek-v3", &(struct tl_outline_sizes){.stored_experts = 257}, &none), TL_E_FILE);
}

/* What a token of context takes and what a sequence takes at once, at 2 bytes a value, as the vendors' reports tell. */
static void states(void **state)
{
    static const struct { const char *name; uint64_t token_bytes; double fixed_megabytes; } cases[] = {
        {"deepseek-v3", 70272, 0}, {"kimi-k2", 70272, 0}, {"kimi-k3", 27648, 434}, {"gpt-oss-120b", 36864, 0},
        {"qwen3.8-2.4t-a95b", 94208, 579}, {"glm-5.2", 78 * 2 * 576, 0},
        {"deepseek-v4-flash", 2 * (21 * 160 + 20 * 4), 0}, {"deepseek-v4-pro", 2 * (30 * 160 + 31 * 4), 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tl_outline *outline;
        struct tl_cache cache;
        if (tl_outline_open(cases[i].name, &whole, &outline) < 0)
            fail_msg("%s", tl_error_text());
        assert_int_equal(tl_cache_init(&cache, &outline->geometry, tl_number(TL_NUMBER_BF16)), 0);
        assert_int_equal(tl_cache_token_bytes(&cache), cases[i].token_bytes);
        double heads = (double)cache.records.n_layers * outline->geometry.delta_v_heads * (double)cache.records.head_floats * 4e-6;
        assert_true(heads > cases[i].fixed_megabytes - 1 && heads < cases[i].fixed_megabytes + 1);
        tl_cache_done(&cache);
        tl_outline_close(outline);
    }
}

static void unknown(void **state)
{
    static const struct { const char *name, *sentence; } cases[] = {
        {"deepseek-v2", "is deepseek-v3 meant?"}, {"kimi-k4", "is kimi-k2 meant?"}, {"nothing like it", "there are: smollm2-135m"},
        {"/nowhere/config.json", "/nowhere/config.json"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tl_outline *outline = NULL;
        assert_true(tl_outline_open(cases[i].name, &whole, &outline) < 0);
        assert_null(outline);
        assert_non_null(strstr(tl_error_text(), cases[i].sentence));
    }
}

/* Formats are the recipe's, or wider ones where rows are no whole blocks. */
static void recipes(void **state)
{
    const struct tl_recipe recipe = {.experts = tl_number(TL_NUMBER_Q4_K), .trunk = tl_number(TL_NUMBER_Q4_0)};
    static const struct { struct tl_want want; enum tl_number_id number; } cases[] = {
        {{.role = TL_R_EXPERT_UP, .rows = 8, .cols = 512}, TL_NUMBER_Q4_K}, {{.role = TL_R_EXPERT_UP, .rows = 8, .cols = 96}, TL_NUMBER_Q8_0},
        {{.role = TL_R_EXPERT_UP, .rows = 8, .cols = 40}, TL_NUMBER_F16}, {{.role = TL_R_Q, .rows = 8, .cols = 96}, TL_NUMBER_Q4_0},
        {{.role = TL_R_ROUTER, .rows = 8, .cols = 96}, TL_NUMBER_F32}, {{.role = TL_R_OUT_NORM, .cols = 96}, TL_NUMBER_F32},
        {{.role = TL_R_EMBED, .rows = 8, .cols = 96}, TL_NUMBER_Q4_0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(tl_recipe_number(&recipe, &cases[i].want)->id, cases[i].number);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(totals), cmocka_unit_test(ten_trillion), cmocka_unit_test(sizes), cmocka_unit_test(unknown), cmocka_unit_test(states), cmocka_unit_test(recipes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
