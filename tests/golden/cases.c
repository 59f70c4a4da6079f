/* SPDX-License-Identifier: MIT */
#include "cases.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include <unistd.h>

#include "base/error.h"
#include "model/arch.h"

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

/* A case: a folder with tokens and a model of a known architecture. */
static int known(const char *folder)
{
    char path[600];
    struct tl_modelfile *file;
    snprintf(path, sizeof(path), "%s/tokens.json", folder);
    if (access(path, R_OK) != 0)
        return 0;
    if (tl_modelfile_open(folder, &file) < 0)
        fail_msg("%s", tl_error_text());
    const struct tl_arch *arch = tl_arch_find(file);
    if (!arch)
        print_message("left out: %s\n", tl_error_text());
    tl_modelfile_close(file);
    return arch != NULL;
}

static int each_in(const char *root, void (*test)(const struct golden *golden))
{
    struct dirent **entries;
    int count = scandir(root, &entries, NULL, alphasort), n = 0;
    for (int i = 0; i < count; i++) {
        struct golden golden = { .name = entries[i]->d_name };
        static const char *const ggufs[] = { "model.gguf", "model-f32.gguf" };
        snprintf(golden.folder, sizeof(golden.folder), "%s/%s", root, golden.name);
        if (known(golden.folder)) {
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
            n++;
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return n;
}

int golden_each(void (*test)(const struct golden *golden))
{
    char own[400], shared[400];
    const char *tests = getenv("TRILL_TESTS"), *other = getenv("TRILL_SHARED"), *root = getenv("TRILL_ROOT");
    snprintf(own, sizeof(own), "%s/golden", tests ? tests : "tests");
    if (other)
        snprintf(shared, sizeof(shared), "%s/golden", other);
    else
        snprintf(shared, sizeof(shared), "%s/../shared/golden", root ? root : ".");
    return each_in(own, test) + each_in(shared, test);
}
