/* SPDX-License-Identifier: MIT */
/* Quantising with the N-th allocation or the N-th read or write failing, for every N: a status and a sentence each time, and
 * nothing under the output's name. What stays beside it, the next run goes on with: the file that comes out in the end is the
 * same, byte for byte, as of a run that nothing disturbed. The same for processes that are killed while they write. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/memory.h"
#include "compress/quantize.h"
#include "folder.h"
#include "golden_file.h"
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
}

static void calls(void **state)
{
    (void)state;
    try_all(&hows[0], tl_file_fail_after, true);
    try_all(&hows[1], tl_file_fail_after, true);
    try_all(&hows[0], tl_file_fail_after, false);
    try_all(&hows[2], tl_file_fail_after, true);
}

/* --- killed ------------------------------------------------------------------------------------------------------------------- */

/* Ends at once, with what it has written so far, where the file would become larger. */
static int run_until(const struct tl_quantize_how *how, uint64_t n_bytes)
{
    struct tl_quantize_report report;
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){n_bytes, n_bytes});
        signal(SIGXFSZ, SIG_DFL);
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(allocations), cmocka_unit_test(calls), cmocka_unit_test(killed), cmocka_unit_test(of_another)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
