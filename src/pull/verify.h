/* SPDX-License-Identifier: MIT */
/* One thread that checks files against their hashes while they are fetched: it reads what is there without a gap, and when
 * all of it was as expected, brings the file to the drive. */
#ifndef TL_PULL_VERIFY_H
#define TL_PULL_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "pull/gitid.h"

struct tl_web;

enum tl_verdict { TL_VERDICT_NONE, TL_VERDICT_GOOD, TL_VERDICT_WRONG, TL_VERDICT_FAILED };

/* A file under check; in the caller's memory. The caller writes the first three before it is added. */
struct tl_verify_file {
    int fd;
    uint64_t size;
    const char *path, *expected;
    /* Under the thread's lock. */
    uint64_t ready, seen;
    bool busy;
    enum tl_verdict verdict;
    char found[TL_CONTENT_HEX + 1];      /* of WRONG */
    char problem[400];                   /* of FAILED */
    struct tl_content content;
    struct tl_verify_file *next;
};

struct tl_verifier;

int tl_verifier_open(struct tl_web *wake, struct tl_verifier **ret_verifier);      /* wake: told of verdicts; may be NULL */
void tl_verifier_close(struct tl_verifier *verifier);                 /* NULL is fine; files that are left are forgotten */
void tl_verifier_add(struct tl_verifier *verifier, struct tl_verify_file *file);
void tl_verifier_ready(struct tl_verifier *verifier, struct tl_verify_file *file, uint64_t bytes);    /* so many from the beginning */
enum tl_verdict tl_verifier_ask(struct tl_verifier *verifier, struct tl_verify_file *file);
void tl_verifier_remove(struct tl_verifier *verifier, struct tl_verify_file *file);  /* waits for a read; no-op where it is not there */

#endif
