/* SPDX-License-Identifier: MIT */
/* Files for the tests of this folder, written by hand so that the reader is not tested with its own writer alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "modelfile_test.h"
#include "folder.h"

/* --- bytes ------------------------------------------------------------------------------------------------------------- */

void put(struct bytes *to, const void *from, size_t n)
{
    assert_true(n <= sizeof to->data - to->n);
    if (n)
        memcpy(to->data + to->n, from, n);
    to->n += n;
}

void put_u32(struct bytes *to, uint32_t value)
{
    put(to, &value, 4);
}

void put_u64(struct bytes *to, uint64_t value)
{
    put(to, &value, 8);
}

void put_string(struct bytes *to, const char *text)
{
    put_u64(to, strlen(text));
    put(to, text, strlen(text));
}

void put_head(struct bytes *to, uint32_t version, uint64_t n_tensors, uint64_t n_values)
{
    to->n = 0;
    put(to, "GGUF", 4);
    put_u32(to, version);
    put_u64(to, n_tensors);
    put_u64(to, n_values);
}

void put_key(struct bytes *to, const char *key, uint32_t type)
{
    put_string(to, key);
    put_u32(to, type);
}

void put_tensor(struct bytes *to, const char *name, uint32_t n_dims, const uint64_t *dims, uint32_t type, uint64_t offset)
{
    put_string(to, name);
    put_u32(to, n_dims);
    put(to, dims, 8 * n_dims);
    put_u32(to, type);
    put_u64(to, offset);
}

void put_padding(struct bytes *to, size_t align)
{
    while (to->n % align)
        put(to, "", 1);
}

static void put_number(struct bytes *to, const char *key, uint32_t type, const void *value, size_t n)
{
    put_key(to, key, type);
    put(to, value, n);
}

void make_gguf(struct bytes *to, uint32_t version)
{
    static const int8_t i8 = -8;
    static const int16_t i16 = -16, i16s[] = {-1, 0, 1};
    static const int32_t i32 = -32;
    static const int64_t i64 = INT64_MIN;
    static const float f32 = 1.5f;
    static const double f64 = -2.25;
    put_head(to, version, 3, 16);
    put_number(to, "u8", 0, "\xff", 1);
    put_number(to, "i8", 1, &i8, 1);
    put_number(to, "u16", 2, "\xff\xff", 2);
    put_number(to, "i16", 3, &i16, 2);
    put_number(to, "u32", 4, "\xff\xff\xff\xff", 4);
    put_number(to, "i32", 5, &i32, 4);
    put_number(to, "f32", 6, &f32, 4);
    put_number(to, "bool", 7, "\1", 1);
    put_key(to, "general.name", 8);
    put_string(to, "small");
    put_number(to, "u64", 10, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    put_number(to, "i64", 11, &i64, 8);
    put_number(to, "f64", 12, &f64, 8);
    put_key(to, "empty", 8);
    put_string(to, "");
    put_key(to, "strings", 9);
    put_u32(to, 8);
    put_u64(to, 3);
    put_string(to, "one");
    put_string(to, "");
    put_string(to, "th\xc3\xa9");
    put_key(to, "i16s", 9);
    put_u32(to, 3);
    put_u64(to, 3);
    put(to, i16s, sizeof i16s);
    put_key(to, "none", 9);
    put_u32(to, 8);
    put_u64(to, 0);
    put_tensor(to, "a", 2, (uint64_t[]){2, 3}, 0, 0);
    put_tensor(to, "b", 2, (uint64_t[]){32, 1}, 8, 32);
    put_tensor(to, "c", 1, (uint64_t[]){32}, 9, 96);
    put_padding(to, 32);
    for (int i = 0; i < 96 + 36; i++)
        put(to, &(uint8_t){(uint8_t)i}, 1);
}

const char small_safetensors[] =
    "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
    "\"e\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[32,40]},"
    "\"z\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[32,32]},"
    "\"b\":{\"shape\":[4],\"data_offsets\":[24,32],\"dtype\":\"BF16\"}}   ";

void make_safetensors(struct bytes *to, const char *header, size_t n_data)
{
    to->n = 0;
    put_string(to, header);
    for (size_t i = 0; i < n_data; i++)
        put(to, &(uint8_t){(uint8_t)i}, 1);
}

/* --- files ------------------------------------------------------------------------------------------------------------- */

int make_scratch(void **state)
{
    (void)state;
    return make_folder_in(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
}

int remove_scratch(void **state)
{
    return remove_folder(state);
}

const char *scratch(const char *name)
{
    return in_folder(name);
}

void write_file(const char *name, const void *bytes, size_t n_bytes)
{
    make_file(in_folder(name), bytes, n_bytes);
}

void write_text(const char *name, const char *text)
{
    make_text(in_folder(name), text);
}

struct tl_modelfile *open_good(const char *name)
{
    struct tl_modelfile *file = NULL;
    if (tl_modelfile_open(scratch(name), &file) < 0)
        fail_msg("%s: %s", name, tl_error_text());
    assert_non_null(file);
    return file;
}

void refuse(const char *name, const char *words)
{
    struct tl_modelfile *file = NULL;
    int r = tl_modelfile_open(scratch(name), &file);
    const char *text = tl_error_text();
    if (r >= 0)
        fail_msg("%s: was opened, expected a refusal with \"%s\"", name, words);
    if (r != TL_E_FILE || !strstr(text, folder) || !strstr(text, "expected") || !strstr(text, words))
        fail_msg("%s: refused with %d and \"%s\", expected \"%s\" in it", name, r, text, words);
    assert_null(file);
}

void refuse_bytes(const struct bytes *bytes, const char *words)
{
    write_file("refused", bytes->data, bytes->n);
    refuse("refused", words);
}
