/* SPDX-License-Identifier: MIT */
/* What is trained: sizes become shapes, geometries take another vocabulary, files bring their own; what is refused. */
#include <math.h>

#include "base/error.h"
#include "folder.h"
#include "train/student.h"
#include "train/weights.h"
#include "words.h"

static char gguf[96], tensors[96];
static struct tl_modelfile *words;

static int set_up(void **state)
{
    int status = make_folder(state);
    snprintf(gguf, sizeof(gguf), "%s/words.gguf", folder);
    snprintf(tensors, sizeof(tensors), "%s/tensors", folder);
    if (status >= 0)
        status = make_words(gguf);
    if (status >= 0)
        status = make_words(tensors);
    return status < 0 ? status : tl_modelfile_open(gguf, &words);
}

static int tear_down(void **state)
{
    tl_modelfile_close(words);
    return remove_folder(state);
}

static struct tl_student *student_of(const char *source)
{
    struct tl_student *student = NULL;
    if (tl_student_open(source, words, &student) < 0)
        fail_msg("%s: %s", source, tl_error_text());
    return student;
}

static void test_shapes(void **state)
{
    (void)state;
    for (double size = 2e5; size < 2e9; size *= 1.3) {
        uint32_t width, layers;
        tl_student_shape(size, &width, &layers);
        double share = tl_student_beyond(width, layers) / size;
        assert_true(width % 64 == 0 && width >= 64 && layers >= 1);
        if (share < 0.6 || share > 1.45)
            fail_msg("%g: %u x %u is %g of it", size, width, layers, share);
        assert_true(size < 1e7 || (share > 0.85 && share < 1.15));
    }
}

static void test_sizes(void **state)
{
    static const char *const sizes[] = {"30k", "0.5M", "2M"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct tl_student *student = student_of(sizes[i]);
        const struct tl_geometry *g = tl_model_geometry(student->model);
        assert_true(student->drawn && student->vocabulary == words);
        assert_int_equal(g->vocab, tl_tokenizer_size(student->tokenizer));
        assert_true(g->tied && g->head_dim == 64);
        struct tl_weights *weights;
        assert_int_equal(tl_weights_new(student->model, &weights), 0);
        assert_int_equal(weights->n_values, (uint64_t)(tl_student_beyond(g->width, g->n_layers) + (double)g->vocab * g->width));
        tl_weights_free(weights);
        tl_student_close(student);
    }
}

static void test_geometry(void **state)
{
    (void)state;
    struct tl_student *student = student_of("qwen3-0.6b");
    assert_int_equal(tl_model_geometry(student->model)->vocab, tl_tokenizer_size(student->tokenizer));
    assert_int_equal(tl_model_geometry(student->model)->width, 1024);
    assert_true(student->drawn);
    tl_student_close(student);
}

static void test_file(void **state)
{
    (void)state;
    struct tl_student *student = student_of(gguf);
    assert_false(student->drawn);
    assert_null(student->vocabulary);
    tl_student_close(student);
}

static void refused(const char *source, const struct tl_modelfile *vocabulary, const char *what)
{
    struct tl_student *student = NULL;
    assert_true(tl_student_open(source, vocabulary, &student) < 0);
    assert_null(student);
    if (!strstr(tl_error_text(), what))
        fail_msg("\"%s\" does not say \"%s\"", tl_error_text(), what);
}

static void test_refused(void **state)
{
    struct tl_modelfile *other;
    (void)state;
    refused("30M", NULL, "--vocab");
    refused("qwen3-0.6b", NULL, "--vocab");
    refused("12", words, "a student of 12 weights");
    refused("5t", words, "a student of 5t weights");
    refused("qwen3-0.6c", words, "qwen3-0.6b");
    refused("/no/such.gguf", words, "/no/such.gguf");
    refused(tensors, words, "GGUF");
    refused("deepseek-v4-flash", words, "does not run them yet");
    assert_int_equal(tl_modelfile_open(tensors, &other), 0);
    refused("30M", other, "taken from a GGUF");
    tl_modelfile_close(other);
}

/* More to spend makes a larger student that predicts better; nothing near it is predicted to be better still. */
static void test_choice(void **state)
{
    struct tl_student_choice before = {.loss = 1e9}, c;
    (void)state;
    for (double operations = 1e14; operations < 1e19; operations *= 10) {
        tl_student_choose(49152, operations, 0, &c);
        assert_true(c.size >= before.size && c.loss < before.loss);
        assert_true(fabs(6 * c.parameters * c.tokens / operations - 1) < 1e-9);
        before = c;
    }
    assert_true(c.size > 3e7 && c.size < 1e10);
    before = (struct tl_student_choice){.loss = 1e9};
    for (double tokens = 1e6; tokens < 1e11; tokens *= 10) {
        tl_student_choose(49152, 0, tokens, &c);
        assert_true(c.size >= before.size && c.loss < before.loss && c.tokens == tokens);
        before = c;
    }
    assert_true(c.size > 1e8 && c.size < 1e10);
}

static void test_rates(void **state)
{
    (void)state;
    assert_true(fabs(tl_student_rate(30000000, true) - 1e-3) < 1e-9);
    assert_true(tl_student_rate(100000000, true) < 1e-3 && tl_student_rate(1, true) <= 3e-3);
    assert_true(tl_student_rate(30000000, false) < 2e-4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes), cmocka_unit_test(test_sizes), cmocka_unit_test(test_geometry), cmocka_unit_test(test_file),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_choice), cmocka_unit_test(test_rates),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
