/* SPDX-License-Identifier: MIT */
/* Where golden files lie: tests run in the root of the source unless TRILL_TESTS says otherwise. */
#ifndef TESTS_GOLDEN_FILE_H
#define TESTS_GOLDEN_FILE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The path below tests/golden that the format says, good for the next seven calls. */
__attribute__((format(printf, 1, 2))) static inline const char *golden_file(const char *format, ...)
{
    static char paths[8][600];
    static unsigned next;
    const char *tests = getenv("TRILL_TESTS");
    char name[100], *path = paths[next++ % 8];
    va_list words;
    va_start(words, format);
    vsnprintf(name, sizeof name, format, words);
    va_end(words);
    snprintf(path, sizeof paths[0], "%s/golden/%s", tests ? tests : "tests", name);
    return path;
}

#endif
