/* SPDX-License-Identifier: MIT */
/* Measuring a drive without a model: every way of reading, files with and without holes, of its own and of others; nothing is left
 * behind; failing reads and writes, no room, folders that cannot be written, cancelling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "store/probe.h"
#include "folder.h"

enum { FILE_BYTES = 3 << 20, MOST_BYTES = 1 << 18, DEPTH = 4 };

static void reads_a_new_file(void **state)
{
    (void)state;
    for (uint32_t way = 0; tl_io_at(way); way++) {
        struct tl_probe *probe = NULL;
        double rate = 0;
        int status = tl_probe_new(folder, FILE_BYTES + 5, tl_io_at(way), DEPTH, MOST_BYTES, NULL, &probe);
        if (status == TL_E_IO && strstr(tl_error_text(), "refused"))
            continue;
        assert_int_equal(status, 0);
        assert_int_equal(tl_probe_size(probe), FILE_BYTES);
        assert_true(tl_probe_whole(probe));
        assert_string_equal(tl_probe_io(probe), tl_io_at(way)->name);
        assert_int_equal(tl_probe_read(probe, MOST_BYTES, DEPTH, 0.02, NULL, &rate), 0);
        assert_true(rate > 1e6 && rate < 1e12);
        assert_int_equal(tl_probe_read(probe, 4096, 1, 0.02, NULL, &rate), 0);
        assert_true(rate > 1e5 && rate < 1e12);
        assert_int_equal(tl_probe_read(probe, MOST_BYTES, DEPTH + 1, 0.02, NULL, &rate), TL_E_USAGE);
        assert_int_equal(tl_probe_read(probe, MOST_BYTES * 2, 1, 0.02, NULL, &rate), TL_E_USAGE);
        assert_int_equal(tl_probe_read(probe, 5000, 1, 0.02, NULL, &rate), TL_E_USAGE);
        assert_int_equal(tl_probe_read(probe, 0, 1, 0.02, NULL, &rate), TL_E_USAGE);
        tl_probe_close(probe);
    }
    tl_probe_close(NULL);
}

static const char *write_file(const char *name, uint64_t n_bytes, bool holes)
{
    const char *path = in_folder(name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (uint64_t i = 0; !holes && i < n_bytes; i++)
        fputc((int)(i * 31 % 255), file);
    fflush(file);
    assert_int_equal(ftruncate(fileno(file), (off_t)n_bytes), 0);
    fclose(file);
    return path;
}

static void reads_files_of_others(void **state)
{
    static const struct { const char *name; uint64_t n_bytes; bool holes; int status; } files[] = {
        {"whole", MOST_BYTES + 77, false, 0}, {"holes", MOST_BYTES * 4, true, 0}, {"small", 4096, false, TL_E_USAGE}, {"tiny", 100, false, TL_E_FILE},
        {"empty", 0, false, TL_E_FILE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *path = write_file(files[i].name, files[i].n_bytes, files[i].holes);
        struct tl_probe *probe = NULL;
        double rate = 0;
        int status = tl_probe_open(path, NULL, DEPTH, MOST_BYTES, &probe);
        if (status >= 0) {
            assert_int_equal(tl_probe_whole(probe), !files[i].holes);
            status = tl_probe_read(probe, MOST_BYTES, DEPTH, 0.01, NULL, &rate);
        }
        assert_int_equal(status, files[i].status);
        assert_true(status < 0 || rate > 0);
        tl_probe_close(probe);
        unlink(path);
    }
    struct tl_probe *probe = NULL;
    assert_int_equal(tl_probe_open("/nowhere/at/all", NULL, DEPTH, MOST_BYTES, &probe), TL_E_IO);
    assert_int_equal(tl_probe_open(folder, NULL, DEPTH, MOST_BYTES, &probe), TL_E_FILE);
    assert_int_equal(tl_probe_new("/proc", FILE_BYTES, NULL, DEPTH, MOST_BYTES, NULL, &probe), TL_E_IO);
    assert_int_equal(tl_probe_new("/nowhere/at/all", FILE_BYTES, NULL, DEPTH, MOST_BYTES, NULL, &probe), TL_E_IO);
    assert_non_null(strstr(tl_error_text(), "/nowhere/at/all"));
    assert_null(probe);
}

static int probe_once(void)
{
    struct tl_probe *probe = NULL;
    double rate;
    int status = tl_probe_new(folder, 5 << 20, tl_io_by_name("pread"), DEPTH, MOST_BYTES, NULL, &probe);
    if (status >= 0)
        status = tl_probe_read(probe, MOST_BYTES, DEPTH, 0.001, NULL, &rate);
    tl_probe_close(probe);
    return status;
}

/* Every allocation fails once, and so does every read and write of the first ones; a first write is tried again. */
static void fails_cleanly(void **state)
{
    int failed = 0;
    (void)state;
    for (long n = 0, status = -1; status < 0; n++) {
        tl_memory_fail_after(n);
        status = probe_once();
        tl_memory_fail_after(-1);
        assert_true(status >= 0 || status == TL_E_NOMEM);
    }
    for (long n = 0; n < 8; n++) {
        tl_file_fail_after(n);
        int status = probe_once();
        tl_file_fail_after(-1);
        assert_true(status >= 0 || status == TL_E_IO);
        failed += status < 0;
    }
    assert_int_equal(failed, 7);
}

struct watch { volatile int cancel; bool at_once; };

static void see(void *context, const struct tl_progress *progress)
{
    struct watch *watch = context;
    watch->cancel = watch->at_once || progress->done > 0;
}

static void stops(void **state)
{
    (void)state;
    for (int at_once = 0; at_once < 2; at_once++) {
        struct watch watch = {.at_once = at_once};
        struct tl_progress progress = {.watch = see, .context = &watch, .cancel = &watch.cancel};
        struct tl_probe *probe = NULL;
        assert_int_equal(tl_probe_new(folder, 1 << 20, NULL, DEPTH, MOST_BYTES, &progress, &probe), TL_E_CANCEL);
        assert_null(probe);
    }
    volatile int cancel = 1;
    struct tl_progress progress = {.cancel = &cancel};
    struct tl_probe *probe = NULL;
    double rate;
    assert_int_equal(tl_probe_new(folder, 1 << 20, NULL, DEPTH, MOST_BYTES, NULL, &probe), 0);
    assert_int_equal(tl_probe_read(probe, MOST_BYTES, DEPTH, 1000, &progress, &rate), TL_E_CANCEL);
    tl_probe_close(probe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_new_file), cmocka_unit_test(reads_files_of_others), cmocka_unit_test(fails_cleanly), cmocka_unit_test(stops),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_empty_folder);
}
