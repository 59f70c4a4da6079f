/* SPDX-License-Identifier: MIT */
/* Models among files: which *.gguf belong together as parts, which number format a name tells, and which one is taken where
 * nothing is said. Works on names and sizes alone, of a hub or of a folder. */
#ifndef TL_PULL_QUANT_H
#define TL_PULL_QUANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "pull/name.h"

/* One GGUF model: a file, or all parts of a split one. */
struct tl_quant {
    const char *path;                    /* of the file, or of the first part that is there; borrowed */
    char label[TL_PULL_QUANT_BYTES];     /* "Q4_K_M", as the name writes it; the name itself where none is in it */
    uint64_t bytes;                      /* of all parts that are there */
    uint32_t parts, there;               /* by the name; 1 and 1 of a file that is not split */
};

struct tl_quant_list { struct tl_quant *rows; uint64_t n, cap; };

/* Adds a file by its path; what is no language model in GGUF (other endings, mmproj, imatrix) is passed over. */
int tl_quant_list_add(struct tl_quant_list *list, const char *path, uint64_t bytes);
void tl_quant_list_done(struct tl_quant_list *list);
/* Do these two files belong to one model? */
bool tl_quant_same_model(const char *path, const char *other);
/* The row that `wanted` names ("q4_k_m", "UD-Q4_K_XL", a file's name); "": the one taken where nothing is said: of quants.def
 * the first that is there, but Q8_0 where that is small. TL_E_USAGE with the choices; `model` is for the sentence. */
int tl_quant_choose(const struct tl_quant_list *list, const char *model, const char *wanted, const struct tl_quant **ret_row);
/* The sentence where a row is to be named and was not. */
int tl_quant_fail_several(const struct tl_quant_list *list, const char *model);
bool tl_quant_is_shared(const struct tl_quant_list *list, const struct tl_quant *row);       /* its label, with another row */

#endif
