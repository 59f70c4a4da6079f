/* SPDX-License-Identifier: MIT */
/* What `trill tune` found for a model on this machine: a file in the state folder, named by the model and by a digest of
 * what its files begin and end with. The only place that reads it. */
#ifndef TL_CLI_TUNING_H
#define TL_CLI_TUNING_H

#include <stdint.h>

struct tl_tuning {
    uint64_t threads, chunk;             /* 0: nothing was found to be better than usual */
    const char *io, *policy, *lookahead; /* NULL: the same */
    char *texts;                         /* that these point to */
};

/* Where it is for the model at this path, which must be there. tl_free. */
int tl_tuning_path(const char *model_path, const char *home, char **ret_path);

/* Reads it; all zeros where there is none, where it is damaged, or where another machine or another number of CPUs was
 * measured: settings are an advantage, no condition. */
void tl_tuning_read(const char *model_path, const char *home, struct tl_tuning *ret_tuning);
void tl_tuning_done(struct tl_tuning *tuning);

#endif
