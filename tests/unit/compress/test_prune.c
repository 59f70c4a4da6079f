/* SPDX-License-Identifier: MIT */
/* Pruning: which experts stay, by statistics written here, in routers with and without groups; what is written holds exactly
 * their bytes; statistics of another model and damaged ones are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "compress/prune.h"
#include "compress/quantize.h"
#include "folder.h"
#include "golden_file.h"
#include "must.h"

enum { LAYERS = 2, EXPERTS = 8 };

/* As `trill score --experts` writes it: a safetensors file by hand. */
static void write_statistics(const char *path, const char *kind, uint64_t layers, const uint64_t *counts, const double *norms)
{
    char header[512];
    size_t n = (size_t)layers * EXPERTS * 8;
    int length = snprintf(header, sizeof(header),
                          "{\"__metadata__\":{\"format\":\"%s\"},\"count\":{\"dtype\":\"U64\",\"shape\":[%d,%d],\"data_offsets\":[0,%zu]},"
                          "\"weighted_norm\":{\"dtype\":\"F64\",\"shape\":[%d,%d],\"data_offsets\":[%zu,%zu]}}",
                          kind, (int)layers, EXPERTS, n, (int)layers, EXPERTS, n, 2 * n);
    uint64_t bytes = (uint64_t)length;
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(&bytes, 8, 1, file), 1);
    assert_int_equal(fwrite(header, 1, bytes, file), bytes);
    assert_int_equal(fwrite(counts, 1, n, file), n);
    assert_int_equal(fwrite(norms, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static const uint64_t counts[LAYERS * EXPERTS] = {10, 10, 0, 10, 20, 10, 10, 10, 5, 5, 5, 5, 5, 5, 5, 5};
/* Means of layer 0: 1, 9, none, 3, 4, 8, 2, 3; of layer 1: 8 7 6 5 4 3 2 1. */
static const double norms[LAYERS * EXPERTS] = {10, 90, 0, 30, 80, 80, 20, 30, 40, 35, 30, 25, 20, 15, 10, 5};

static struct tl_geometry geometry_with(uint32_t groups)
{
    return (struct tl_geometry){.n_layers = LAYERS, .n_experts = EXPERTS, .layer_experts = {EXPERTS, EXPERTS}, .n_used = 2, .n_groups = groups,
                                .n_groups_used = groups > 1 ? groups / 2 : 1};
}

/* Scores of layer 0 from the third on, 100 times: 4 9.9, 3 5.3, 3 5.0, 2 2.2, 1 0.5, 0; of layer 1: 6 24, 5 14, 4 8.4, 3 4.5, 2 2.0, 1 0.5.
 * In two groups, tiers of layer 0: 9 and 8, 3 and 4, 1 and 3, 2: the third 5.6, the fourth 2.2; of layer 1: 8 and 4, 7 and 3, 6 and 2, 5
 * and 1: the third 22, the fourth 13. */
static void test_choice(void **state)
{
    static const struct { uint32_t groups; double keep; bool uneven; uint32_t least, most; const char *layer[LAYERS]; } cases[] = {
        {1, 0.5, false, 4, 4, {"01011100", "11110000"}},         /* 3 before 7: ties go to the lower */
        {1, 0.1, false, 2, 2, {"01000100", "11000000"}},         /* no fewer than a token uses */
        {1, 1.0, false, 8, 8, {"11111111", "11111111"}},
        {2, 0.5, false, 4, 4, {"01011100", "11001100"}},
        {4, 0.5, false, 8, 8, {"11111111", "11111111"}},         /* groups are ranked by their best two */
        {1, 0.5, true, 3, 5, {"01001100", "11111000"}},
        {1, 0.1, true, 2, 2, {"01000100", "11000000"}},
        {1, 0.4, true, 2, 4, {"01000100", "11110000"}},
        {1, 1.0, true, 8, 8, {"11111111", "11111111"}},
        {2, 0.75, true, 4, 8, {"01011100", "11111111"}},
        {4, 0.5, true, 8, 8, {"11111111", "11111111"}},
    };
    const char *path = in_folder("experts.safetensors");
    (void)state;
    write_statistics(path, "trill.experts", LAYERS, counts, norms);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tl_geometry geometry = geometry_with(cases[i].groups);
        struct tl_prune_report report;
        uint8_t keep[LAYERS * EXPERTS];
        must(tl_prune_choose(&geometry, path, cases[i].keep, cases[i].uneven, keep, &report));
        assert_int_equal(report.least, cases[i].least);
        assert_int_equal(report.most, cases[i].most);
        assert_int_equal(report.experts, LAYERS * EXPERTS);
        assert_int_equal(report.unseen, 1);
        for (uint32_t k = 0, kept = 0; k < LAYERS * EXPERTS; k++) {
            assert_int_equal(keep[k], cases[i].layer[k / EXPERTS][k % EXPERTS] == '1');
            kept += keep[k];
            assert_true(k + 1 < LAYERS * EXPERTS || kept == report.kept);
        }
    }
}

/* Of a model that was pruned unevenly already only the experts that are there are chosen from, and of layers without any none. */
static void test_uneven_again(void **state)
{
    const char *path = in_folder("experts.safetensors");
    struct tl_geometry geometry = geometry_with(1);
    struct tl_prune_report report;
    uint8_t keep[LAYERS * EXPERTS];
    (void)state;
    geometry.layer_experts[1] = 3;
    write_statistics(path, "trill.experts", LAYERS, counts, norms);
    must(tl_prune_choose(&geometry, path, 0.75, false, keep, &report));
    assert_int_equal(report.experts, 11);
    assert_int_equal(report.kept, 6);            /* 4 of each would be nearer, and one has 3 */
    assert_memory_equal(keep + EXPERTS, "\1\1\1\0\0\0\0\0", EXPERTS);
    must(tl_prune_choose(&geometry, path, 0.75, true, keep, &report));
    assert_int_equal(report.kept, 8);
    assert_memory_equal(keep, "\0\1\0\1\1\1\0\1", EXPERTS);
    geometry.layer_experts[1] = 0;
    must(tl_prune_choose(&geometry, path, 0.5, true, keep, &report));
    assert_int_equal(report.layers, 1);
    assert_int_equal(report.kept, 4);
    assert_memory_equal(keep, "\0\1\0\1\1\1\0\0\0\0\0\0\0\0\0\0", LAYERS * EXPERTS);
}

static void test_refused(void **state)
{
    const char *path = in_folder("experts.safetensors");
    struct tl_geometry geometry = geometry_with(1);
    struct tl_prune_report report;
    uint8_t keep[LAYERS * EXPERTS];
    double broken[LAYERS * EXPERTS] = {-1};
    uint64_t none[LAYERS * EXPERTS] = {0};
    (void)state;
    write_statistics(path, "trill.moments", LAYERS, counts, norms);
    assert_int_equal(tl_prune_choose(&geometry, path, 0.5, false, keep, &report), TL_E_FILE);
    write_statistics(path, "trill.experts", 1, counts, norms);
    assert_int_equal(tl_prune_choose(&geometry, path, 0.5, false, keep, &report), TL_E_FILE);
    write_statistics(path, "trill.experts", LAYERS, counts, broken);
    assert_int_equal(tl_prune_choose(&geometry, path, 0.5, false, keep, &report), TL_E_FILE);
    write_statistics(path, "trill.experts", LAYERS, none, norms);
    assert_int_equal(tl_prune_choose(&geometry, path, 0.5, true, keep, &report), TL_E_FILE);
    geometry.n_stored = EXPERTS / 2;
    assert_int_equal(tl_prune_choose(&geometry, path, 0.5, false, keep, &report), TL_E_USAGE);
    geometry.n_experts = 0;
    assert_int_equal(tl_prune_choose(&geometry, path, 0.5, false, keep, &report), TL_E_USAGE);
}

static uint8_t *bytes_of(const struct tl_modelfile *file, const char *name, uint64_t *ret_bytes)
{
    const struct tl_tensor *tensor = tl_modelfile_find(file, name);
    assert_non_null(tensor);
    uint8_t *bytes = malloc(tensor->n_bytes);
    must(tl_modelfile_read(file, tensor, 0, bytes, tensor->n_bytes));
    *ret_bytes = tensor->n_bytes;
    return bytes;
}

/* Every tensor whose outermost dimension is experts holds the bytes of those that stayed; all others are as they were. */
static void test_written(void **state)
{
    static const uint32_t kept[LAYERS][4] = {{1, 3, 4, 5}, {0, 1, 2, 3}};
    const char *statistics = in_folder("experts.safetensors"), *output = in_folder("half.gguf");
    struct tl_prune_report chosen;
    struct tl_quantize_report report;
    struct tl_geometry geometry = geometry_with(1);
    uint8_t keep[LAYERS * EXPERTS];
    struct tl_modelfile *before, *after;
    uint64_t count = 0;
    (void)state;
    write_statistics(statistics, "trill.experts", LAYERS, counts, norms);
    must(tl_prune_choose(&geometry, statistics, 0.5, false, keep, &chosen));
    struct tl_quantize_how how = {.input = golden_file("qwen3_moe/model.gguf"), .output = output, .keep = keep, .threads = 2};
    must(tl_quantize(&how, NULL, &report));
    must(tl_modelfile_open(golden_file("qwen3_moe/model.gguf"), &before));
    must(tl_modelfile_open(output, &after));
    must(tl_meta_u64(after, "qwen3moe.expert_count", 100, &count));
    assert_int_equal(count, 4);
    for (uint64_t i = 0; i < tl_modelfile_tensors(before); i++) {
        const char *name = tl_modelfile_tensor(before, i)->name;
        uint64_t n_before, n_after;
        uint8_t *old = bytes_of(before, name, &n_before), *new = bytes_of(after, name, &n_after);
        bool by_expert = strstr(name, "_exps.") || strstr(name, "_gate_inp.");
        uint64_t size = n_before / EXPERTS, layer = by_expert ? (uint64_t)(name[4] - '0') : 0;
        assert_int_equal(n_after, by_expert ? n_before / 2 : n_before);
        for (uint32_t e = 0; e < 4 && by_expert; e++)
            assert_memory_equal(new + e * size, old + kept[layer][e] * size, size);
        if (!by_expert)
            assert_memory_equal(new, old, n_before);
        free(old);
        free(new);
    }
    tl_modelfile_close(before);
    tl_modelfile_close(after);
}

static void test_uncounted_layer(void **state)
{
    static const uint8_t keep[LAYERS * EXPERTS] = {1, 1};
    struct tl_quantize_report report;
    (void)state;
    const struct tl_quantize_how how = {.input = golden_file("qwen3_moe/model.gguf"), .output = in_folder("uncounted.gguf"), .keep = keep, .threads = 1};
    assert_int_equal(tl_quantize(&how, NULL, &report), TL_E_FILE);
    assert_non_null(strstr(tl_error_text(), "layer 1 has experts"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice), cmocka_unit_test(test_uneven_again), cmocka_unit_test(test_refused), cmocka_unit_test(test_written),
        cmocka_unit_test(test_uncounted_layer),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
