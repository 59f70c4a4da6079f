/* SPDX-License-Identifier: MIT */
/* The loop on a small student: its loss falls; the same bits with any threads and passes, and after any interruption; what
 * a checkpoint refuses; losses that are not finite; budgets. */
#include <math.h>

#include "base/error.h"
#include "base/memory.h"
#include "folder.h"
#include "must.h"
#include "train/student.h"
#include "train/train.h"
#include "words.h"

enum { WINDOW = 64, BATCH = 4, STEPS = 12 };

static char checkpoint[96];
static struct tl_modelfile *words;
static struct tl_corpus *corpus;

static int make_corpus(const struct tl_student *student)
{
    FILE *file = fopen(in_folder("text.jsonl"), "w");
    for (int i = 0; i < 60; i++)
        fprintf(file, "{\"text\": \"the %d times that the cat sat on mat %d, and what came of it\"}\n", i, i * 7 % 11);
    fclose(file);
    struct tl_corpus_how how = { .tokenizer = student->tokenizer, .window = WINDOW, .held_share = 0.1 };
    return tl_corpus_read(in_folder("text.jsonl"), &how, &corpus);
}

static int set_up(void **state)
{
    struct tl_student *student = NULL;
    int status = make_folder(state);
    snprintf(checkpoint, sizeof(checkpoint), "%s/checkpoint", folder);
    if (status >= 0)
        status = make_words(in_folder("words.gguf"));
    if (status >= 0)
        status = tl_modelfile_open(in_folder("words.gguf"), &words);
    if (status >= 0)
        status = tl_student_open("60k", words, &student);
    if (status >= 0)
        status = make_corpus(student);
    if (status < 0)
        fprintf(stderr, "%s\n", tl_error_text());
    tl_student_close(student);
    return status;
}

static int tear_down(void **state)
{
    tl_corpus_free(corpus);
    tl_modelfile_close(words);
    return remove_folder(state);
}

/* --- a run -------------------------------------------------------------------------------------------------------- */

struct run {
    struct tl_student *student;
    struct tl_weights *weights;
    struct tl_arena arena;
    struct tl_train_how how;
    struct tl_train_plan plan;
    struct tl_trained trained;
    struct tl_progress progress;
    volatile int cancel;
    uint64_t stop_behind;                /* a step; 0: never */
    uint64_t told;
    char warning[512];
};

static void told(void *context, const struct tl_train_step *step)
{
    struct run *run = context;
    run->told++;
    assert_true(step->loss > 0 && step->norm > 0 && step->rate > 0);
    run->cancel = run->stop_behind && step->step >= run->stop_behind;
}

static void warned(void *context, const char *text)
{
    struct run *run = context;
    snprintf(run->warning, sizeof(run->warning), "%s", text);
}

static void make(struct run *run)
{
    memset(run, 0, sizeof(*run));
    assert_int_equal(tl_student_open("60k", words, &run->student), 0);
    assert_int_equal(tl_weights_new(run->student->model, &run->weights), 0);
    run->how = (struct tl_train_how){
        .batch = BATCH, .window = WINDOW, .tokens = (uint64_t)STEPS * BATCH * WINDOW, .seed = 3, .threads = 1, .held_every = 5, .told = told,
        .warn = warned, .context = run, .progress = &run->progress, .schedule = {.kind = TL_SCHEDULE_COSINE, .peak = 3e-3, .least = 0.1},
    };
    run->progress.cancel = &run->cancel;
    assert_int_equal(tl_train_plan(run->weights, &run->how, &run->plan), 0);
    assert_int_equal(tl_weights_take(run->weights, &run->arena), 0);
    tl_weights_draw(run->weights, 1);
    run->how.plan = &run->plan;
}

static int go(struct run *run) { return tl_train(run->weights, corpus, &run->how, &run->trained); }

static void done(struct run *run)
{
    tl_weights_free(run->weights);
    tl_arena_done(&run->arena);
    tl_student_close(run->student);
}

static void assert_same(const struct run *a, const struct run *b)
{
    assert_int_equal(a->weights->n_values, b->weights->n_values);
    assert_memory_equal(a->weights->values, b->weights->values, a->weights->n_values * sizeof(float));
}

static void plain(struct run *run)
{
    make(run);
    must(go(run));
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

static void test_learns(void **state)
{
    struct run run;
    (void)state;
    make(&run);
    run.how.tokens *= 4;
    must(go(&run));
    const struct tl_trained *t = &run.trained;
    assert_int_equal(t->last.step, 4 * STEPS);
    assert_int_equal(t->last.steps, 4 * STEPS);
    assert_int_equal(run.told, 4 * STEPS);
    assert_int_equal(t->last.tokens, 4 * STEPS * BATCH * WINDOW);
    assert_true(t->first_held > 4 && t->held < 0.8 * t->first_held && t->held_se > 0 && t->held_se < 0.5);
    assert_true(t->curve.n > 4 && t->curve.loss[t->curve.n - 1] < 0.8 * t->curve.loss[0]);
    assert_int_equal(t->curve.held[0].step, 0);
    assert_int_equal(t->curve.held[t->curve.n_held - 1].step, 4 * STEPS);
    assert_true(t->operations > 6e4 && t->last.tokens_per_s > 0);
    for (uint64_t i = 0; i < run.weights->n_values; i++)
        assert_true(run.weights->gradients[i] == 0 && isfinite(run.weights->values[i]));
    done(&run);
}

/* Whatever the threads, and whether layers are kept or computed again. */
static void test_threads_and_tapes(void **state)
{
    struct run one, other;
    (void)state;
    plain(&one);
    for (uint32_t i = 1; i < 4; i++) {
        make(&other);
        other.how.threads = other.plan.threads = i;
        other.plan.tape_bytes = i == 1 ? 0 : i == 2 ? UINT64_MAX : 100000;
        must(go(&other));
        assert_same(&one, &other);
        done(&other);
    }
    done(&one);
}

static void test_seed(void **state)
{
    struct run one, other;
    (void)state;
    plain(&one);
    make(&other);
    other.how.seed++;
    must(go(&other));
    assert_memory_not_equal(one.weights->values, other.weights->values, one.weights->n_values * sizeof(float));
    done(&one);
    done(&other);
}

/* Stopped behind any step, with or without checkpoints on the way, and gone on with. */
static void test_resumes(void **state)
{
    struct run one, other;
    (void)state;
    plain(&one);
    for (uint64_t stop = 1; stop < STEPS; stop += 3) {
        make(&other);
        other.how.checkpoint = checkpoint;
        other.how.checkpoint_seconds = stop % 2 ? 0 : 1e6;
        other.stop_behind = stop;
        assert_int_equal(go(&other), TL_E_CANCEL);
        assert_int_equal(other.trained.last.step, stop);
        done(&other);
        make(&other);
        other.how.checkpoint = checkpoint;
        other.how.checkpoint_seconds = 1e6;
        must(go(&other));
        assert_int_equal(other.trained.resumed_steps, stop);
        assert_int_equal(other.trained.last.step, STEPS);
        assert_same(&one, &other);
        assert_memory_equal(&one.trained.curve, &other.trained.curve, sizeof(one.trained.curve));
        assert_true(one.trained.held == other.trained.held && one.trained.first_held == other.trained.first_held);
        tl_train_forget(&other.how);
        assert_int_equal(access(checkpoint, F_OK), -1);
        done(&other);
    }
    done(&one);
}

static void keep_one(void)
{
    struct run run;
    make(&run);
    run.how.checkpoint = checkpoint;
    run.stop_behind = 4;
    assert_int_equal(go(&run), TL_E_CANCEL);
    done(&run);
}

static void refused(struct run *run, int status, const char *what)
{
    float before = run->weights->values[7];
    run->how.checkpoint = checkpoint;
    assert_int_equal(go(run), status);
    if (!strstr(tl_error_text(), what))
        fail_msg("\"%s\" does not say \"%s\"", tl_error_text(), what);
    assert_true(run->weights->values[7] == before && run->weights->gradients[7] == 0);
    done(run);
}

static void test_other_work(void **state)
{
    struct run run;
    (void)state;
    keep_one();
    make(&run);
    run.how.schedule.peak *= 2;
    refused(&run, TL_E_USAGE, "other work (another recipe)");
    make(&run);
    run.how.tokens += 1000;
    refused(&run, TL_E_USAGE, "other work (another recipe)");
    make(&run);
    run.weights->values[100] += 1;
    refused(&run, TL_E_USAGE, "other work (another model to begin with)");
    struct tl_student *student;
    struct tl_corpus *kept = corpus;
    must(tl_student_open("60k", words, &student));
    make_corpus(student);                /* another held share */
    char path[96];
    snprintf(path, sizeof(path), "%s/text.jsonl", folder);
    struct tl_corpus_how how = { .tokenizer = student->tokenizer, .window = WINDOW, .held_share = 0.5 };
    tl_corpus_free(corpus);
    must(tl_corpus_read(path, &how, &corpus));
    make(&run);
    refused(&run, TL_E_USAGE, "other work (another corpus)");
    tl_corpus_free(corpus);
    corpus = kept;
    tl_student_close(student);
    make(&run);                          /* begun anew when that is wanted */
    run.how.schedule.peak *= 2;
    run.how.checkpoint = checkpoint;
    run.how.anew = true;
    must(go(&run));
    assert_int_equal(run.trained.resumed_steps, 0);
    assert_non_null(strstr(run.warning, "other work"));
    tl_train_forget(&run.how);
    done(&run);
}

static void change(long at, int whence, const void *bytes, size_t n_bytes)
{
    FILE *file = fopen(checkpoint, "r+b");
    fseek(file, at, whence);
    fwrite(bytes, 1, n_bytes, file);
    fclose(file);
}

static void test_damaged(void **state)
{
    static const long places[] = {200, 20000, 300000, -10};
    struct run run, one;
    (void)state;
    for (int i = 0; i < 4; i++) {
        keep_one();
        change(places[i], places[i] < 0 ? SEEK_END : SEEK_SET, "\x55\xaa\x55", 3);
        make(&run);
        refused(&run, TL_E_FAIL, "the checkpoint is damaged: its checksum");
        unlink(checkpoint);
    }
    keep_one();
    assert_int_equal(truncate(checkpoint, 200000), 0);
    make(&run);
    refused(&run, TL_E_FAIL, "the checkpoint is damaged: it has 200000 bytes");
    assert_int_equal(truncate(checkpoint, 50), 0);
    make(&run);
    refused(&run, TL_E_FAIL, "is not a checkpoint");
    change(0, SEEK_SET, "something of fewer than so many bytes", 20);
    assert_int_equal(truncate(checkpoint, 200000), 0);
    make(&run);
    refused(&run, TL_E_FAIL, "is not a checkpoint");
    make(&run);
    run.how.checkpoint = checkpoint;
    run.how.anew = true;
    must(go(&run));
    plain(&one);
    assert_same(&one, &run);
    unlink(checkpoint);
    done(&run);
    done(&one);
}

/* No write of a checkpoint that fails harms the training. */
static void test_full_disk(void **state)
{
    struct run one, run;
    (void)state;
    plain(&one);
    for (long n = 0; n < 20; n += 3) {
        make(&run);
        run.how.checkpoint = checkpoint;
        run.how.checkpoint_seconds = 0;
        tl_file_fail_after(n);
        must(go(&run));
        tl_file_fail_after(-1);
        assert_same(&one, &run);
        if (n == 0)
            assert_non_null(strstr(run.warning, checkpoint));
        unlink(checkpoint);
        done(&run);
    }
    done(&one);
}

/* Every allocation fails once. */
static void test_no_memory(void **state)
{
    (void)state;
    for (long n = 0; n < 10000; n++) {
        struct run run;
        make(&run);
        run.how.checkpoint = checkpoint;
        run.how.tokens = 2 * BATCH * WINDOW;
        run.how.checkpoint_seconds = 0;
        run.how.plan = n % 2 ? &run.plan : NULL;
        tl_memory_fail_after(n / 2);
        int status = go(&run);
        tl_memory_fail_after(-1);
        unlink(checkpoint);
        done(&run);
        if (status >= 0 && !run.warning[0] && n % 2 == 0) {
            assert_true(n > 20);
            return;
        }
    }
    fail_msg("it never succeeds");
}

static void test_not_finite(void **state)
{
    struct run run;
    (void)state;
    make(&run);
    run.weights->values[5] = NAN;
    assert_int_equal(go(&run), TL_E_FAIL);
    assert_non_null(strstr(tl_error_text(), "step 1: the loss is not finite"));
    assert_int_equal(run.trained.last.step, 0);
    done(&run);
    make(&run);
    run.how.schedule = (struct tl_schedule){ .kind = TL_SCHEDULE_CONSTANT, .peak = 1e30, .warmup = 1 };
    run.how.adamw.clip = -1;
    assert_int_equal(go(&run), TL_E_FAIL);
    assert_non_null(strstr(tl_error_text(), "is not finite, so training stops with the weights of step"));
    assert_true(run.trained.last.step > 0);
    for (uint64_t i = 0; i < run.weights->n_values; i++)
        assert_true(isfinite(run.weights->values[i]));
    done(&run);
}

static void test_by_the_clock(void **state)
{
    struct run run;
    (void)state;
    make(&run);
    run.how.tokens = 0;
    run.how.seconds = 0.5;
    must(go(&run));
    assert_true(run.trained.last.step > 2 && run.trained.last.step == run.trained.last.steps);
    assert_true(run.trained.seconds < 5);
    done(&run);
}

static void test_budget(void **state)
{
    struct run run;
    struct tl_train_plan plan;
    (void)state;
    make(&run);
    struct tl_weights *weights;
    must(tl_weights_new(run.student->model, &weights));
    must(tl_train_plan(weights, &run.how, &plan));
    assert_int_equal(plan.windows, BATCH);
    assert_int_equal(plan.recomputed_layers, 0);
    assert_true(plan.weights_bytes >= 2 * weights->n_values * sizeof(float) && plan.optimiser_bytes >= 2 * weights->n_values * sizeof(float));
    uint64_t before = plan.recomputed_layers, spare = 64 << 20;          /* what the process takes besides moves a little */
    for (uint64_t ram = plan.total_bytes + spare;; ram -= plan.total_bytes / 200) {
        run.how.ram_bytes = ram;
        int status = tl_train_plan(weights, &run.how, &plan);
        if (status < 0) {
            assert_int_equal(status, TL_E_BUDGET);
            assert_true(ram < plan.total_bytes + spare);
            assert_non_null(strstr(tl_error_text(), "--ram "));
            run.how.ram_bytes = (uint64_t)strtoull(strstr(tl_error_text(), "--ram ") + 6, NULL, 10) << 20;
            assert_true(run.how.ram_bytes > ram);
            run.how.ram_bytes += spare / 4;
            must(tl_train_plan(weights, &run.how, &plan));
            break;
        }
        assert_true(plan.windows == BATCH && plan.recomputed_layers >= before && plan.total_bytes <= run.how.ram_bytes);
        before = plan.recomputed_layers;
    }
    tl_weights_free(weights);
    done(&run);
}

static void test_usage(void **state)
{
    struct run run;
    (void)state;
    make(&run);
    run.how.tokens = 0;
    assert_int_equal(go(&run), TL_E_USAGE);
    run.how.tokens = 100;
    run.how.schedule.peak = 0;
    assert_int_equal(go(&run), TL_E_USAGE);
    done(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns), cmocka_unit_test(test_threads_and_tapes), cmocka_unit_test(test_seed), cmocka_unit_test(test_resumes),
        cmocka_unit_test(test_other_work), cmocka_unit_test(test_damaged), cmocka_unit_test(test_full_disk), cmocka_unit_test(test_no_memory), cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_by_the_clock), cmocka_unit_test(test_budget), cmocka_unit_test(test_usage),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
