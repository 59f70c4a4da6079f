/* SPDX-License-Identifier: MIT */
/* Logits of layers that predict a further token against those of Hugging Face transformers (make_ahead.py), with activations
 * in f32, where nothing but the order of sums separates them: of the folders as they are, of GGUFs made from them, and of folders
 * made from these. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "compress/quantize.h"
#include "engine/engine.h"
#include "golden_file.h"
#include "must.h"

enum { IDS = 70, ROWS = 69, PIECE = 50 };

struct ahead {
    struct tl_engine *engine;
    int32_t ids[IDS];
    float *hidden, *expected;            /* [IDS][width], [ROWS][vocab] */
    uint32_t vocab, width, first;
    double worst;
};

static void read_ids(const char *name, int32_t ids[IDS])
{
    FILE *file = fopen(golden_file("ahead/%s/tokens.json", name), "r");
    assert_non_null(file);
    assert_int_equal(fgetc(file), '[');
    for (int i = 0; i < IDS; i++)
        assert_int_equal(fscanf(file, " %d ,", &ids[i]), 1);
    fclose(file);
}

static float *read_logits(const char *name, size_t vocab)
{
    unsigned char start[10], header[1024];
    FILE *file = fopen(golden_file("ahead/%s/logits.npy", name), "rb");
    float *values = malloc(ROWS * vocab * sizeof(*values));
    assert_true(file && values);
    assert_int_equal(fread(start, 1, 10, file), 10);
    assert_int_equal(fread(header, 1, start[8] + 256u * start[9], file), start[8] + 256u * start[9]);
    assert_int_equal(fread(values, sizeof(*values), ROWS * vocab, file), ROWS * vocab);
    assert_int_equal(fgetc(file), EOF);
    fclose(file);
    return values;
}

static int keep(void *context, uint32_t layer, uint32_t n_tokens, float *x)
{
    struct ahead *a = context;
    if (layer == tl_model_geometry(a->engine->model)->n_layers)
        memcpy(a->hidden, x, (size_t)n_tokens * a->width * sizeof(*x));
    return 0;
}

static int compare(void *context, const uint32_t *tokens, uint32_t n_rows, float *rows)
{
    struct ahead *a = context;
    for (uint32_t i = 0; i < n_rows; i++)
        for (uint32_t k = 0; k < a->vocab; k++) {
            double difference = fabs((double)rows[i * a->vocab + k] - (double)a->expected[(size_t)(a->first + tokens[i]) * a->vocab + k]);
            a->worst = difference <= a->worst ? a->worst : difference;
        }
    return 0;
}

/* What the model's last norm says of each token. */
static void say(struct ahead *a)
{
    const struct tl_program *program = tl_model_program(a->engine->model);
    float *weight = malloc(a->width * sizeof(*weight));
    struct tl_state *state;
    assert_int_equal(tl_state_new(tl_model_cache(a->engine->model), &state), 0);
    struct tl_span span = { state, IDS };
    struct tl_tap tap = { .context = a, .border = keep };
    struct tl_batch batch = { .ids = a->ids, .spans = &span, .n_spans = 1, .tap = &tap };
    assert_int_equal(tl_model_forward(a->engine->model, a->engine->pool, a->engine->kernel, &batch), 0);
    for (uint32_t i = 0; i < program->n_ops; i++)
        if (program->ops[i].role == TL_R_OUT_NORM && program->ops[i].kind == TL_OP_NORM)
            assert_int_equal(tl_store_values(tl_model_store(a->engine->model), program->ops[i].weight, 0, weight), 0);
    for (uint32_t i = 0; i < IDS; i++)
        a->engine->kernel->rms_norm(a->hidden + (size_t)i * a->width, weight, a->width, tl_model_geometry(a->engine->model)->epsilon,
                                    a->hidden + (size_t)i * a->width);
    tl_state_free(state);
    free(weight);
}

/* In pieces, and with some of it computed in vain and taken back. */
static void predict(struct ahead *a)
{
    struct tl_model *model = tl_model_ahead(a->engine->model);
    uint8_t wanted[IDS];
    struct tl_state *state;
    assert_non_null(model);
    memset(wanted, 1, sizeof(wanted));
    assert_int_equal(tl_state_new(tl_model_cache(model), &state), 0);
    for (a->first = 0; a->first < ROWS;) {
        uint32_t n = ROWS - a->first < PIECE ? ROWS - a->first : PIECE;
        struct tl_span span = { state, n };
        struct tl_batch batch = { .ids = a->ids + a->first + 1, .spans = &span, .n_spans = 1, .wanted = wanted, .logits = compare, .context = a,
                                  .hidden = a->hidden + (size_t)a->first * a->width };
        assert_int_equal(tl_model_forward(model, a->engine->pool, a->engine->kernel, &batch), 0);
        a->first += n;
        if (a->first < ROWS)
            a->first = tl_state_truncate(state, a->first - 7);
    }
    struct tl_span span = { state, 1 };
    struct tl_batch without = { .ids = a->ids, .spans = &span, .n_spans = 1 };
    assert_int_equal(tl_model_forward(model, a->engine->pool, a->engine->kernel, &without), TL_E_USAGE);
    tl_state_free(state);
}

static void check(const char *name, const char *path)
{
    struct tl_engine_options options = { .exact = true, .kv = "f32", .drafts = "heads" };
    struct ahead a = { 0 };
    if (tl_engine_open(path, &options, &a.engine) < 0)
        fail_msg("%s: %s", path, tl_error_text());
    a.vocab = tl_model_geometry(a.engine->model)->vocab;
    a.width = tl_model_geometry(a.engine->model)->width;
    a.hidden = malloc((size_t)IDS * a.width * sizeof(float));
    a.expected = read_logits(name, a.vocab);
    read_ids(name, a.ids);
    say(&a);
    predict(&a);
    print_message("  %-12s %-24s largest difference %.2e\n", name, path + (strlen(path) > 24 ? strlen(path) - 24 : 0), a.worst);
    assert_true(a.worst > 0 && a.worst < 1e-3);
    free(a.hidden);
    free(a.expected);
    tl_engine_close(a.engine);
}

static void convert(const char *input, const char *output)
{
    struct tl_quantize_report report;
    must(tl_quantize(&(struct tl_quantize_how){ .input = input, .output = output, .folder = true, .threads = 1 }, NULL, &report));
}

static void remove_all(const char *folder)
{
    char command[200];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

static void test_layers(void **state)
{
    static const char *const names[] = { "glm4_moe", "deepseek_v3", "qwen3_next" };
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char place[] = "/tmp/trill-ahead-XXXXXX", gguf[64], back[64], source[512];
        assert_non_null(mkdtemp(place));
        snprintf(source, sizeof(source), "%s", golden_file("ahead/%s", names[i]));
        snprintf(gguf, sizeof(gguf), "%s/model.gguf", place);
        snprintf(back, sizeof(back), "%s/back", place);
        check(names[i], source);
        convert(source, gguf);
        check(names[i], gguf);
        convert(gguf, back);
        check(names[i], back);
        remove_all(place);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_layers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
