/* SPDX-License-Identifier: MIT */
/* A line of a batch's answers, read again: the texts, how they ended, and how likely they were to the teacher. */
#ifndef TL_COMPRESS_DISTILL_ANSWER_H
#define TL_COMPRESS_DISTILL_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tl_distill_choice {
    char *text;
    size_t n_bytes;
    bool cut;                            /* ended by a bound, not by itself */
    double nll;                          /* sum of -ln p over tokens */
    uint64_t tokens;
};

struct tl_distill_answer {
    struct tl_distill_choice *choice;
    uint64_t n, cap;                     /* 0: the line is an error */
};

/* where: names the line in messages. TL_E_FILE: it is no such line. To be freed whatever comes back. */
int tl_distill_answer_read(const char *where, const char *line, size_t n_bytes, struct tl_distill_answer *ret_answer);
void tl_distill_answer_done(struct tl_distill_answer *answer);

#endif
