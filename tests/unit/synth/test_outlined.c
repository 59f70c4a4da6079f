/* SPDX-License-Identifier: MIT */
/* A model without a file is the model that its file would be: of every known geometry, shrunk and written in several
 * formats, both have the same weights, parameters, and bytes in every layout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "model/arch.h"
#include "plan/fit.h"
#include "plan/outlined.h"
#include "synth/synth.h"
#include "folder.h"

static const struct tl_outline_sizes tiny = {.tiny = true};

static void must(int status, const char *what)
{
    if (status < 0)
        fail_msg("%s: %s", what, tl_error_text());
}

static void same_layout(const char *what, struct tl_model *outlined, struct tl_model *real, const struct tl_model_limits *limits)
{
    struct tl_model_memory a, b;
    must(tl_model_plan(outlined, limits, &a), what);
    must(tl_model_plan(real, limits, &b), what);
    if (a.weights != b.weights || a.states != b.states || a.batch != b.batch)
        fail_msg("%s: frames %u, trunk %llu, sweep %d: outlined %llu + %llu + %llu bytes, the file %llu + %llu + %llu", what, limits->frames,
                 (unsigned long long)limits->trunk_bytes, limits->sweep, (unsigned long long)a.weights, (unsigned long long)a.states,
                 (unsigned long long)a.batch, (unsigned long long)b.weights, (unsigned long long)b.states, (unsigned long long)b.batch);
    assert_int_equal(tl_model_staging_bytes(outlined), tl_model_staging_bytes(real));
    assert_int_equal(tl_store_passing_bytes(tl_model_store(outlined)), tl_store_passing_bytes(tl_model_store(real)));
    assert_int_equal(tl_store_ring_bytes(tl_model_store(outlined)), tl_store_ring_bytes(tl_model_store(real)));
}

static void same_fit(const char *what, struct tl_model *outlined, struct tl_model *real)
{
    static const uint64_t budgets[] = {12 << 20, 24 << 20, 40 << 20, 80 << 20, 1 << 30};
    struct tl_fit_wish wish = {.threads = 2};
    struct tl_fit a, b;
    for (size_t i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++) {
        wish.ram_bytes = budgets[i];
        int status = tl_fit_make(outlined, &wish, &a), other = tl_fit_make(real, &wish, &b);
        assert_int_equal(status, other);
        if (status >= 0) {
            assert_int_equal(a.planned_bytes, b.planned_bytes);
            assert_memory_equal(&a.limits, &b.limits, sizeof(a.limits));
        }
    }
    must(tl_fit_make(real, &wish, &b), what);
}

static void same(const char *what, struct tl_model *outlined, struct tl_model *real)
{
    const struct tl_store *store = tl_model_store(real);
    uint32_t frames = tl_store_least_frames(store);
    const struct tl_model_limits limits[] = {
        {.context = 300, .sessions = 1, .chunk = 32, .threads = 1},
        {.context = 4096, .sessions = 3, .chunk = 512, .threads = 2},
        {.context = 4096, .sessions = 3, .chunk = 512, .threads = 2, .frames = frames ? frames + 2 : 0},
        {.context = 512, .sessions = 1, .chunk = 64, .threads = 2, .frames = frames, .trunk_bytes = 1},
        {.context = 512, .sessions = 1, .chunk = 64, .threads = 2, .trunk_bytes = tl_store_trunk_bytes(store) / 2},
        {.context = 128, .sessions = 20, .chunk = 1024, .threads = 2, .block = 128, .frames = frames, .trunk_bytes = 1, .sweep = true},
    };
    assert_int_equal(tl_model_program(outlined)->parameters, tl_model_program(real)->parameters);
    assert_int_equal(tl_model_program(outlined)->active_parameters, tl_model_program(real)->active_parameters);
    assert_int_equal(tl_model_program(outlined)->product_bytes, tl_model_program(real)->product_bytes);
    assert_int_equal(tl_model_weight_bytes(outlined), tl_model_weight_bytes(real));
    assert_int_equal(tl_store_frame_bytes(tl_model_store(outlined)), tl_store_frame_bytes(store));
    assert_int_equal(tl_store_experts(tl_model_store(outlined)), tl_store_experts(store));
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        same_layout(what, outlined, real, &limits[i]);
    same_fit(what, outlined, real);
}

static void compare(const char *name, const char *to)
{
    const struct tl_model_choices choices = {0};
    struct tl_recipe_names names = {.to = to};
    struct tl_outlined *outlined;
    struct tl_modelfile *file;
    struct tl_meters meters;
    struct tl_model *model;
    struct tl_progress progress = {0};
    struct tl_synth_figures figures;
    char path[128], what[128];
    snprintf(what, sizeof what, "%s in %s", name, to ? to : "its own format");
    must(tl_outlined_open(name, &tiny, &names, &choices, &outlined), what);
    if (tl_model_geometry(outlined->model)->arch->planned) {             /* there are no files of it */
        tl_outlined_close(outlined);
        return;
    }
    snprintf(path, sizeof path, "%s/model%s", folder, outlined->format == TL_MODELFILE_GGUF ? ".gguf" : "");
    struct tl_synth how = {.source = name, .output = path, .formats = names, .threads = 1, .sizes = tiny, .skew = 0.25, .force = true};
    must(tl_synth_write(&how, &progress, &figures), what);
    must(tl_modelfile_open(path, &file), what);
    must(tl_model_new(file, &choices, &meters, &model), what);
    same(what, outlined->model, model);
    tl_model_free(model);
    tl_modelfile_close(file);
    tl_outlined_close(outlined);
}

static void all(void **state)
{
    static const char *const formats[] = {NULL, "q4_0", "bf16", "fp8_b128"};
    (void)state;
    for (size_t i = 0; i < tl_known_count; i++)
        for (size_t k = 0; k < sizeof(formats) / sizeof(formats[0]); k++)
            compare(tl_known[i].name, formats[k]);
    compare("kimi-k2", "int4_g32");
    compare("gpt-oss-20b", "mxfp4");
}

/* The kind of file is one that holds what is asked for. */
static void kinds(void **state)
{
    static const struct { struct tl_recipe_names names; enum tl_modelfile_format format; } cases[] = {
        {{.to = "q4_k"}, TL_MODELFILE_GGUF}, {{.to = "bf16"}, TL_MODELFILE_GGUF}, {{.to = "fp8_b128"}, TL_MODELFILE_SAFETENSORS},
        {{.experts = "int4_g32"}, TL_MODELFILE_SAFETENSORS}, {{0}, TL_MODELFILE_SAFETENSORS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(tl_recipe_format(&cases[i].names, tl_known_find("kimi-k2")), cases[i].format);
    assert_int_equal(tl_recipe_format(&cases[4].names, tl_known_find("gpt-oss-20b")), TL_MODELFILE_GGUF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all), cmocka_unit_test(kinds)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
