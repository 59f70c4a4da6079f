/* SPDX-License-Identifier: MIT */
/* Writing model files. Metadata and tensors are declared first, then begin writes the header, then every tensor's bytes
 * follow in the order of declaration, in pieces of any size. The file appears under its name only at commit.
 * GGUF is written as v3 (alignment 32); safetensors as one file with sorted, contiguous offsets, its metadata
 * string to string under __metadata__ (numbers as text, arrays as JSON; side files such as config.json are the caller's).
 * What describes the container (general.alignment, split.*) is not copied. Misuse fails with TL_E_FAIL. */
#ifndef TL_MODELFILE_WRITER_H
#define TL_MODELFILE_WRITER_H

#include "base/progress.h"
#include "modelfile/modelfile.h"

struct tl_writer;

int tl_writer_open(const char *path, enum tl_modelfile_format format, struct tl_writer **ret_writer);
int tl_writer_open_lasting(const char *path, enum tl_modelfile_format format, struct tl_writer **ret_writer);     /* writes PATH.partial, which stays */
void tl_writer_close(struct tl_writer *writer);                       /* NULL is fine; removes what was not committed */

int tl_writer_meta(struct tl_writer *writer, const struct tl_meta *meta);            /* a copy from a file that was read */
int tl_writer_u64(struct tl_writer *writer, const char *key, uint64_t value);        /* GGUF: u32 where it fits */
int tl_writer_f64(struct tl_writer *writer, const char *key, double value);          /* GGUF: f32 */
int tl_writer_bool(struct tl_writer *writer, const char *key, bool value);
int tl_writer_string(struct tl_writer *writer, const char *key, const char *text, size_t n_bytes);

int tl_writer_strings(struct tl_writer *writer, const char *key, const char *const *texts, uint64_t count);
int tl_writer_f32s(struct tl_writer *writer, const char *key, const float *values, uint64_t count);
int tl_writer_bools(struct tl_writer *writer, const char *key, const bool *values, uint64_t count);
int tl_writer_i32s(struct tl_writer *writer, const char *key, const int32_t *values, uint64_t count);

int tl_writer_tensor(struct tl_writer *writer, const char *name, const struct tl_number *number, uint32_t n_dims,
                     const uint64_t *shape);
/* Of a type that the format defines and number does not have, by its name in storage.def: "i32", "u8", "f8_e4m3". */
int tl_writer_codes(struct tl_writer *writer, const char *name, const char *type, uint32_t n_dims, const uint64_t *shape);
/* A tensor of a file that was read, in this number, NULL: as it is stored; then its bytes, some megabytes at a time. *done_bytes, of the
 * progress (may be NULL), goes on with them. */
int tl_writer_like(struct tl_writer *writer, const struct tl_tensor *tensor, const struct tl_number *number);
int tl_writer_copy(struct tl_writer *writer, const struct tl_modelfile *file, const struct tl_tensor *tensor, struct tl_progress *progress,
                   uint64_t *done_bytes);
uint64_t tl_writer_total(const struct tl_writer *writer);             /* bytes of all tensors declared */
int tl_writer_size(const struct tl_writer *writer, uint64_t *ret_bytes);             /* of the file: the header too; before it is written */
int tl_writer_begin(struct tl_writer *writer);
/* The same of a writer opened with _lasting: where PATH.partial begins with the same header, its whole tensors stay, and the bytes of
 * the next one follow. */
int tl_writer_resume(struct tl_writer *writer, uint64_t *ret_tensors);
int tl_writer_bytes(struct tl_writer *writer, const void *bytes, size_t n_bytes);
/* A file of that name beside safetensors, which is part of the model as they are. */
int tl_writer_beside(struct tl_writer *writer, const char *name, const void *bytes, size_t n_bytes);
/* All that lie beside those of a model that was read, but for names that were given already; nothing of a GGUF. */
int tl_writer_copy_beside(struct tl_writer *writer, const struct tl_modelfile *file);
/* Fails where bytes are missing. Safetensors with files beside them replace the model that is in their folder: whoever looks there, at
 * any moment, finds one of the two or none, and what was written can be gone on with as long as the new one is not whole. */
int tl_writer_commit(struct tl_writer *writer);

#endif
