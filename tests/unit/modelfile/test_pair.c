/* SPDX-License-Identifier: MIT */
/* Models of another program's making: every folder of tests/golden opens as safetensors and as GGUF, and both hold the same
 * embedding, byte for byte and in the same shape. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "modelfile_test.h"

static char golden[512];

static struct tl_modelfile *open_in(const char *name, const char *file)
{
    char path[1024];
    struct tl_modelfile *model = NULL;
    snprintf(path, sizeof path, "%s/%s%s", golden, name, file);
    if (tl_modelfile_open(path, &model) < 0)
        fail_msg("%s", tl_error_text());
    return model;
}

static bool has(const char *name, const char *file)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s/%s", golden, name, file);
    return tl_file_exists(path);
}

static void *read_all(const struct tl_modelfile *model, const char *name, struct tl_tensor *ret_tensor)
{
    const struct tl_tensor *tensor = tl_modelfile_find(model, name);
    assert_non_null(tensor);
    void *bytes = malloc(tensor->n_bytes);
    assert_int_equal(tl_modelfile_read(model, tensor, 0, bytes, tensor->n_bytes), 0);
    *ret_tensor = *tensor;
    return bytes;
}

static void *read_embedding(const struct tl_modelfile *model, struct tl_tensor *ret_tensor)
{
    static const char *const names[] = {"model.embed_tokens.weight", "model.word_embeddings.weight"};
    for (int i = 0; i < 2; i++)
        if (tl_modelfile_find(model, names[i]))
            return read_all(model, names[i], ret_tensor);
    return read_all(model, "model.language_model.embed_tokens.weight", ret_tensor);
}

static void compare(const char *name)
{
    struct tl_modelfile *folder = open_in(name, ""), *gguf = open_in(name, "/model.gguf");
    struct tl_tensor a, b;
    const char *text, *architecture;
    size_t n;
    void *x = read_embedding(folder, &a), *y = read_all(gguf, "token_embd.weight", &b);
    assert_int_equal(tl_modelfile_format(folder), TL_MODELFILE_SAFETENSORS);
    assert_int_equal(tl_modelfile_format(gguf), TL_MODELFILE_GGUF);
    assert_int_equal(tl_meta_string(gguf, "general.architecture", &architecture, &n), 1);
    assert_int_equal(tl_meta_string(folder, "config.model_type", &text, &n), 1);
    assert_int_equal(tl_meta_string(folder, "tokenizer.chat_template", &text, &n), 1);
    assert_int_equal(tl_modelfile_tokenizer_json(folder, &text, &n), has(name, "tokenizer.json"));
    assert_int_equal(a.n_dims, b.n_dims);
    assert_memory_equal(a.shape, b.shape, sizeof a.shape);
    if (a.number == b.number)
        assert_memory_equal(x, y, a.n_bytes);
    print_message("%s: %s, %u and %u tensors\n", name, architecture, (unsigned)tl_modelfile_tensors(folder), (unsigned)tl_modelfile_tensors(gguf));
    free(x);
    free(y);
    tl_modelfile_close(folder);
    tl_modelfile_close(gguf);
}

static void test_golden_folders(void **state)
{
    (void)state;
    const struct dirent *entry;
    unsigned n = 0;
    DIR *stream = opendir(golden);
    assert_non_null(stream);
    while ((entry = readdir(stream))) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s/model.gguf", golden, entry->d_name);
        if (entry->d_name[0] != '.' && tl_file_exists(path)) {
            compare(entry->d_name);
            n++;
        }
    }
    closedir(stream);
    assert_true(n > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden_folders)};
    const char *tests_folder = getenv("TRILL_TESTS");
    snprintf(golden, sizeof golden, "%s/golden", tests_folder ? tests_folder : "tests");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
