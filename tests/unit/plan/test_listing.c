/* SPDX-License-Identifier: MIT */
/* Known geometries: each is read by its architecture, lists its tensors, and has the parameters that its vendor tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* Bytes of routed experts that a token uses, at the bits in which they are commonly run. */
static void routed(void **state)
{
    static const struct { const char *name; enum tl_number_id number; double gigabytes; } cases[] = {
        {"kimi-k3", TL_NUMBER_MXFP4, 25.8}, {"qwen3.8-2.4t-a95b", TL_NUMBER_Q4_K, 26.1}, {"deepseek-v4-pro", TL_NUMBER_MXFP4, 12.8},
        {"glm-5.2", TL_NUMBER_MXFP4, 12.0}, {"kimi-k2", TL_NUMBER_INT4_G32, 11.9}, {"deepseek-v4-flash", TL_NUMBER_MXFP4, 3.45},
        {"gpt-oss-120b", TL_NUMBER_MXFP4, 1.9},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tl_outline *outline;
        struct tl_listing listing;
        double bytes = 0;
        if (tl_outline_open(cases[i].name, &whole, &outline) < 0 ||
            tl_listing_make(&outline->geometry, outline->file, &(struct tl_recipe){.experts = tl_number(cases[i].number)}, &listing) < 0)
            fail_msg("%s", tl_error_text());
        for (uint32_t t = 0; t < listing.n_tensors; t++)
            bytes += tl_role_routed(listing.tensors[t].want.role) ? (double)listing.tensors[t].n_bytes : 0;
        bytes *= 1e-9 * outline->geometry.n_used / outline->geometry.n_experts;
        if (bytes < 0.985 * cases[i].gigabytes || bytes > 1.015 * cases[i].gigabytes)
            fail_msg("%s: %.2f GB of routed experts a token, expected %.2f", cases[i].name, bytes, cases[i].gigabytes);
        drop(outline, &listing);
    }
}

/* Configurations of planned architectures that cannot be. */
static void hostile(void **state)
{
    static const struct { const char *name, *key, *value, *sentence; } cases[] = {
        {"kimi-k3", "\"attn_res_block_size\": 12", "\"attn_res_block_size\": 0", "blocks of 0 layers"},
        {"kimi-k3", "\"attn_res_block_size\": 12", "\"attn_res_block_size\": 1", "blocks of 1 layers"},
        {"kimi-k3", "\"routed_expert_hidden_size\": 3584", "\"routed_expert_hidden_size\": 0", "experts of width 0"},
        {"kimi-k3", "\"short_conv_kernel_size\": 4", "\"short_conv_kernel_size\": 400", "short_conv_kernel_size"},
        {"deepseek-v4-flash", "\"hc_mult\": 4", "\"hc_mult\": 0", "0 residual streams"},
        {"deepseek-v4-flash", "[0, 0, 4", "[0, 0, 5", "is 5, expected 0, 4 or 128"},
        {"deepseek-v4-flash", "[0, 0, 4,", "[0, 0,", "has 42 entries, expected 43"},
        {"deepseek-v4-flash", "\"o_groups\": 8", "\"o_groups\": 7", "7 groups"},
        {"mistral-large-3", "\"original_max_position_embeddings\": 8192", "\"original_max_position_embeddings\": 1e30", "which cannot be"},
        {"ling-1t", "\"num_shared_experts\": 1", "\"num_shared_experts\": 1e9", "shared experts of width"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *config = tl_known_find(cases[i].name)->config, *at = strstr(config, cases[i].key);
        char path[] = "/tmp/trill-config-XXXXXX";
        struct tl_outline *none = NULL;
        int fd = mkstemp(path);
        FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
        assert_non_null(at);
        assert_non_null(file);
        fprintf(file, "%.*s%s%s", (int)(at - config), config, cases[i].value, at + strlen(cases[i].key));
        assert_int_equal(fclose(file), 0);
        int status = tl_outline_open(path, &whole, &none);
        unlink(path);
        if (status != TL_E_FILE || !strstr(tl_error_text(), cases[i].sentence))
            fail_msg("%s, %s: %d \"%s\" does not say \"%s\"", cases[i].name, cases[i].value, status, tl_error_text(), cases[i].sentence);
        assert_null(none);
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
        cmocka_unit_test(totals), cmocka_unit_test(ten_trillion), cmocka_unit_test(sizes), cmocka_unit_test(unknown), cmocka_unit_test(states), cmocka_unit_test(routed), cmocka_unit_test(hostile), cmocka_unit_test(recipes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
