/* SPDX-License-Identifier: MIT */
/* A line of a batch's answers, read again: the texts, how they ended, and how likely they were to the model. */
#ifndef TL_COMPRESS_REPLY_H
#define TL_COMPRESS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tl_reply_choice {
    char *text;
    size_t n_bytes;
    bool cut;                            /* ended by a bound, not by itself */
    double nll;                          /* sum of -ln p over tokens */
    uint64_t tokens;
};

struct tl_reply {
    struct tl_reply_choice *choice;
    uint64_t n, cap;                     /* 0: the line is an error */
};

/* where: names the line in messages. TL_E_FILE: it is no such line. To be freed whatever comes back. */
int tl_reply_read(const char *where, const char *line, size_t n_bytes, struct tl_reply *ret_reply);
void tl_reply_done(struct tl_reply *reply);

#endif
