/* SPDX-License-Identifier: MIT */
/* The folder in which the stages of a distillation leave what they made. A stage's file bears its name and the digest of all
 * that it depends on, and appears only when it is whole: where it is, the stage is done, and with another recipe only those
 * stages run anew that it touches. manifest.json says for people and reports what each stage took. One process at a time. */
#ifndef TL_COMPRESS_DISTILL_WORK_H
#define TL_COMPRESS_DISTILL_WORK_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/hash.h"

struct tl_distill_work;

/* The folder is made where it is not there. TL_E_FAIL: another process works in it; TL_E_USAGE: its manifest is damaged. */
int tl_distill_work_open(const char *folder, struct tl_distill_work **ret_work);
void tl_distill_work_close(struct tl_distill_work *work);             /* NULL is fine */
const char *tl_distill_work_folder(const struct tl_distill_work *work);

/* FOLDER/STAGE-DIGEST.ENDING, the digest's first 12 digits; tl_free; NULL: out of memory. */
char *tl_distill_work_path(const struct tl_distill_work *work, const char *stage, const uint8_t digest[TL_SHA256_BYTES], const char *ending);

/* A stage's file is in its place: `facts`, a JSON object of what it took, is kept in the manifest. */
int tl_distill_work_done(struct tl_distill_work *work, const char *stage, const uint8_t digest[TL_SHA256_BYTES], const char *file,
                         const char *facts);
/* What was kept of it, borrowed until the next one is done; NULL: nothing is known. */
const char *tl_distill_work_facts(const struct tl_distill_work *work, const char *stage, const uint8_t digest[TL_SHA256_BYTES]);

#endif
