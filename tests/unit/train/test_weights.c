/* SPDX-License-Identifier: MIT */
/* Weights of the golden models' files read, written as f32 and read again: the same values, and the same metadata; weights of
 * an outline drawn and written as a file that opens, and only from a GGUF. */
#include <stdbool.h>

#include "base/error.h"
#include "folder.h"
#include "golden_file.h"
#include "must.h"
#include "plan/outlined.h"
#include "train/weights.h"

struct opened { struct tl_modelfile *file; struct tl_meters meters; struct tl_model *model; struct tl_weights *weights; struct tl_arena arena; };

static void lay_out(struct opened *o)
{
    must(tl_weights_new(o->model, &o->weights));
    must(tl_weights_take(o->weights, &o->arena));
}

static void open_file(struct opened *o, const char *path)
{
    struct tl_pool *pool;
    must(tl_modelfile_open(path, &o->file));
    must(tl_model_new(o->file, &(struct tl_model_choices){ 0 }, &o->meters, &o->model));
    lay_out(o);
    must(tl_pool_new(2, &pool));
    must(tl_weights_read(o->weights, pool, NULL));
    tl_pool_free(pool);
}

static void close_file(struct opened *o)
{
    tl_weights_free(o->weights);
    tl_arena_done(&o->arena);
    tl_model_free(o->model);
    tl_modelfile_close(o->file);
}

static void same_values(const struct opened *a, const struct opened *b)
{
    assert_int_equal(a->weights->n, b->weights->n);
    assert_int_equal(a->weights->n_values, b->weights->n_values);
    for (uint32_t i = 0; i < a->weights->n; i++) {
        const struct tl_parameter *p = &a->weights->parameters[i], *q = &b->weights->parameters[i];
        assert_int_equal(tl_parameter_values(p), tl_parameter_values(q));
        assert_memory_equal(p->value, q->value, tl_parameter_values(p) * sizeof(float));
    }
}

static void test_round_trip(void **state)
{
    static const char *const names[] = { "llama", "qwen2", "qwen3", "gemma3", "qwen3_moe", "glm4_moe", "deepseek_v3", "gpt_oss", "gpt_oss-mxfp4", "llama-bf16" };
    const struct tl_weights_note note = { "general.name", "what it was taught" };
    const char *out = in_folder("out.gguf");
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct opened before = { 0 }, after = { 0 };
        const char *name = "";
        size_t n;
        open_file(&before, golden_file("%s/model.gguf", names[i]));
        must(tl_weights_write(before.weights, tl_number(TL_NUMBER_F32), NULL, &note, 1, out, NULL));
        open_file(&after, out);
        same_values(&before, &after);
        must(tl_meta_string(after.file, "general.name", &name, &n));
        assert_string_equal(name, note.text);
        assert_non_null(tl_modelfile_meta(after.file, "tokenizer.ggml.tokens"));
        assert_int_equal(tl_modelfile_tensors(before.file), tl_modelfile_tensors(after.file));
        close_file(&before);
        close_file(&after);
    }
    unlink(out);
}

static void test_outline(void **state)
{
    const char *out = in_folder("out.gguf");
    struct tl_outline_sizes sizes = { .tiny = true };
    struct tl_recipe_names names = { .to = "f32" };
    struct tl_outlined *outlined;
    struct opened before = { 0 }, after = { 0 }, words = { 0 };
    (void)state;
    open_file(&words, golden_file("llama/model.gguf"));
    must(tl_outlined_open("smollm2-135m", &sizes, &names, &(struct tl_model_choices){ 0 }, &outlined));
    before.model = outlined->model;
    lay_out(&before);
    tl_weights_draw(before.weights, 7);
    must(tl_weights_write(before.weights, tl_number(TL_NUMBER_F32), words.file, NULL, 0, out, NULL));
    open_file(&after, out);
    same_values(&before, &after);
    assert_non_null(tl_modelfile_meta(after.file, "tokenizer.ggml.tokens"));
    close_file(&after);
    tl_weights_free(before.weights);
    tl_arena_done(&before.arena);
    tl_outlined_close(outlined);
    close_file(&words);
    unlink(out);
}

static void test_refusals(void **state)
{
    const char *out = in_folder("out.gguf");
    struct opened o = { 0 };
    (void)state;
    open_file(&o, golden_file("llama"));
    assert_int_equal(tl_weights_write(o.weights, tl_number(TL_NUMBER_F32), NULL, NULL, 0, out, NULL), TL_E_USAGE);
    assert_non_null(strstr(tl_error_text(), "GGUF"));
    assert_int_not_equal(access(out, F_OK), 0);
    close_file(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_round_trip), cmocka_unit_test(test_outline), cmocka_unit_test(test_refusals) };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
