/* SPDX-License-Identifier: MIT */
/* Adapters that are trained on a frozen golden model: losses and gradients against PEFT's (lora_gradients.py); the same bits
 * whether the base is in memory or passes through it; what is written in either form answers on either form of the base as the
 * pass that trained it did. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "cases.h"
#include "engine/session.h"
#include "folder.h"
#include "golden_file.h"
#include "model/names.h"
#include "must.h"
#include "train/adamw.h"
#include "train/graph.h"
#include "train/train_work.h"

enum { WINDOW = 35, TOKENS = 70, RANK = 4 };

static const struct { const char *name, *targets; } cases[] = {
    { "llama", "q,k,v,o,gate,up,down" }, { "qwen3", "q,v,down" }, { "qwen3_moe", NULL }, { "gemma3", "q,k,v,o,up" },
};

struct fixture {
    const struct golden *golden;
    struct tl_modelfile *file, *expected;
    struct tl_meters meters;
    struct tl_model *model;
    struct tl_weights *weights;
    struct tl_graph *graph;
    struct tl_adamw adamw;
    struct tl_pool *pool;
    struct tl_arena arena;
    int32_t next[TOKENS];
    uint32_t first[TOKENS];
    struct tl_windows_batch batch;
};

/* windows: of 35 tokens, or of 70 with one document. streamed: as little of the base in memory as there can be. */
struct way { const char *targets, *level; uint32_t threads, windows; uint64_t tape_bytes; bool streamed; };

/* Documents of 35, 20 and 15 tokens, or one of all. */
static void cut(struct fixture *f, uint32_t windows)
{
    for (uint32_t t = 0; t < TOKENS; t++) {
        bool last = t == 69 || (windows == 2 && (t == 34 || t == 54));
        f->next[t] = last ? -1 : f->golden->ids[t + 1];
        f->first[t] = windows == 2 && t >= 55 ? 20 : 0;
    }
    f->batch = (struct tl_windows_batch){ .n_windows = windows, .ids = f->golden->ids, .first = f->first, .targets = { .next = f->next } };
}

static void begin(struct fixture *f, const char *path, struct way way)
{
    const struct tl_lora_how how = { .rank = RANK, .alpha = 6, .targets = way.targets, .seed = 9 };
    struct tl_graph_limits limits = { .windows = way.windows, .window = TOKENS / way.windows, .threads = way.threads, .tape_bytes = way.tape_bytes };
    cut(f, way.windows);
    must(tl_modelfile_open(path, &f->file));
    must(tl_model_new(f->file, &(struct tl_model_choices){ .exact = true, .walked_back = true }, &f->meters, &f->model));
    struct tl_store *store = tl_model_store(f->model);
    struct tl_store_limits weights = { .threads = way.threads, .n_used = tl_model_geometry(f->model)->n_used, .trunk_bytes = way.streamed,
                                       .frames = way.streamed ? tl_store_least_frames(store) : 0 };
    must(tl_pool_new(way.threads, &f->pool));
    must(tl_model_place_weights(f->model, &weights));
    must(tl_model_load(f->model, f->pool, NULL, NULL, NULL));
    must(tl_lora_new(f->model, &how, &f->weights));
    must(tl_graph_new(f->weights, way.level ? tl_kernel_level(way.level) : tl_kernel_best(), &limits, &f->graph));
    f->adamw = (struct tl_adamw){ .beta1 = 0.9f, .beta2 = 0.95f, .epsilon = 1e-8f, .clip = 1 };
    for (int real = 0; real < 2; real++) {
        struct tl_arena count;
        tl_arena_count(&count);
        if (real)
            must(tl_arena_init(&f->arena, f->arena.used_bytes));
        else
            f->arena = count;
        must(tl_weights_layout(f->weights, &f->arena));
        must(tl_graph_layout(f->graph, &f->arena));
        must(tl_adamw_layout(&f->adamw, f->weights, &f->arena));
    }
    must(tl_lora_begin(f->weights, f->pool, NULL));
}

static void end(struct fixture *f)
{
    tl_graph_free(f->graph);
    tl_weights_free(f->weights);
    tl_model_free(f->model);
    tl_pool_free(f->pool);
    tl_arena_done(&f->arena);
    tl_modelfile_close(f->file);
    tl_modelfile_close(f->expected);
}

static double run(struct fixture *f)
{
    struct tl_pass pass;
    memset(f->weights->gradients, 0, f->weights->n_values * sizeof(float));
    must(tl_graph_run(f->graph, f->pool, &f->batch, f->batch.n_windows == 2 ? 1.0f / 67 : 1.0f / 69, true, NULL, &pass));
    return pass.loss / (double)pass.tokens;
}

/* --- against PEFT ------------------------------------------------------------------------------------------------------- */

static bool open_expected(struct fixture *f)
{
    const char *path = golden_file("gradients/lora-%s.safetensors", f->golden->name);
    if (access(path, R_OK) != 0)
        return false;
    must(tl_modelfile_open(path, &f->expected));
    return true;
}

static void read_named(struct fixture *f, const char *prefix, const char *module, char letter, float *ret_values, uint64_t n)
{
    char name[400];
    snprintf(name, sizeof(name), "%sbase_model.model.%.*s.lora_%c.weight", prefix, (int)(strlen(module) - strlen(".weight")), module, letter);
    const struct tl_tensor *tensor = tl_modelfile_find(f->expected, name);
    if (!tensor || tensor->n_elems != n)
        fail_msg("%s", name);
    must(tl_modelfile_read(f->expected, tensor, 0, ret_values, tensor->n_bytes));
}

/* Sets all parameters to PEFT's; or gives the worst difference of a gradient over its norm. */
static double each_parameter(struct fixture *f, bool compare)
{
    const struct tl_program *program = tl_model_program(f->model);
    double worst = 0;
    for (uint32_t op = 0; op < program->n_ops; op++) {
        char module[TL_NAME_BYTES];
        uint32_t at = f->weights->lora->of_op[op];
        if (at == UINT32_MAX)
            continue;
        tl_name_each(tl_model_geometry(f->model)->arch, TL_MODELFILE_SAFETENSORS, program->ops[op].role, program->ops[op].layer, 0, 0, module);
        for (int k = 0; k < 2; k++) {
            struct tl_parameter *p = &f->weights->parameters[at + (uint32_t)k];
            uint64_t n = tl_parameter_values(p);
            float *values = malloc(n * sizeof(*values));
            double error = 0, size = 0;
            read_named(f, compare ? "gradient." : "", module, k ? 'B' : 'A', values, n);
            for (uint64_t i = 0; i < n && compare; i++) {
                double d = (double)p->gradient[i] - (double)values[i];
                error += d * d;
                size += (double)values[i] * (double)values[i];
            }
            if (!compare)
                memcpy(p->value, values, n * sizeof(*values));
            double d = error > 0 ? sqrt(error / size) : 0;
            worst = d > worst ? d : worst;
            free(values);
        }
    }
    return worst;
}

static const char *targets_of(const struct golden *golden, bool *ret_known)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (strcmp(cases[i].name, golden->name) == 0) {
            *ret_known = true;
            return cases[i].targets;
        }
    *ret_known = false;
    return NULL;
}

static unsigned n_checked;

static void check_case(const struct golden *golden)
{
    struct way ways[] = { { .threads = 2, .windows = 2, .tape_bytes = UINT64_MAX }, { .threads = 1, .windows = 2, .tape_bytes = UINT64_MAX, .level = "ref" },
                          { .threads = 3, .windows = 2 }, { .threads = 2, .windows = 2, .streamed = true }, { .threads = 1, .windows = 2, .streamed = true, .tape_bytes = UINT64_MAX } };
    float *gradients = NULL;
    double loss = 0;
    bool known;
    const char *targets = targets_of(golden, &known);
    if (!known)
        return;
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        struct fixture f = { .golden = golden };
        ways[i].targets = targets;
        assert_true(open_expected(&f));
        begin(&f, golden->folder, ways[i]);
        each_parameter(&f, false);
        double found = run(&f);
        uint64_t n_bytes = f.weights->n_values * sizeof(float);
        if (i == 0) {
            const char *text = "";
            size_t n;
            must(tl_meta_string(f.expected, "__metadata__.loss", &text, &n));
            double expected = strtod(text, NULL), worst = each_parameter(&f, true);
            print_message("  loss %.7f, PEFT's %.7f; gradients differ by %.2e of their norms at most\n", found, expected, worst);
            assert_true(fabs(found - expected) <= 2e-6 * expected);
            assert_true(worst <= 1e-5);
            loss = found;
            gradients = malloc(n_bytes);
            memcpy(gradients, f.weights->gradients, n_bytes);
        }
        for (int again = 0; again < 2; again++) {
            uint64_t missed = tl_meter_get(&f.meters, TL_METER_MISSED_BYTES);
            if (found != loss || memcmp(gradients, f.weights->gradients, n_bytes) != 0)
                fail_msg("way %zu: other bits", i);
            found = run(&f);
            missed = tl_meter_get(&f.meters, TL_METER_MISSED_BYTES) - missed;
            assert_true(missed <= 2 * tl_model_weight_bytes(f.model));       /* there and back */
        }
        if (ways[i].streamed)
            assert_true(tl_store_passing_bytes(tl_model_store(f.model)) > 0);
        end(&f);
    }
    free(gradients);
    n_checked++;
}

static void test_gradients(void **state)
{
    (void)state;
    golden_each_own(check_case);
    assert_int_equal(n_checked, sizeof(cases) / sizeof(*cases));
}

/* --- there and back --------------------------------------------------------------------------------------------------- */

struct nll { const int32_t *ids; double sum; uint32_t vocab; };

static int add_row(void *context, uint32_t position, const float *row)
{
    struct nll *nll = context;
    double most = row[0], sum = 0;
    for (uint32_t i = 0; i < nll->vocab; i++)
        most = row[i] > most ? row[i] : most;
    for (uint32_t i = 0; i < nll->vocab; i++)
        sum += exp(row[i] - most);
    if (position + 1 < TOKENS)
        nll->sum += most + log(sum) - row[nll->ids[position + 1]];
    return 0;
}

static double answer(const struct golden *golden, const char *base, const char *adapter)
{
    const struct tl_engine_adapter adapters[] = { { adapter, 1 } };
    const struct tl_engine_options options = { .threads = 2, .context = 128, .kv = "f32", .exact = true, .adapters = adapters, .n_adapters = 1 };
    struct tl_engine *engine;
    struct tl_session *session;
    struct nll nll = { .ids = golden->ids, .vocab = (uint32_t)golden->vocab };
    must(tl_engine_open(base, &options, &engine));
    must(tl_session_open(engine, &session));
    must(tl_session_set(session, golden->ids, golden->n_ids));
    must(tl_session_compute(session, add_row, &nll));
    tl_session_close(session);
    tl_engine_close(engine);
    return nll.sum / 69;
}

static void check_written(const struct golden *golden)
{
    bool known;
    const char *targets = targets_of(golden, &known), *bases[] = { golden->folder, golden->gguf };
    for (int base = 0; base < 2 && known; base++) {
        struct fixture f = { .golden = golden };
        double before, after = 0, norm;
        begin(&f, bases[base], (struct way){ .targets = targets, .threads = 2, .windows = 1, .tape_bytes = UINT64_MAX });
        before = run(&f);
        for (int step = 0; step < 8; step++) {
            after = run(&f);
            tl_adamw_step(&f.adamw, f.weights, f.pool, 1e-2f, &norm);
        }
        after = run(&f);
        print_message("  %s: from %.4f to %.4f in 8 steps\n", base ? "GGUF" : "safetensors", before, after);
        assert_true(after < before);
        must(tl_lora_write(f.weights, golden->name, in_folder("a.gguf")));
        must(tl_lora_write(f.weights, golden->name, in_folder("peft")));
        for (int k = 0; k < 4; k++) {
            double found = answer(golden, bases[k % 2], in_folder(k < 2 ? "a.gguf" : "peft"));
            if (!(fabs(found - after) <= 1e-5 * after))
                fail_msg("base %d, adapter %d on base %d: %.7f, trained to %.7f", base, k / 2, k % 2, found, after);
        }
        end(&f);
    }
}

static void test_written(void **state)
{
    (void)state;
    golden_each_own(check_written);
}

static void check_targets(const struct golden *golden)
{
    struct tl_modelfile *file;
    struct tl_meters meters = { 0 };
    struct tl_model *model;
    struct tl_weights *weights;
    if (strcmp(golden->name, "qwen3_moe") != 0)
        return;
    must(tl_modelfile_open(golden->folder, &file));
    must(tl_model_new(file, &(struct tl_model_choices){ .exact = true, .walked_back = true }, &meters, &model));
    assert_true(tl_lora_new(model, &(struct tl_lora_how){ .rank = 2, .targets = "q,gate" }, &weights) < 0);
    assert_non_null(strstr(tl_error_text(), "\"gate\" are not known"));
    assert_non_null(strstr(tl_error_text(), "(there are: q k v o)"));
    assert_true(tl_lora_new(model, &(struct tl_lora_how){ .rank = 0 }, &weights) < 0);
    tl_model_free(model);
    tl_modelfile_close(file);
}

static void test_targets(void **state)
{
    (void)state;
    golden_each_own(check_targets);
}

/* --- from a corpus to a file ------------------------------------------------------------------------------------------ */

static uint64_t stop_at;

static void stop(void *context, const struct tl_train_step *step)
{
    *(volatile int *)context = stop_at && step->step == stop_at;
}

static int train(const struct golden *golden, const struct tl_train_how *given, const char *output, struct tl_trained *ret_trained)
{
    const struct tl_lora_how lora = { .rank = 3, .seed = 5 };
    struct tl_train_how how = *given;
    struct tl_train_work work;
    struct tl_student *base;
    struct tl_corpus *corpus;
    must(tl_student_open_base(golden->gguf, &base));
    must(tl_corpus_read(in_folder("text.txt"), &(struct tl_corpus_how){ .tokenizer = base->tokenizer, .window = how.window, .held_share = 0.2 }, &corpus));
    int status = tl_train_work_init(&work, base, &lora, &how);
    how.plan = &work.plan;
    if (status >= 0)
        status = tl_train(work.weights, corpus, &how, ret_trained);
    if (status >= 0)
        status = tl_lora_write(work.weights, golden->name, output);
    if (status >= 0)
        tl_train_forget(&how);
    tl_train_work_done(&work);
    tl_corpus_free(corpus);
    tl_student_close(base);
    return status;
}

/* The same file whether it was interrupted or not. */
static void check_training(const struct golden *golden)
{
    volatile int cancel = 0;
    struct tl_progress progress = { .cancel = &cancel };
    struct tl_train_how how = { .batch = 3, .window = 32, .threads = 2, .seed = 2, .schedule = { .peak = 1e-2, .steps = 12 }, .progress = &progress, .told = stop,
                                .context = (void *)(uintptr_t)&cancel, .checkpoint = in_folder("kept") };
    struct tl_trained trained;
    char text[6000] = "";
    if (strcmp(golden->name, "llama") != 0)
        return;
    for (int i = 0; i < 60; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "the weight %d that is read is the weight that is used\n\n", i * 7919 % 100);
    make_text(in_folder("text.txt"), text);
    stop_at = 0;
    must(train(golden, &how, in_folder("whole.gguf"), &trained));
    assert_int_equal(trained.last.step, 12);
    assert_true(trained.last.loss < 5 && access(in_folder("kept"), F_OK) != 0);
    stop_at = 5;
    assert_int_equal(train(golden, &how, in_folder("parts.gguf"), &trained), TL_E_CANCEL);
    assert_true(access(in_folder("parts.gguf"), F_OK) != 0 && access(in_folder("kept"), F_OK) == 0);
    cancel = 0;
    stop_at = 0;
    must(train(golden, &how, in_folder("parts.gguf"), &trained));
    assert_int_equal(trained.resumed_steps, 5);
    shell("cmp whole.gguf parts.gguf");
    how.ram_bytes = 1 << 20;
    assert_int_equal(train(golden, &how, in_folder("none.gguf"), &trained), TL_E_BUDGET);
    assert_non_null(strstr(tl_error_text(), "--ram"));
}

static void test_training(void **state)
{
    (void)state;
    golden_each_own(check_training);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_gradients), cmocka_unit_test(test_written), cmocka_unit_test(test_targets),
                                        cmocka_unit_test(test_training) };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
