/* SPDX-License-Identifier: MIT */
/* GGUF models by the names of their files: which belong together, what number format they tell, which one is taken. */
#include "must.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/memory.h"
#include "pull/quant.h"

static void test_labels(void **state)
{
    static const struct { const char *path, *label; } rows[] = {
        {"model-Q4_K_M.gguf", "Q4_K_M"}, {"model.q8_0.gguf", "q8_0"}, {"Model-7B-v1.0-IQ3_XXS.gguf", "IQ3_XXS"}, {"m-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"},
        {"BF16/m-BF16-00001-of-00002.gguf", "BF16"}, {"Q4_0/m-00001-of-00003.gguf", "Q4_0"}, {"m-mxfp4.gguf", "mxfp4"}, {"m-F16.gguf", "F16"},
        {"Q8_0-heavy/m-Q2_K.gguf", "Q2_K"}, {"model.gguf", "model"}, {"sub/model.gguf", "model"}, {"Qwen3-8B.gguf", "Qwen3-8B"}, {"m-TQ1_0.gguf", "TQ1_0"},
        {"m-i1-Q4_K_S.gguf", "Q4_K_S"}, {"CLOUD-Q4_0.gguf", "Q4_0"}, {"Q4_0.gguf", "Q4_0"}, {"UD-Q4_0.gguf", "UD-Q4_0"}, {"Q4_K_M_v2-Q5_0.gguf", "Q5_0"},
    };
    (void)state;
    for (size_t i = 0; i < TL_COUNT(rows); i++) {
        struct tl_quant_list list = {0};
        must(tl_quant_list_add(&list, rows[i].path, 1));
        assert_int_equal(list.n, 1);
        assert_string_equal(list.rows[0].label, rows[i].label);
        tl_quant_list_done(&list);
    }
}

static void test_no_models(void **state)
{
    static const char *const paths[] = {".gguf", "a.ggu", "a.gguf.part", "mmproj-F16.gguf", "x/mmproj-F16.gguf", "m.imatrix.gguf", "config.json", "", "m-mmproj-f16.gguf"};
    struct tl_quant_list list = {0};
    (void)state;
    for (size_t i = 0; i < TL_COUNT(paths); i++)
        must(tl_quant_list_add(&list, paths[i], 1));
    assert_int_equal(list.n, 0);
    const struct tl_quant *row;
    assert_int_equal(tl_quant_choose(&list, "a/b", "", &row), TL_E_FAIL);
}

static void test_parts(void **state)
{
    static const struct { const char *a, *b; bool same; } rows[] = {
        {"m-00001-of-00003.gguf", "m-00003-of-00003.gguf", true}, {"m-00001-of-00003.gguf", "m-00001-of-00002.gguf", false},
        {"m-00001-of-00003.gguf", "n-00002-of-00003.gguf", false}, {"m.gguf", "m.gguf", true}, {"m-00004-of-00003.gguf", "m-00001-of-00003.gguf", false},
        {"m-00000-of-00003.gguf", "m-00001-of-00003.gguf", false}, {"a/m-00001-of-00002.gguf", "b/m-00002-of-00002.gguf", false}, {"m.gguf", "n.gguf", false},
        {"m-00001-of-00003.gguf", "m.gguf", false}, {"m-0000a-of-00003.gguf", "m-0000a-of-00003.gguf", true}, {"m", "m", false},
    };
    struct tl_quant_list list = {0};
    (void)state;
    for (size_t i = 0; i < TL_COUNT(rows); i++)
        assert_int_equal(tl_quant_same_model(rows[i].a, rows[i].b), rows[i].same);
    must(tl_quant_list_add(&list, "m-00002-of-00002.gguf", 5));
    must(tl_quant_list_add(&list, "m-00001-of-00002.gguf", UINT64_MAX));
    assert_int_equal(list.n, 1);
    assert_string_equal(list.rows[0].path, "m-00001-of-00002.gguf");
    assert_true(list.rows[0].bytes == UINT64_MAX && list.rows[0].parts == 2 && list.rows[0].there == 2);
    tl_quant_list_done(&list);
}

/* Files "NAME SIZE-IN-MIB", what is wanted, what is taken (NULL: refused). */
static void test_choice(void **state)
{
    static const struct { const char *files[6]; const char *wanted, *taken; } rows[] = {
        {{"m-Q8_0 900", "m-Q4_K_M 500"}, "", "m-Q8_0"}, {{"m-Q8_0 2000", "m-Q4_K_M 1100"}, "", "m-Q4_K_M"}, {{"m-Q8_0 2000", "m-Q2_K 900"}, "", "m-Q8_0"},
        {{"m-F16 9000", "m-BF16 9000"}, "", "m-BF16"}, {{"m 9000"}, "", "m"}, {{"m 9000", "n 1"}, "", NULL}, {{"m 9000", "n 1"}, "n", "n"},
        {{"m-Q8_0 1", "m-Q4_K_M 1"}, "q4_k_m", "m-Q4_K_M"}, {{"m-Q4_K_M 1"}, "Q4_K", NULL}, {{"m-UD-Q4_K_XL 1", "m-Q8_0 2000"}, "Q4_K_XL", "m-UD-Q4_K_XL"},
        {{"m-UD-Q4_0 1", "m-Q4_0 2"}, "Q4_0", "m-Q4_0"}, {{"m-Q4_0 1", "n-Q4_0 2"}, "Q4_0", NULL}, {{"m-Q4_0 1", "n-Q4_0 2"}, "n-Q4_0.gguf", "n-Q4_0"},
        {{"m-Q4_0 1", "n-Q4_0 2"}, "", NULL}, {{"m-UD-Q4_K_XL 2000", "m-Q4_K_S 2000"}, "", "m-UD-Q4_K_XL"},
    };
    (void)state;
    for (size_t i = 0; i < TL_COUNT(rows); i++) {
        struct tl_quant_list list = {0};
        const struct tl_quant *row = NULL;
        char paths[6][64];
        for (size_t k = 0; k < 6 && rows[i].files[k]; k++) {
            unsigned mib = 0;
            char name[50];
            assert_int_equal(sscanf(rows[i].files[k], "%49s %u", name, &mib), 2);
            snprintf(paths[k], sizeof paths[k], "%s.gguf", name);
            must(tl_quant_list_add(&list, paths[k], (uint64_t)mib << 20));
        }
        int r = tl_quant_choose(&list, "own/name", rows[i].wanted, &row);
        assert_int_equal(r, rows[i].taken ? 0 : TL_E_USAGE);
        if (rows[i].taken)
            assert_true(strncmp(row->path, rows[i].taken, strlen(row->path) - 5) == 0 && strlen(row->path) - 5 == strlen(rows[i].taken));
        tl_quant_list_done(&list);
    }
}

/* Each row of the table is told from a file's name. */
static void test_table(void **state)
{
    static const char *const names[] = {
#define QUANT(name) name,
#include "pull/quants.def"
#undef QUANT
    };
    (void)state;
    for (size_t i = 0; i < TL_COUNT(names); i++) {
        struct tl_quant_list list = {0};
        char path[80];
        snprintf(path, sizeof path, "model-1b-%s.gguf", names[i]);
        must(tl_quant_list_add(&list, path, 1));
        assert_string_equal(list.rows[0].label, names[i]);
        tl_quant_list_done(&list);
    }
}

static void test_too_many(void **state)
{
    static char paths[2001][16];
    struct tl_quant_list list = {0};
    int r = 0;
    (void)state;
    for (size_t i = 0; i < TL_COUNT(paths) && r >= 0; i++) {
        snprintf(paths[i], sizeof paths[i], "%zu.gguf", i);
        r = tl_quant_list_add(&list, paths[i], 1);
    }
    assert_int_equal(r, TL_E_FILE);
    tl_quant_list_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_labels), cmocka_unit_test(test_no_models), cmocka_unit_test(test_parts),
                                       cmocka_unit_test(test_choice), cmocka_unit_test(test_table), cmocka_unit_test(test_too_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
