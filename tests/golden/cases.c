/* SPDX-License-Identifier: MIT */
#include "cases.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include <unistd.h>

#include "base/error.h"
#include "model/arch.h"

#define F32    1e-4, 1e-4, 1e-5, 70
#define DELTA  1e-3, 1e-3, 1e-4, 70      /* the recurrence gathers what rounding leaves */
#define BF16   1e-4, 1e-1, 1e-2, 66
#define NATIVE 1e-4, 4.0,  2e-2, 64      /* rounded activations: now and then another expert is chosen */

static const struct golden_row table[] = {
    { "llama", F32 }, { "llama-linear", F32 }, { "llama-yarn", F32 }, { "llama-f16", F32 }, { "llama-bf16", BF16 },
    { "qwen2", F32 }, { "qwen3", F32 }, { "gemma3", F32 },
    { "qwen3_moe", F32 }, { "gpt_oss", F32 }, { "gpt_oss-mxfp4", NATIVE }, { "glm4_moe", F32 },
    { "deepseek_v3", F32 }, { "deepseek_v3-fp8", NATIVE }, { "kimi_k2", F32 }, { "kimi_k2-int4", NATIVE },
    { "minimax_m2", F32 }, { "bailing_moe", F32 }, { "mistral4", F32 }, { "glm_dsa", F32 },
    { "qwen3_next", DELTA }, { "qwen3_5", DELTA }, { "qwen3_5_moe", DELTA },
};
enum { N_ROWS = sizeof(table) / sizeof(table[0]) };

#define ARCH(name) extern const struct tl_arch tl_arch_##name;
#include "model/archs.def"
#undef ARCH
#define ARCH(name) &tl_arch_##name,
static const struct tl_arch *const archs[] = {
#include "model/archs.def"
};

static void read_ids(struct golden *golden)
{
    char path[600];
    int id;
    snprintf(path, sizeof(path), "%s/tokens.json", golden->folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fgetc(file), '[');
    while (golden->n_ids < 128 && fscanf(file, " %d ,", &id) == 1)
        golden->ids[golden->n_ids++] = id;
    fclose(file);
    assert_true(golden->n_ids > 1);
}

/* NPY 1.0, little-endian float32, C order: the header is a Python literal that ends with a newline. */
static void read_logits(struct golden *golden)
{
    char path[600], header[1024] = "";
    unsigned char start[10];
    snprintf(path, sizeof(path), "%s/logits.npy", golden->folder);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(start, 1, 10, file), 10);
    size_t n_header = start[8] + 256u * start[9];
    assert_true(n_header < sizeof(header));
    assert_int_equal(fread(header, 1, n_header, file), n_header);
    assert_non_null(strstr(header, "<f4"));
    unsigned long rows, cols;
    assert_int_equal(sscanf(strstr(header, "'shape'"), "'shape': (%lu, %lu)", &rows, &cols), 2);
    assert_int_equal(rows, golden->n_ids);
    golden->vocab = cols;
    golden->logits = malloc(rows * cols * sizeof(float));
    assert_non_null(golden->logits);
    assert_int_equal(fread(golden->logits, sizeof(float), rows * cols, file), rows * cols);
    fclose(file);
}

static const struct tl_arch *arch_of(const char *folder)
{
    struct tl_modelfile *file;
    if (tl_modelfile_open(folder, &file) < 0)
        fail_msg("%s", tl_error_text());
    const struct tl_arch *arch = tl_arch_find(file);
    tl_modelfile_close(file);
    return arch;
}

static int run_row(const char *root, const struct golden_row *row, bool own, void (*test)(const struct golden *golden))
{
    static const char *const ggufs[] = { "model.gguf", "model-f32.gguf" };
    struct golden golden = { .row = row, .name = row->name };
    snprintf(golden.folder, sizeof(golden.folder), "%s/%s", root, row->name);
    if (access(golden.folder, R_OK) != 0) {
        if (own)
            fail_msg("%s is missing", golden.folder);
        return 0;
    }
    if (!arch_of(golden.folder)) {
        print_message("left out: %s\n", tl_error_text());
        return 0;
    }
    for (int k = 0; k < 2 && !golden.gguf[0]; k++) {
        snprintf(golden.gguf, sizeof(golden.gguf), "%s/%s", golden.folder, ggufs[k]);
        if (access(golden.gguf, R_OK) != 0)
            golden.gguf[0] = 0;
    }
    read_ids(&golden);
    read_logits(&golden);
    print_message("%s\n", golden.folder);
    test(&golden);
    free(golden.logits);
    return 1;
}

static const char *own_root(char root[400])
{
    const char *tests = getenv("TRILL_TESTS");
    snprintf(root, 400, "%s/golden", tests ? tests : "tests");
    return root;
}

int golden_each_own(void (*test)(const struct golden *golden))
{
    char own[400];
    int n = 0;
    for (int i = 0; i < N_ROWS; i++)
        n += run_row(own_root(own), &table[i], true, test);
    return n;
}

int golden_each(void (*test)(const struct golden *golden))
{
    char shared[400];
    const char *other = getenv("TRILL_SHARED"), *root = getenv("TRILL_ROOT");
    int n = golden_each_own(test);
    if (other)
        snprintf(shared, sizeof(shared), "%s/golden", other);
    else
        snprintf(shared, sizeof(shared), "%s/../shared/golden", root ? root : ".");
    for (int i = 0; i < N_ROWS; i++)
        n += run_row(shared, &table[i], false, test);
    return n;
}

void golden_check_table(void)
{
    char own[400], path[700];
    struct dirent **entries;
    int count = scandir(own_root(own), &entries, NULL, alphasort);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        int k = 0;
        snprintf(path, sizeof(path), "%s/%s/tokens.json", own, entries[i]->d_name);
        while (k < N_ROWS && strcmp(table[k].name, entries[i]->d_name) != 0)
            k++;
        if (access(path, R_OK) == 0 && k == N_ROWS)
            fail_msg("%s has no row in tests/golden/cases.c", path);
        free(entries[i]);
    }
    free(entries);
}

const char *golden_uncovered(void)
{
    char own[400], path[700];
    own_root(own);
    for (size_t a = 0; a < sizeof(archs) / sizeof(archs[0]); a++) {
        bool has = archs[a]->planned;                /* nothing is computed */
        for (int k = 0; k < N_ROWS && !has; k++) {
            snprintf(path, sizeof(path), "%s/%s", own, table[k].name);
            has = arch_of(path) == archs[a];
        }
        if (!has)
            return archs[a]->name;
    }
    return NULL;
}
