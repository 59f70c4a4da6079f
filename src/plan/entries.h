/* SPDX-License-Identifier: MIT */
/* The tensors of a file that a listing becomes: named, shaped and parted as files of that kind have them. */
#ifndef TL_PLAN_ENTRIES_H
#define TL_PLAN_ENTRIES_H

#include "model/names.h"
#include "plan/listing.h"

enum tl_entry_kind {
    TL_ENTRY_WHOLE,          /* in a number format, as it is */
    TL_ENTRY_CODES,          /* the codes of one whose scales are a tensor of their own */
    TL_ENTRY_SCALES,         /* these scales */
    TL_ENTRY_GIVEN,          /* f32 values, given */
};

struct tl_entry {
    char name[TL_NAME_BYTES];
    enum tl_entry_kind kind;
    const struct tl_number *number;      /* of the values; of codes and scales, of both together */
    const char *type;                    /* of codes and scales: what the file calls their elements; NULL: as the format has them */
    uint32_t n_dims;
    uint64_t shape[TL_TENSOR_DIMS];
    uint64_t n_elems, n_bytes;           /* n_elems: of scales, as many; of codes, bytes */
    const struct tl_listed *listed;      /* what it is of, or the first of two; NULL: given */
    unsigned layout;                     /* of that in it (arch.h) */
    bool single;                         /* it holds one expert, this one; else all */
    uint32_t expert;
    const float *given;
};

struct tl_entries {
    struct tl_entry *entry;
    uint64_t n, cap;
    float *factors;                      /* what one of them is given */
    uint64_t stored_bytes;
    uint64_t logical_bytes;              /* as if no expert were stored for others */
};

/* geometry: with the format of the file. together: the experts of a layer are one tensor, even where such files have one
 * for each; it bears the name of the first. The listing must outlive the entries. */
int tl_entries_make(const struct tl_geometry *geometry, const struct tl_listing *listing, bool together, struct tl_entries *ret_entries);
int tl_entries_add_factors(struct tl_entries *entries, const float *factors, uint32_t n);
struct tl_tensor tl_entry_tensor(const struct tl_entry *entry);       /* as an open file lists it; the name is the entry's */
void tl_entries_done(struct tl_entries *entries);

#endif
