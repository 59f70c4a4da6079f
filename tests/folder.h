/* SPDX-License-Identifier: MIT */
/* The temporary folder of a test program, one at a time: setup and teardown for cmocka, paths and files in it, and shell
 * text that runs in it. */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[32];

static inline int make_folder_in(const char *place)
{
    snprintf(folder, sizeof folder, "%.8s/trill-test-XXXXXX", place);
    return mkdtemp(folder) ? 0 : -1;
}

static inline int make_folder(void **state)
{
    (void)state;
    return make_folder_in("/tmp");
}

static inline int remove_entry(const char *path, const struct stat *facts, int kind, struct FTW *at)
{
    (void)facts, (void)kind, (void)at;
    return remove(path);
}

/* With all that is in it. */
static inline int remove_folder(void **state)
{
    (void)state;
    return nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Fails where anything is left in it. */
static inline int remove_empty_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

/* The path of NAME in it, good for the next seven calls. */
static inline const char *in_folder(const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline void make_file(const char *path, const void *bytes, size_t n_bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n_bytes, file), n_bytes);
    assert_int_equal(fclose(file), 0);
}

static inline void make_text(const char *path, const char *text)
{
    make_file(path, text, strlen(text));
}

/* Must succeed. `put FILE LINE` makes a file with one line, and the folders that it needs. */
static inline void shell(const char *text)
{
    char command[4096];
    int n = snprintf(command, sizeof command, "cd %s || exit; put() { mkdir -p \"$(dirname \"$1\")\" && printf '%%s\\n' \"$2\" >\"$1\"; }; %s",
                     folder, text);
    assert_in_range(n, 1, sizeof command - 1);
    assert_int_equal(system(command), 0);
}

#endif
