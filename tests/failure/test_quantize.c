/* SPDX-License-Identifier: MIT */
/* Quantising with the N-th allocation or the N-th read or write failing, for every N: a status and a sentence each time, and
 * nothing under the output's name. What stays beside it, the next run goes on with: the file that comes out in the end is the
 * same, byte for byte, as of a run that nothing disturbed. The same for processes that are killed while they write. */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "base/memory.h"
#include "compress/quantize.h"
#include "folder.h"
#include "golden_file.h"
#include "killed.h"
#include "must.h"

static const struct tl_quantize_how hows[] = {
    {.scheme = "* q4_0\nattention q8_0", .scheme_name = "f", .threads = 1},
    {.bits = 12, .threads = 2},
    {.input = "llama", .threads = 1},                /* safetensors, as a GGUF */
};

static int quantize(const struct tl_quantize_how *as, const char *output, struct tl_progress *progress, struct tl_quantize_report *report)
{
    struct tl_quantize_how how = *as;
    how.input = golden_file("%s", as->input ? as->input : "llama/model.gguf");
    how.output = output;
    return tl_quantize(&how, progress, report);
}

/* Another kind of file, with the layer that predicts a further token. */
static const struct tl_quantize_how converted = {.input = "ahead/glm4_moe", .threads = 1};

static void same_files(const char *a, const char *b)
{
    char *bytes[2] = {0};
    size_t n[2];
    must(tl_file_slurp(a, 1 << 20, &bytes[0], &n[0]));
    must(tl_file_slurp(b, 1 << 20, &bytes[1], &n[1]));
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(bytes[0], bytes[1], n[0]);
    tl_free(bytes[0]);
    tl_free(bytes[1]);
}

static void make_undisturbed(const struct tl_quantize_how *how)
{
    struct tl_quantize_report report;
    remove(in_folder("good.gguf"));
    must(quantize(how, in_folder("good.gguf"), NULL, &report));
    assert_int_equal(report.resumed, 0);
    assert_true(access(in_folder("good.gguf.partial"), F_OK) != 0);
}

static void try_all(const struct tl_quantize_how *how, void (*fail_after)(long countdown), bool afresh)
{
    struct tl_quantize_report report;
    long n = 0;
    make_undisturbed(how);
    remove(in_folder("out.gguf"));
    for (int status = -1; status < 0; n++) {
        if (afresh)
            remove(in_folder("out.gguf.partial"));
        fail_after(n);
        status = quantize(how, in_folder("out.gguf"), NULL, &report);
        fail_after(-1);
        assert_true(status >= 0 || *tl_error_text());
        assert_true(status >= 0 || access(in_folder("out.gguf"), F_OK) != 0);
        assert_true(n < 100000);
    }
    print_message("%ld failing calls\n", n - 1);
    assert_true(n > 10 || !afresh);
    same_files(in_folder("out.gguf"), in_folder("good.gguf"));
}

static void allocations(void **state)
{
    (void)state;
    try_all(&hows[0], tl_memory_fail_after, true);
    try_all(&hows[1], tl_memory_fail_after, true);
    try_all(&hows[2], tl_memory_fail_after, true);
    try_all(&converted, tl_memory_fail_after, true);
}

static void calls(void **state)
{
    (void)state;
    try_all(&hows[0], tl_file_fail_after, true);
    try_all(&hows[1], tl_file_fail_after, true);
    try_all(&hows[0], tl_file_fail_after, false);
    try_all(&hows[2], tl_file_fail_after, true);
}

/* --- in place of another model -------------------------------------------------------------------------------------------- */

static int differ(const char *a, const char *b)
{
    char text[400];
    snprintf(text, sizeof text, "cd %s && diff -rq -x '*.part*' %s %s >differ", folder, a, b);
    return system(text);
}

static void make_old(const char *to)
{
    char text[PATH_MAX + 300], from[PATH_MAX];
    assert_non_null(realpath(golden_file("qwen2"), from));
    snprintf(text, sizeof text, "rm -rf %s && cp -r %s %s && cd %s && rm -f *.gguf *.npy && touch merges.txt README.md model-extra.safetensors", to,
             from, to, to);
    shell(text);
}

/* A folder of shards, with files that the new model has none of: whichever call fails, what can be opened afterwards is one model, all of
 * it, and where neither is left nothing has to be encoded again. */
static void replaced(void **state)
{
    (void)state;
    const struct tl_quantize_how how = {.scheme = "* f16", .folder = true, .threads = 1};
    struct tl_quantize_report report;
    long n = 0, counts[3] = {0};
    make_old("old");
    make_old("new");
    must(quantize(&how, in_folder("new"), NULL, &report));
    shell("test -e old/model-00003-of-00003.safetensors && test ! -e new/model-00003-of-00003.safetensors && test ! -e new/model.safetensors.index.json && "
          "test ! -e new/merges.txt && test -e new/README.md && test -e new/model-extra.safetensors");
    for (int status = -1; status < 0; n++) {
        struct tl_modelfile *file = NULL;
        make_old("out");
        tl_file_fail_after(n);
        status = quantize(&how, in_folder("out"), NULL, &report);
        tl_file_fail_after(-1);
        int is = tl_modelfile_open(in_folder("out"), &file) < 0 ? 2 : differ("out", "old") != 0;
        tl_modelfile_close(file);
        assert_true(is != 1 || !differ("out", "new"));
        counts[is]++;
        must(quantize(&how, in_folder("out"), NULL, &report));
        assert_true(is != 2 || report.resumed == report.tensors);
        assert_int_equal(differ("out", "new"), 0);
    }
    print_message("%ld failing calls: the old model %ld times, none %ld times\n", n - 1, counts[0], counts[2]);
    assert_true(counts[0] > 10 && counts[1] == 1 && counts[2] > 5);
}

/* --- killed ------------------------------------------------------------------------------------------------------------------- */

/* Ends at once, with what it has written so far, where the file would become larger. */
static int run_until(const struct tl_quantize_how *how, uint64_t n_bytes)
{
    struct tl_quantize_report report;
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        die_beyond(n_bytes);
        _exit(quantize(how, in_folder("out.gguf"), NULL, &report) < 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void killed(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof hows / sizeof *hows; k++) {
        struct tl_quantize_report report;
        struct stat facts;
        uint64_t resumed = 0;
        make_undisturbed(&hows[k]);
        assert_int_equal(stat(in_folder("good.gguf"), &facts), 0);
        for (int64_t n = 0; n < facts.st_size; n += 1009) {
            remove(in_folder("out.gguf"));
            int status = run_until(&hows[k], (uint64_t)n);
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
            assert_true(access(in_folder("out.gguf"), F_OK) != 0);
            must(quantize(&hows[k], in_folder("out.gguf"), NULL, &report));
            assert_true(report.resumed >= resumed);
            resumed = report.resumed;
            same_files(in_folder("out.gguf"), in_folder("good.gguf"));
        }
        assert_true(resumed > 10);
    }
}

/* What stays of another scheme is not gone on with. */
static void of_another(void **state)
{
    (void)state;
    struct tl_quantize_report report;
    make_undisturbed(&hows[0]);
    remove(in_folder("out.gguf"));
    assert_int_equal(rename(in_folder("good.gguf"), in_folder("out.gguf.partial")), 0);
    make_undisturbed(&hows[1]);
    must(quantize(&hows[1], in_folder("out.gguf"), NULL, &report));
    assert_int_equal(report.resumed, 0);
    same_files(in_folder("out.gguf"), in_folder("good.gguf"));
}

/* Nor what stays of other experts, though as many. */
static void of_others(void **state)
{
    (void)state;
    static const uint8_t keep[2][16] = {{1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 0, 0, 0, 0}, {0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1}};
    struct tl_quantize_report report;
    struct tl_quantize_how some = {.input = "qwen3_moe/model.gguf", .threads = 1, .keep = keep[0]}, others = some;
    others.keep = keep[1];
    make_undisturbed(&others);
    remove(in_folder("out.gguf"));
    assert_true(WIFSIGNALED(run_until(&some, 90000)));
    must(quantize(&others, in_folder("out.gguf"), NULL, &report));
    assert_int_equal(report.resumed, 0);
    same_files(in_folder("out.gguf"), in_folder("good.gguf"));
}

/* Nor what stays of a source that was written to since, wherever that was. */
static void of_another_source(void **state)
{
    (void)state;
    struct tl_quantize_report report;
    struct timespec later[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
    make_undisturbed(&(struct tl_quantize_how){.scheme = "* f32", .threads = 1});
    assert_int_equal(rename(in_folder("good.gguf"), in_folder("source.gguf")), 0);
    const struct tl_quantize_how how = {.input = in_folder("source.gguf"), .output = in_folder("out.gguf"), .scheme = "* q4_0", .threads = 1};
    remove(in_folder("out.gguf"));
    must(tl_quantize(&how, NULL, &report));
    for (int change = 0; change < 2; change++) {
        assert_int_equal(rename(in_folder("out.gguf"), in_folder("out.gguf.partial")), 0);
        later[1].tv_sec = time(NULL) + 60;
        later[1].tv_nsec = change ? 0 : UTIME_OMIT;
        assert_int_equal(utimensat(AT_FDCWD, in_folder("source.gguf"), later, 0), 0);
        must(tl_quantize(&how, NULL, &report));
        assert_int_equal(report.resumed, change ? 0 : report.tensors);
    }
}

/* Who comes second leaves the first alone. */
static void two_at_once(void **state)
{
    (void)state;
    struct tl_quantize_report report;
    struct tl_outfile *first;
    remove(in_folder("out.gguf"));
    must(tl_outfile_open_lasting(in_folder("out.gguf"), &first));
    assert_int_equal(quantize(&hows[0], in_folder("out.gguf"), NULL, &report), TL_E_USAGE);
    assert_non_null(strstr(tl_error_text(), "another process is writing it"));
    must(tl_outfile_write(first, "whole", 5));
    must(tl_outfile_commit(first));
    tl_outfile_close(first);
    remove(in_folder("out.gguf"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(allocations), cmocka_unit_test(calls), cmocka_unit_test(replaced), cmocka_unit_test(killed), cmocka_unit_test(of_another),
                                       cmocka_unit_test(of_others), cmocka_unit_test(of_another_source), cmocka_unit_test(two_at_once)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
