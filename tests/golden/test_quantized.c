/* SPDX-License-Identifier: MIT */
/* Models quantised and run: the golden ones of every architecture, whose logits must stay near the stored ones (of tiny models other
 * experts are chosen now and then), and one with rows of whole blocks of every format, in all that GGUF stores: no more error than
 * the bits explain, and the same bytes from one thread and from two. TRILL_FAST: one format a golden model. */
#include <math.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/memory.h"
#include "cases.h"
#include "compress/quantize.h"
#include "folder.h"
#include "must.h"
#include "trill.h"

static void quantize(const char *input, const char *output, const char *scheme, uint32_t threads, struct tl_quantize_report *report)
{
    struct tl_quantize_how how = {.input = input, .output = output, .scheme = scheme, .scheme_name = "--to", .threads = threads};
    remove(output);
    must(tl_quantize(&how, NULL, report));
}

struct rows { const struct golden *golden; double square, power; size_t n; };

static int compare(void *context, size_t position, const float *logits, size_t vocabulary)
{
    struct rows *rows = context;
    const float *stored = rows->golden ? rows->golden->logits + position * rows->golden->vocab : NULL;
    double mean = 0;
    for (size_t i = 0; i < vocabulary && stored; i++)
        mean += (double)stored[i] / (double)vocabulary;
    for (size_t i = 0; i < vocabulary; i++) {
        double off = stored ? (double)logits[i] - (double)stored[i] : (double)logits[i];
        rows->square += off * off;
        rows->power += stored ? ((double)stored[i] - mean) * ((double)stored[i] - mean) : 1;
    }
    rows->n++;
    return 0;
}

/* What logits differ by from the stored ones, beside how they vary; without stored ones: that they are numbers. */
static double run(const char *path, const struct golden *golden, const int32_t *ids, size_t n_ids)
{
    struct trill_model_options options;
    struct trill_model *model = NULL;
    struct trill_session *session = NULL;
    struct rows rows = {.golden = golden};
    trill_model_options_init(&options, sizeof(options));
    options.threads = 1;
    must(trill_model_open(path, &options, &model));
    must(trill_session_open(model, &session));
    must(trill_session_set(session, ids, n_ids));
    must(trill_session_compute(session, compare, &rows));
    trill_session_close(session);
    trill_model_close(model);
    assert_true(rows.n > 0 && isfinite(rows.square));
    return sqrt(rows.square / rows.power);
}

static void check_golden(const struct golden *golden)
{
    static const struct { const char *format; double most; } formats[] = {{"f16", 0.3}, {"q8_0", 0.6}, {"q5_1", 0.8}, {"q4_0", 1.1}};
    static size_t n_models;
    const size_t n = sizeof formats / sizeof *formats, step = getenv("TRILL_FAST") ? n : 1;
    if (!golden->gguf[0])
        return;
    for (size_t i = n_models++ % step; i < n; i += step) {
        struct tl_quantize_report report;
        quantize(golden->gguf, in_folder("out.gguf"), formats[i].format, 1, &report);
        double off = run(in_folder("out.gguf"), golden, golden->ids, golden->n_ids);
        print_message("  %-5s %.4f\n", formats[i].format, off);
        assert_true(off < formats[i].most);
    }
}

static void every_architecture(void **state)
{
    (void)state;
    assert_true(golden_each_own(check_golden) > 10);
}

/* --- every format ------------------------------------------------------------------------------------------------------------- */

static void synthesise(const char *path)
{
    char text[600];
    struct trill_job *job = NULL;
    snprintf(text, sizeof(text), "{\"geometry\":\"qwen3-0.6b\",\"tiny\":true,\"layers\":1,\"to\":\"f32\",\"threads\":2,\"output\":\"%s\"}", path);
    must(trill_job_new("synth", NULL, text, &job));
    must(trill_job_run(job, NULL, NULL));
    trill_job_close(job);
}

static void same_files(const char *a, const char *b)
{
    char *bytes[2] = {0};
    size_t n[2];
    must(tl_file_slurp(a, 1 << 24, &bytes[0], &n[0]));
    must(tl_file_slurp(b, 1 << 24, &bytes[1], &n[1]));
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(bytes[0], bytes[1], n[0]);
    tl_free(bytes[0]);
    tl_free(bytes[1]);
}

/* Squared error that so many bits of a number leave, at most: a quarter for each, and the 8 of bf16. */
static double most_error(double bits) { return fmax(5 * pow(4, -bits), 1e-5); }

static void every_format(void **state)
{
    static const int32_t ids[] = {5, 6, 7, 8};
    (void)state;
    synthesise(in_folder("model.gguf"));
    for (int i = 0; i < TL_NUMBERS; i++) {
        const struct tl_number *number = tl_number((enum tl_number_id)i);
        struct tl_quantize_report report, again;
        double bits = 8.0 * number->block_bytes / number->block_elems;
        if (number->gguf_type < 0 || number->id == TL_NUMBER_F32)
            continue;
        quantize(in_folder("model.gguf"), in_folder("one.gguf"), number->name, 1, &report);
        quantize(in_folder("model.gguf"), in_folder("two.gguf"), number->name, 2, &again);
        same_files(in_folder("one.gguf"), in_folder("two.gguf"));
        print_message("  %-8s %.3f bits, error %.6f of %.6f\n", number->name, report.bits, report.error, most_error(bits));
        assert_true(report.changed > 0 && report.bits < bits + 0.5 && report.error < most_error(bits));
        run(in_folder("one.gguf"), NULL, ids, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_architecture), cmocka_unit_test(every_format)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
