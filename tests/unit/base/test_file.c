/* SPDX-License-Identifier: MIT */
/* Files: reads at offsets, writing that is complete or absent, every failing read and write. */
#include "base_test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "folder.h"

static char *path_of(const char *name)
{
    char *path = tl_file_join(folder, name);
    assert_non_null(path);
    return path;
}

static int files_in_folder(void)
{
    int n = 0;
    DIR *dir = opendir(folder);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2;
}

static int write_file(const char *path, const char *text, size_t n_bytes, size_t step)
{
    struct tl_outfile *file;
    int r = tl_outfile_open(path, &file);
    if (r < 0)
        return r;
    for (size_t at = 0; at < n_bytes && r >= 0; at += step)
        r = tl_outfile_write(file, text + at, step < n_bytes - at ? step : n_bytes - at);
    if (r >= 0) {
        assert_int_equal(tl_outfile_offset(file), n_bytes);
        r = tl_outfile_commit(file);
    }
    tl_outfile_close(file);
    return r;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    enum { N = 700001 };
    TL_AUTO char *path = path_of("data"), *text = tl_alloc(N, 1), *back = tl_alloc(N, 1);
    for (int i = 0; i < N; i++)
        text[i] = (char)(i * 7 + i / 251);
    static const size_t steps[] = {N, 1000, 262144, 300000};
    for (size_t i = 0; i < ROWS(steps); i++) {
        struct tl_file *file;
        assert_int_equal(write_file(path, text, N, steps[i]), 0);
        assert_int_equal(tl_file_open(path, &file), 0);
        assert_int_equal(file->size_bytes, N);
        assert_int_equal(tl_file_read(file, 0, back, N), 0);
        assert_memory_equal(back, text, N);
        assert_int_equal(tl_file_read(file, N - 5, back, 5), 0);
        assert_memory_equal(back, text + N - 5, 5);
        assert_int_equal(tl_file_read(file, N, back, 0), 0);
        assert_int_equal(tl_file_read(file, N - 5, back, 6), TL_E_FILE);
        assert_non_null(strstr(tl_error_text(), path));
        assert_int_equal(tl_file_read(file, UINT64_MAX, back, 1), TL_E_FILE);
        assert_int_equal(tl_file_read(file, INT64_MAX, back, 1), TL_E_FILE);
        tl_file_close(file);
    }
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(facts.st_mode & 0777, 0666 & ~mask);
    assert_int_equal(files_in_folder(), 1);
    unlink(path);
}

/* Large files go past the page cache after a while; where pieces begin and end within sectors is of no account. */
static void large_files(void **state)
{
    (void)state;
    enum { N = (70 << 20) + 12345 };
    TL_AUTO char *path = path_of("large"), *text = tl_alloc(N, 1), *back = tl_alloc(N, 1);
    for (int i = 0; i < N; i++)
        text[i] = (char)(i * 7 + i / 251 + i / 65537);
    static const size_t steps[] = {N, 1 << 20, (1 << 20) + 77, 262143};
    for (size_t i = 0; i < ROWS(steps); i++) {
        struct tl_file *file;
        assert_int_equal(write_file(path, text, N, steps[i]), 0);
        assert_int_equal(tl_file_open(path, &file), 0);
        assert_int_equal(file->size_bytes, N);
        assert_int_equal(tl_file_read(file, 0, back, N), 0);
        assert_int_equal(memcmp(back, text, N), 0);
        tl_file_close(file);
    }
    for (long n = 0; n < 1000; n++) {                    /* each write fails once; then nothing is there */
        unlink(path);
        tl_file_fail_after(n);
        int r = write_file(path, text, N, 9 << 20);
        tl_file_fail_after(-1);
        if (r == 0)
            break;
        assert_int_equal(r, TL_E_IO);
        assert_int_equal(files_in_folder(), 0);
        assert_true(n < 100);
    }
    unlink(path);
}

static void room_is_told(void **state)
{
    (void)state;
    uint64_t bytes = 0;
    TL_AUTO char *path = path_of("no/such/folder/file");
    assert_int_equal(tl_file_room(path, &bytes), 0);
    assert_true(bytes > 0);
    bytes = 0;
    assert_int_equal(tl_file_room("file", &bytes), 0);
    assert_true(bytes > 0);
    assert_int_equal(tl_file_no_room("a", 15000000, 2999999, "; delete some"), TL_E_IO);
    assert_string_equal(tl_error_text(), "a: 15.0 MB are needed, and 3.00 MB are free there; delete some");
    assert_int_equal(tl_file_no_room("a", 999, 0, ""), TL_E_IO);
    assert_string_equal(tl_error_text(), "a: 999 bytes are needed, and 0 bytes are free there");
}

/* Left by a process that is gone; that of a living one stays. */
static void halves_vanish(void **state)
{
    (void)state;
    TL_AUTO char *path = path_of("whole"), *dead = path_of("whole.part-999999999-abc"), *alive = path_of("whole.part-1-abc");
    const char *halves[] = {dead, alive};
    for (int i = 0; i < 2; i++)
        assert_int_equal(write_file(halves[i], "half", 4, 4), 0);
    assert_int_equal(write_file(path, "new", 3, 3), 0);
    assert_int_equal(files_in_folder(), 2);
    assert_int_equal(access(dead, F_OK), -1);
    unlink(alive);
    unlink(path);
}

static void uncommitted_files_vanish(void **state)
{
    (void)state;
    TL_AUTO char *path = path_of("kept");
    struct tl_outfile *file;
    TL_AUTO char *text = NULL;
    assert_int_equal(write_file(path, "old", 3, 3), 0);
    assert_int_equal(tl_outfile_open(path, &file), 0);
    assert_int_equal(tl_outfile_write(file, "new", 3), 0);
    assert_int_equal(files_in_folder(), 2);
    tl_outfile_close(file);
    assert_int_equal(files_in_folder(), 1);
    assert_int_equal(tl_file_slurp(path, 10, &text, NULL), 0);
    assert_string_equal(text, "old");
    tl_outfile_close(NULL);
    tl_file_close(NULL);
    unlink(path);
}

static void slurp_is_bounded(void **state)
{
    (void)state;
    TL_AUTO char *path = path_of("small"), *text = NULL;
    size_t n = 0;
    assert_int_equal(write_file(path, "12345", 5, 5), 0);
    assert_int_equal(tl_file_slurp(path, 4, &text, &n), TL_E_FILE);
    assert_null(text);
    assert_int_equal(tl_file_slurp(path, 5, &text, &n), 0);
    assert_int_equal(n, 5);
    assert_string_equal(text, "12345");
    unlink(path);
}

/* Complete, or as it was before, whichever access fails. */
static void whole_files_are_saved(void **state)
{
    (void)state;
    TL_AUTO char *path = path_of("whole");
    char text[16];
    int r = -1;
    assert_int_equal(tl_outfile_save(path, "before", 6), 0);
    for (long n = 0; r < 0; n++) {
        tl_file_fail_after(n);
        r = tl_outfile_save(path, "behind it", 9);
        tl_file_fail_after(-1);
        assert_true(tl_file_glance(path, text, sizeof text));
        assert_string_equal(text, r < 0 ? "before" : "behind it");
        assert_true(r == 0 || r == TL_E_IO);
        assert_true(n < 10 && files_in_folder() == 1);
    }
    unlink(path);
}

static void small_texts(void **state)
{
    static const struct { const char *name, *text; size_t room; const char *seen; } rows[] = {
        {"line", "max 100000\n", 64, "max 100000\n"}, {"cut", "123456", 4, "123"}, {"exact", "123", 4, "123"}, {"none", "12", 1, ""},
        {"empty", "", 64, ""}, {"missing", NULL, 64, ""}, {"no/folder", NULL, 64, ""}, {".", NULL, 64, ""},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[64] = "as before";
        if (rows[i].text)
            make_text(in_folder(rows[i].name), rows[i].text);
        assert_int_equal(tl_file_glance(in_folder(rows[i].name), text, rows[i].room), *rows[i].seen != 0);
        assert_string_equal(text, rows[i].seen);
        unlink(in_folder(rows[i].name));
    }
}

static void only_regular_files_are_opened(void **state)
{
    (void)state;
    TL_AUTO char *pipe = path_of("pipe"), *none = path_of("none");
    struct tl_file *file = NULL;
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(tl_file_open(pipe, &file), TL_E_FILE);
    assert_int_equal(tl_file_open(folder, &file), TL_E_FILE);
    assert_non_null(strstr(tl_error_text(), "folder"));
    assert_int_equal(tl_file_open("/dev/null", &file), TL_E_FILE);
    assert_int_equal(tl_file_open(none, &file), TL_E_IO);
    assert_non_null(strstr(tl_error_text(), "No such file"));
    assert_null(file);
    assert_true(tl_file_exists(pipe) && !tl_file_exists(none));
    assert_true(tl_file_is_folder(folder) && !tl_file_is_folder(pipe) && !tl_file_is_folder(none));
    unlink(pipe);
}

static void bad_targets_fail(void **state)
{
    (void)state;
    TL_AUTO char *inside = path_of("none/file");
    assert_int_equal(write_file(inside, "x", 1, 1), TL_E_IO);
    assert_int_equal(write_file(folder, "x", 1, 1), TL_E_IO);
    /* Links to the devices: broken code would replace a link, not the device. */
    TL_AUTO char *full = path_of("full"), *null = path_of("null");
    assert_int_equal(symlink("/dev/full", full), 0);
    assert_int_equal(symlink("/dev/null", null), 0);
    assert_int_equal(write_file(full, "x", 1, 1), TL_E_IO);
    assert_non_null(strstr(tl_error_text(), "No space left"));
    assert_int_equal(write_file(null, "x", 1, 1), 0);
    struct stat facts;
    assert_int_equal(lstat(null, &facts), 0);
    assert_true(S_ISLNK(facts.st_mode));
    unlink(full);
    unlink(null);
    assert_int_equal(files_in_folder(), 0);
}

/* What lasts is one's own, a regular file, and never takes the place of something else. */
static void lasting_files(void **state)
{
    (void)state;
    TL_AUTO char *path = path_of("model"), *partial = path_of("model.partial"), *text = NULL;
    struct tl_outfile *one, *other;
    size_t n;
    assert_int_equal(tl_outfile_open_lasting(folder, &one), TL_E_USAGE);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(tl_outfile_open_lasting(path, &one), TL_E_USAGE);
    assert_int_equal(rename(path, partial), 0);
    assert_int_equal(tl_outfile_open_lasting(path, &one), TL_E_IO);          /* and waits for nobody */
    unlink(partial);
    assert_int_equal(symlink("elsewhere", partial), 0);
    assert_int_equal(tl_outfile_open_lasting(path, &one), TL_E_IO);
    unlink(partial);
    assert_int_equal(files_in_folder(), 0);
    assert_int_equal(tl_outfile_open_lasting(path, &one), 0);
    assert_int_equal(tl_outfile_open_lasting(path, &other), TL_E_USAGE);
    assert_int_equal(tl_outfile_write(one, "text", 4), 0);
    assert_int_equal(tl_outfile_commit(one), 0);
    assert_int_equal(tl_outfile_open_lasting(path, &other), 0);              /* another file, though the first is not closed */
    tl_outfile_close(one);
    tl_outfile_close(other);
    assert_int_equal(tl_file_slurp(path, 100, &text, &n), 0);
    assert_string_equal(text, "text");
    unlink(path);
    unlink(partial);
    assert_int_equal(tl_file_make_folders(""), 0);
    assert_int_equal(files_in_folder(), 0);
}

static void paths_are_joined(void **state)
{
    (void)state;
    static const char *const rows[][3] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"/", "b", "/b"}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        TL_AUTO char *path = tl_file_join(rows[i][0], rows[i][1]);
        assert_string_equal(path, rows[i][2]);
    }
    TL_AUTO char *beside = tl_file_beside("a/b", ".part");
    assert_string_equal(beside, "a/b.part");
}

/* One of all reads, writes and allocations fails, for each of them: no file stays half-written, nothing leaks. */
static void every_operation_fails_once(void **state)
{
    (void)state;
    TL_AUTO char *path = path_of("data");
    static char text[600000];
    for (int kind = 0; kind < 2; kind++)
        for (long n = 0;; n++) {
            char *back = NULL;
            (kind ? tl_memory_fail_after : tl_file_fail_after)(n);
            int r = write_file(path, text, sizeof text, 100000);
            if (r >= 0)
                r = tl_file_slurp(path, sizeof text, &back, NULL);
            tl_memory_fail_after(-1);
            tl_file_fail_after(-1);
            tl_free(back);
            assert_in_range(files_in_folder(), 0, 1);
            unlink(path);
            if (r >= 0) {
                assert_true(n >= 4);
                break;
            }
            assert_int_equal(r, kind ? TL_E_NOMEM : TL_E_IO);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read), cmocka_unit_test(uncommitted_files_vanish), cmocka_unit_test(halves_vanish),
        cmocka_unit_test(large_files), cmocka_unit_test(room_is_told),
        cmocka_unit_test(slurp_is_bounded), cmocka_unit_test(whole_files_are_saved), cmocka_unit_test(small_texts), cmocka_unit_test(only_regular_files_are_opened),
        cmocka_unit_test(bad_targets_fail), cmocka_unit_test(lasting_files), cmocka_unit_test(paths_are_joined),
        cmocka_unit_test(every_operation_fails_once),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
