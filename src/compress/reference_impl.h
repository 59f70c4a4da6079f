/* SPDX-License-Identifier: MIT */
/* A stored reference and its records. Private to reference*.c. */
#ifndef TL_COMPRESS_REFERENCE_IMPL_H
#define TL_COMPRESS_REFERENCE_IMPL_H

#include "base/file.h"
#include "compress/reference.h"

/* i32 target, f32 nll, f64 rest, i32 ids, f32 ln p; the largest is that of a vocabulary stored whole. */
enum { TL_REFERENCE_HEAD = 16, TL_REFERENCE_RECORD = TL_REFERENCE_HEAD + 8 * TL_REFERENCE_WHOLE };

struct tl_reference {
    struct tl_reference_facts facts;
    char *path;
    uint32_t n_top, n_draws, record_bytes;
    uint64_t n_records, records_at, n_bytes;
    /* while it is written */
    char *part;
    int fd;                              /* of it; -1: none */
    bool kept;
    uint8_t *rows;                       /* [TL_SCORE_ROWS][record_bytes] */
    /* while it is read */
    struct tl_file *file;
};

/* A record in memory that is aligned for doubles: target, nll and rest are copies, the lists are in it. */
struct tl_reference_row tl_reference_row_at(const struct tl_reference *reference, uint8_t *record);
void tl_reference_row_seal(const struct tl_reference_row *row, uint8_t *record);      /* the copies, back */
int tl_reference_read(const struct tl_reference *reference, uint64_t index, uint8_t *ret_record);

#endif
