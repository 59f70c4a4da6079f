/* SPDX-License-Identifier: MIT */
/* Model files: GGUF (v2, v3; one file or split) and safetensors (one file or sharded, with its JSON side files), read
 * into one neutral list of tensors and metadata. Opening touches headers only; tensor bytes are read by offset.
 *
 * Metadata is a list of (key, value). From GGUF: the file's own keys ("llama.block_count", "tokenizer.ggml.tokens").
 * From a safetensors folder: config.json flattened with dots under "config." ("config.hidden_size",
 * "config.rope_scaling.factor", "config.text_config.num_hidden_layers", arrays of scalars as arrays, arrays of objects
 * skipped), generation_config.json under "generation_config.", tokenizer_config.json under "tokenizer_config."
 * (a token given as an object contributes "tokenizer_config.bos_token.content"), and the chat template, wherever it was
 * found, as "tokenizer.chat_template" in both; __metadata__ of the (first) safetensors file under "__metadata__.".
 * A null is absent, and so is an array whose elements are of several kinds.
 * Files are hostile: every count, length and offset is checked; errors say file, field, found, expected (TL_E_FILE). */
#ifndef TL_MODELFILE_MODELFILE_H
#define TL_MODELFILE_MODELFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "number/number.h"

enum { TL_TENSOR_DIMS = 6 };             /* GGUF has at most 4 */

enum tl_modelfile_format { TL_MODELFILE_GGUF, TL_MODELFILE_SAFETENSORS };

struct tl_tensor {
    const char *name;                    /* as the file has it; no control characters */
    const struct tl_number *number;      /* NULL: stored in a type that the file format defines and number does not have */
    const char *type_name;               /* "q4_k"; with a number, its name; else as the format calls it: "i64", "tq1_0" */
    uint32_t n_dims;                     /* 0 (a scalar) .. TL_TENSOR_DIMS */
    uint64_t shape[TL_TENSOR_DIMS];      /* outermost first, as in safetensors; [rows, cols] of a matrix */
    uint64_t n_elems, n_bytes;
    uint32_t part;                       /* which file of a split or sharded model */
    uint64_t offset;                     /* absolute, in that file */
};

enum tl_meta_kind { TL_META_BOOL, TL_META_INT, TL_META_UINT, TL_META_FLOAT, TL_META_STRING };

struct tl_meta {
    const char *key;
    enum tl_meta_kind kind;              /* of the value, or of the array's elements */
    bool is_array;
    uint64_t count;                      /* of an array; 1 otherwise */
    const void *data_;                   /* private */
};

struct tl_modelfile;

/* MODEL: a file (GGUF, the first part of a split GGUF, .safetensors or one shard of a set, a .safetensors.index.json) or
 * a folder (safetensors with config.json, or one that holds exactly one GGUF model). */
int tl_modelfile_open(const char *path, struct tl_modelfile **ret_file);
/* The text of a config.json as a safetensors model without a tensor; `name` is its path in messages. */
int tl_modelfile_outline(const char *name, const char *text, size_t n_bytes, struct tl_modelfile **ret_file);
/* Gives it tensors that have sizes and no bytes: names, formats and shapes as a file of that kind would have them, but that
 * the experts of a layer are one tensor, which bears the name of the first. Reading them fails. Names are copied. */
int tl_modelfile_outline_tensors(struct tl_modelfile *file, enum tl_modelfile_format format, const struct tl_tensor *tensors, uint64_t n);
bool tl_modelfile_outlined(const struct tl_modelfile *file);
/* A model without metadata whose tensors are made when they are read: `read`, which several threads may call at once, gives bytes
 * [offset, offset + n_bytes) of tensor `index`. It has no part; `path` is what messages call it. Names are copied. */
struct tl_tensor_maker {
    int (*read)(void *context, uint64_t index, uint64_t offset, void *ret_bytes, size_t n_bytes);
    void *context;
};
int tl_modelfile_made(const char *path, enum tl_modelfile_format format, const struct tl_tensor *tensors, uint64_t n,
                      const struct tl_tensor_maker *maker, struct tl_modelfile **ret_file);
void tl_modelfile_close(struct tl_modelfile *file);

const char *tl_modelfile_path(const struct tl_modelfile *file);
/* What people call the model of such a path, cut to the room: "/models/kimi.gguf" and "/models/kimi/": kimi. */
void tl_modelfile_name(const char *path, size_t n_bytes, char *ret_name, size_t room);
enum tl_modelfile_format tl_modelfile_format(const struct tl_modelfile *file);
uint64_t tl_modelfile_bytes(const struct tl_modelfile *file);         /* of all parts; of tensors that are made */

uint64_t tl_modelfile_tensors(const struct tl_modelfile *file);
const struct tl_tensor *tl_modelfile_tensor(const struct tl_modelfile *file, uint64_t index);       /* in file order */
const struct tl_tensor *tl_modelfile_find(const struct tl_modelfile *file, const char *name);       /* NULL: absent; hashed */
const struct tl_file *tl_modelfile_part(const struct tl_modelfile *file, uint32_t part);
/* Bytes [offset, offset + n_bytes) of a tensor; any thread. */
int tl_modelfile_read(const struct tl_modelfile *file, const struct tl_tensor *tensor, uint64_t offset, void *ret_bytes,
                      size_t n_bytes);

/* Keys of a safetensors header have this in front, as those of config.json and the like are metadata too. */
#define TL_META_OF_HEADER "__metadata__."

uint64_t tl_modelfile_metas(const struct tl_modelfile *file);
const struct tl_meta *tl_modelfile_meta_at(const struct tl_modelfile *file, uint64_t index);
const struct tl_meta *tl_modelfile_meta(const struct tl_modelfile *file, const char *key);          /* NULL: absent */

/* Values. Absent: returns 0 and leaves *ret as it is (so preset the default); present: 1; wrong kind or out of range:
 * fails with file, key, found and expected. Integers of either sign and floats that are whole convert where they fit. */
int tl_meta_u64(const struct tl_modelfile *file, const char *key, uint64_t max, uint64_t *ret);
int tl_meta_i64(const struct tl_modelfile *file, const char *key, int64_t *ret);
int tl_meta_f64(const struct tl_modelfile *file, const char *key, double *ret);      /* finite */
int tl_meta_bool(const struct tl_modelfile *file, const char *key, bool *ret);
int tl_meta_string(const struct tl_modelfile *file, const char *key, const char **ret_text, size_t *ret_bytes);   /* NUL-terminated too */
/* Elements of an array (or of a single value as an array of one): index must be below count. */
int tl_meta_at_i64(const struct tl_meta *meta, uint64_t index, int64_t *ret);        /* TL_E_FILE where it is no integer */
int tl_meta_at_f64(const struct tl_meta *meta, uint64_t index, double *ret);
int tl_meta_at_bool(const struct tl_meta *meta, uint64_t index, bool *ret);
int tl_meta_at_string(const struct tl_meta *meta, uint64_t index, const char **ret_text, size_t *ret_bytes);

/* The text of tokenizer.json beside safetensors (1); 0 and NULL where there is none. Read at the first call, kept.
 * A GGUF brings its own tokenizer: what lies beside it is not looked at. */
int tl_modelfile_tokenizer_json(struct tl_modelfile *file, const char **ret_text, size_t *ret_bytes);
void tl_modelfile_drop_tokenizer_json(struct tl_modelfile *file);     /* frees that text once a tokenizer is built */
/* The text of another file beside safetensors (1; tl_free); 0 and NULL where there is none. */
int tl_modelfile_beside(const struct tl_modelfile *file, const char *name, char **ret_text, size_t *ret_bytes);

#endif
