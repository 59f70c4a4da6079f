/* SPDX-License-Identifier: MIT */
/* A model of one kind of file seen as one of the other: GGUF as safetensors, safetensors as GGUF.
 *
 * The architecture is bound twice: to the source, and as files of the other kind have it. What the second asks for is made from
 * the first when it is read, some rows at a time, so whoever writes a model (quantize.h) writes it across kinds as any other.
 * The layer that predicts a further token is one of them, where trill runs it and knows all that it has.
 * A format that the other kind stores stays bit for bit, and one that another says value for value becomes that; others become f32,
 * which holds all of their values. */
#ifndef TL_COMPRESS_CONVERT_H
#define TL_COMPRESS_CONVERT_H

#include "base/pool.h"
#include "base/progress.h"
#include "model/geometry.h"
#include "modelfile/writer.h"

struct tl_conversion;

/* The source, the progress and the pool, whose threads take part in reading, must outlive it; of the source nothing is changed but its
 * tokenizer's text. Scales that are tensors of their own are read here: they tell what the weights can become. widens: what the other
 * kind stores in other blocks only becomes f32, for who rounds it anew anyhow; blocks that have no equal among those are then no failure
 * of reading. `log` is told what is left out; may be NULL. TL_E_FILE, TL_E_USAGE: what cannot be converted, in a sentence. */
int tl_conversion_open(struct tl_modelfile *source, bool widens, struct tl_pool *pool, struct tl_progress *progress,
                       void (*log)(void *context, int level, const char *text), void *context, struct tl_conversion **ret_conversion);
void tl_conversion_close(struct tl_conversion *conversion);           /* NULL is fine */

/* Its tensors, which can be read; it has no metadata. Both are the conversion's. */
struct tl_modelfile *tl_conversion_file(const struct tl_conversion *conversion);
const struct tl_geometry *tl_conversion_geometry(const struct tl_conversion *conversion);
/* The format that the source has a tensor of the file in. */
const struct tl_number *tl_conversion_number(const struct tl_conversion *conversion, uint64_t tensor);

/* Memory that one read takes at most, beside what it gives. */
uint64_t tl_conversion_bytes(const struct tl_conversion *conversion);

/* Metadata of the file, of GGUF the tokenizer's too. n_kept: how many experts each layer has there [layers], and none predicts further
 * tokens; NULL: as many. */
int tl_conversion_metadata(const struct tl_conversion *conversion, const uint32_t *n_kept, struct tl_writer *writer);
/* What lies beside safetensors, for the writer; nothing of a GGUF. `stored`: what most weights are stored as. */
int tl_conversion_beside(const struct tl_conversion *conversion, const struct tl_number *stored, struct tl_writer *writer);

#endif
