/* SPDX-License-Identifier: MIT */
/* Private to this room: what an open model consists of, and how the readers build it. Tensors and metadata are added
 * one by one, each checked for a name that is there already. Memory that names and values point to is kept by the
 * model until it is closed. */
#ifndef TL_MODELFILE_PARTS_H
#define TL_MODELFILE_PARTS_H

#include "modelfile/modelfile.h"
#include "modelfile/names.h"

/* GGUF's value types; metadata of every origin is held in these. */
enum tl_meta_type {
    TL_TYPE_U8, TL_TYPE_I8, TL_TYPE_U16, TL_TYPE_I16, TL_TYPE_U32, TL_TYPE_I32, TL_TYPE_F32, TL_TYPE_BOOL,
    TL_TYPE_STRING, TL_TYPE_ARRAY, TL_TYPE_U64, TL_TYPE_I64, TL_TYPE_F64, TL_TYPES
};

/* Behind tl_meta.data_. Elements lie one behind the other, little-endian, unaligned. A string is its length in 4
 * bytes, its bytes, and a NUL; an array of strings has the places of its elements in `strings`. */
struct tl_meta_data {
    enum tl_meta_type type;
    const uint8_t *bytes;
    const uint32_t *strings;             /* offsets from bytes; NULL for a single string, which begins at bytes */
};

enum {
    TL_MODELFILE_MAX_PARTS = 4096,
    TL_MODELFILE_MAX_TENSORS = 1 << 22,
    TL_MODELFILE_MAX_METAS = 1 << 18,
    TL_MODELFILE_MAX_SIDE_BYTES = 64 << 20,      /* of a JSON file beside the weights, and of all values taken from them */
    TL_MODELFILE_MAX_TOKENIZER_BYTES = 256 << 20,
};

struct tl_modelfile {
    char *path;
    enum tl_modelfile_format format;
    bool outlined;                       /* no parts: a configuration, possibly with tensors that have no bytes */
    struct tl_tensor_maker maker;        /* no parts: tensors are made; its `read` NULL: they are not */
    char *folder;                        /* where safetensors' JSON files lie; NULL for GGUF */
    struct tl_file **parts;
    uint64_t n_parts, parts_cap;
    struct tl_tensor *tensors;
    uint64_t n_tensors, tensors_cap;
    struct tl_meta *metas;
    uint64_t n_metas, metas_cap;
    struct tl_names tensor_names, meta_names;
    void **kept;                         /* freed at close */
    uint64_t n_kept, kept_cap;
    uint8_t *room;                       /* the rest of the last block of tl_parts_room */
    size_t room_left;
    uint64_t room_bytes;                 /* handed out so far */
    char *tokenizer_json;
    size_t tokenizer_json_bytes;
};

/* Files beside safetensors that belong to the model; NULL ends. */
extern const char *const tl_side_names[];

int tl_parts_open(struct tl_modelfile *file, const char *path);       /* appends a part */
int tl_parts_keep(struct tl_modelfile *file, void *take_memory);      /* taken in any case: freed on failure */
/* n bytes that live as long as the model, aligned to 8; NULL: out of memory. */
void *tl_parts_room(struct tl_modelfile *file, size_t n_bytes);
/* A copy with a NUL behind it. */
char *tl_parts_text(struct tl_modelfile *file, const char *text, size_t n_bytes);

/* `name`, `key` and all that data points to must live as long as the model. `data` itself is copied. */
int tl_parts_add_tensor(struct tl_modelfile *file, const struct tl_tensor *tensor);
int tl_parts_name_tensors(struct tl_modelfile *file, uint64_t from);  /* [from, n_tensors) can be found from now on; no name twice */
int tl_parts_add_meta(struct tl_modelfile *file, const char *key, const struct tl_meta_data *data, bool is_array,
                      uint64_t count);
int tl_parts_add_string(struct tl_modelfile *file, const char *key, const char *text, size_t n_bytes);   /* copies both */
/* Fails where tensors [from, n_tensors) of one part overlap each other. */
int tl_parts_check_overlap(const struct tl_modelfile *file, uint64_t from);

bool tl_parts_count(struct tl_tensor *tensor);                        /* n_elems from shape; false: it wraps */

uint32_t tl_meta_type_bytes(enum tl_meta_type type);                  /* 0: strings and arrays */

/* The readers; each fills a model that is empty but for path, and may leave it half filled on failure. */
int tl_gguf_read(struct tl_modelfile *file);
int tl_safetensors_read(struct tl_modelfile *file, const char *path); /* one file, as the next part */
int tl_folder_read(struct tl_modelfile *file);                        /* path is a folder */
int tl_folder_read_index(struct tl_modelfile *file);                  /* path is a .safetensors.index.json */
int tl_folder_read_one(struct tl_modelfile *file);                    /* path is safetensors: a model, or a shard of one */
bool tl_folder_is_shard(const char *name);
int tl_side_read(struct tl_modelfile *file);                          /* the JSON files in file->folder */
int tl_side_read_config(struct tl_modelfile *file, const char *text, size_t n_bytes);

#endif
