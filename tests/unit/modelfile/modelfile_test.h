/* SPDX-License-Identifier: MIT */
/* What the tests of this folder share: a scratch folder, files made of bytes, a small hand-made GGUF and safetensors
 * file, and what a refusal must look like. */
#ifndef MODELFILE_TEST_H
#define MODELFILE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "modelfile/modelfile.h"

#define ROWS(table) (sizeof(table) / sizeof *(table))

/* A file being put together. */
struct bytes {
    uint8_t data[1 << 14];
    size_t n;
};

void put(struct bytes *to, const void *from, size_t n);
void put_u32(struct bytes *to, uint32_t value);
void put_u64(struct bytes *to, uint64_t value);
void put_string(struct bytes *to, const char *text);                  /* as GGUF stores strings */
void put_head(struct bytes *to, uint32_t version, uint64_t n_tensors, uint64_t n_values);
void put_key(struct bytes *to, const char *key, uint32_t type);
void put_tensor(struct bytes *to, const char *name, uint32_t n_dims, const uint64_t *dims, uint32_t type, uint64_t offset);
void put_padding(struct bytes *to, size_t align);

/* A GGUF file with a value of every type, arrays, and three tensors: "a" f32 [3, 2], "b" q8_0 [1, 32], "c" q8_1 [32]. */
void make_gguf(struct bytes *to, uint32_t version);
/* A safetensors file of this header; data: n_data bytes counting up. */
void make_safetensors(struct bytes *to, const char *header, size_t n_data);
extern const char small_safetensors[];   /* a header for 40 bytes of data: "a" F32 [2, 3], "b" BF16 [4], "e" I64 [1], "z" F32 [0] */

const char *scratch(const char *name);   /* path of NAME in this process's scratch folder; the last 8 stay valid */
void write_file(const char *name, const void *bytes, size_t n_bytes);
void write_text(const char *name, const char *text);
int make_scratch(void **state);          /* group set-up and tear-down */
int remove_scratch(void **state);

struct tl_modelfile *open_good(const char *name);
/* Opening must fail with TL_E_FILE and a sentence that has the file's name, "expected" and `words`. */
void refuse(const char *name, const char *words);
void refuse_bytes(const struct bytes *bytes, const char *words);      /* the same of these bytes as a file */

#endif
