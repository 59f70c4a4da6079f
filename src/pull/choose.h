/* SPDX-License-Identifier: MIT */
/* Which files of a repository a model needs: one GGUF model with all its parts, or safetensors with what lies beside them, or
 * the files that were asked for. */
#ifndef TL_PULL_CHOOSE_H
#define TL_PULL_CHOOSE_H

#include "pull/hub.h"

enum tl_choice_kind { TL_CHOICE_GGUF, TL_CHOICE_FOLDER, TL_CHOICE_FILES };

struct tl_choice {
    enum tl_choice_kind kind;
    char quant[TL_PULL_QUANT_BYTES];     /* of GGUF: its label */
    const char *path;                    /* of GGUF: the first part; of a single file: it; else NULL. Borrowed from the repository */
};

/* Marks the files that are needed. TL_E_USAGE with the choices where it is not clear, TL_E_FAIL where nothing is there. */
int tl_choose(struct tl_hub_repository *repository, const struct tl_pull_name *name, const char *const *patterns, size_t n_patterns,
              struct tl_choice *ret_choice);

#endif
