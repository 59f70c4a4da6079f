/* SPDX-License-Identifier: MIT */
/* The tensors of a file that a listing becomes: named and shaped as files of that kind have them, each with what its bytes
 * are to be. Private to this room. */
#ifndef TL_SYNTH_ENTRIES_H
#define TL_SYNTH_ENTRIES_H

#include "model/names.h"
#include "synth/weights.h"

enum tl_entry_kind {
    TL_ENTRY_BLOCKS,         /* whole blocks of a format */
    TL_ENTRY_CODES,          /* the codes of one whose scales are a tensor of their own */
    TL_ENTRY_SCALES,         /* these scales */
    TL_ENTRY_VALUES,         /* values one by one */
    TL_ENTRY_GIVEN,          /* f32 values that are not random */
};

struct tl_entry {
    char name[TL_NAME_BYTES];
    enum tl_entry_kind kind;
    const struct tl_number *number;      /* of the blocks or values */
    const char *type;                    /* of codes and scales: what the file calls their elements */
    uint32_t n_dims;
    uint64_t shape[TL_TENSOR_DIMS];
    uint64_t n_elems, n_bytes;           /* n_elems: of scales, as many; of codes, bytes */
    struct tl_spread spread;
    const float *given;
};

struct tl_entries {
    struct tl_entry *entry;
    uint64_t n, cap;
    float *factors;                      /* what one of them is given */
    uint64_t stored_bytes;
    uint64_t logical_bytes;              /* as if no expert were stored for others */
};

/* geometry: with the format of the file to be written. */
int tl_entries_make(const struct tl_geometry *geometry, const struct tl_listing *listing, struct tl_entries *ret_entries);
int tl_entries_add_factors(struct tl_entries *entries, const float *factors, uint32_t n);
void tl_entries_done(struct tl_entries *entries);

#endif
