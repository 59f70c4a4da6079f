/* SPDX-License-Identifier: MIT */
/* safetensors: one file, shards with their index, and what must be refused so that every byte has one reading. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "modelfile_test.h"

static struct bytes bytes;

static void test_one_file(void **state)
{
    (void)state;
    const char *text;
    size_t n;
    uint16_t half;
    make_safetensors(&bytes, small_safetensors, 40);
    write_file("one.safetensors", bytes.data, bytes.n);
    struct tl_modelfile *file = open_good("one.safetensors");
    assert_int_equal(tl_modelfile_format(file), TL_MODELFILE_SAFETENSORS);
    assert_int_equal(tl_modelfile_tensors(file), 4);
    static const char *const order[] = {"a", "b", "z", "e"};
    for (unsigned i = 0; i < 4; i++)
        assert_string_equal(tl_modelfile_tensor(file, i)->name, order[i]);
    const struct tl_tensor *a = tl_modelfile_find(file, "a"), *b = tl_modelfile_find(file, "b"), *e = tl_modelfile_find(file, "e");
    assert_true(a->n_dims == 2 && a->shape[0] == 2 && a->shape[1] == 3 && a->n_elems == 6 && a->n_bytes == 24);
    assert_ptr_equal(b->number, tl_number(TL_NUMBER_BF16));
    assert_int_equal(tl_modelfile_read(file, b, 2, &half, 2), 0);
    assert_int_equal(half, 26 | 27 << 8);
    assert_null(e->number);
    assert_string_equal(e->type_name, "i64");
    assert_int_equal(tl_meta_string(file, "__metadata__.format", &text, &n), 1);
    assert_string_equal(text, "pt");
    assert_int_equal(tl_modelfile_tokenizer_json(file, &text, &n), 0);
    assert_null(text);
    tl_modelfile_close(file);
}

static void test_bad_headers(void **state)
{
    (void)state;
    static const struct { const char *header, *words; } rows[] = {
        {"[]", "expected GGUF or safetensors"},
        {"", "a file of 48 bytes"},
        {"{", "expected"},
        {"{}", "data: found 40 bytes, expected the 0"},
        {"{}{}", "expected the end"},
        {"{\"a\":1}", "tensor a: header: found no object"},
        {"{\"a\":{}}", "tensor a: header: found a key missing"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[10]}}", "tensor a: header: found a key missing"},
        {"{\"a\":{\"dtype\":\"F33\",\"shape\":[10],\"data_offsets\":[0,40]}}", "tensor a: dtype: found F33"},
        {"{\"a\":{\"dtype\":7,\"shape\":[10],\"data_offsets\":[0,40]}}", "tensor a: dtype: found no string"},
        {"{\"a\":{\"dtype\":\"F\\u000032\",\"shape\":[10],\"data_offsets\":[0,40]}}", "tensor a: dtype: found no name"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[10.5],\"data_offsets\":[0,40]}}", "tensor a: shape: found something else"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-10],\"data_offsets\":[0,40]}}", "tensor a: shape: found something else"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":10,\"data_offsets\":[0,40]}}", "tensor a: shape: found no array"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[10,1,1,1,1,1,1],\"data_offsets\":[0,40]}}", "tensor a: shape: found too many numbers"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[10],\"data_offsets\":[0]}}", "tensor a: data_offsets: found less than 2"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[10],\"data_offsets\":[0,20,40]}}", "tensor a: data_offsets: found too many"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[10],\"data_offsets\":[40,0]}}", "tensor a: data_offsets: found 40 to 0"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[11],\"data_offsets\":[0,44]}}", "tensor a: data_offsets: found 0 to 44"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[9],\"data_offsets\":[0,40]}}", "tensor a: data_offsets: found 40 bytes, expected those of 9"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[9],\"data_offsets\":[0,36]}}", "data: found 40 bytes, expected the 36"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[9],\"data_offsets\":[4,40]}}", "tensor a: data_offsets: found its beginning at byte 4 of the data, expected 0"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[0,20]},\"b\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[16,40]}}",
         "tensor b: data_offsets: found its beginning at byte 16"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[10],\"data_offsets\":[0,40]},\"a\":{\"dtype\":\"F32\",\"shape\":[10],\"data_offsets\":[0,40]}}",
         "tensor a: found a second one of that name"},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[10],\"data_offsets\":[0,40]}}", "tensor a: header: found a key twice"},
        {"{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", "tensor a: data_offsets: found 2 bytes, expected those of 3 elements of f4"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4294967296],\"data_offsets\":[0,40]}}", "tensor a: shape: found a product that wraps"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", "tensor a: data_offsets: found 0 bytes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[18446744073709551616],\"data_offsets\":[0,40]}}", "tensor a: shape: found something else"},
        {"{\"\":{\"dtype\":\"F32\",\"shape\":[10],\"data_offsets\":[0,40]}}", "found a tensor's name of 0 bytes"},
        {"{\"a\\n\":{\"dtype\":\"F32\",\"shape\":[10],\"data_offsets\":[0,40]}}", "found a tensor's name of 2 bytes"},
        {"{\"a\\u0000\":{\"dtype\":\"F32\",\"shape\":[10],\"data_offsets\":[0,40]}}", "found a tensor's name of 2 bytes"},
        {"{\"__metadata__\":{\"k\":1},\"a\":{\"dtype\":\"F32\",\"shape\":[10],\"data_offsets\":[0,40]}}", "key __metadata__.k: found no string"},
        {"{\"__metadata__\":[],\"a\":{\"dtype\":\"F32\",\"shape\":[10],\"data_offsets\":[0,40]}}", "__metadata__: found no object"},
        {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"},\"a\":{\"dtype\":\"F32\",\"shape\":[10],\"data_offsets\":[0,40]}}", "key __metadata__.k: found it twice"},
        {"{\"__metadata__\":{},\"__metadata__\":{},\"a\":{\"dtype\":\"F32\",\"shape\":[10],\"data_offsets\":[0,40]}}", "__metadata__: found it twice"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[10],\"data_offsets\":[0,40]}} x", "expected the end"},
        {"{\"\xff\":{\"dtype\":\"F32\",\"shape\":[10],\"data_offsets\":[0,40]}}", "expected UTF-8"},
    };
    for (unsigned i = 0; i < ROWS(rows); i++) {
        make_safetensors(&bytes, rows[i].header, 40);
        refuse_bytes(&bytes, rows[i].words);
    }
}

static void test_bad_lengths(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {1 << 20, 100000001, UINT64_C(1) << 60, UINT64_MAX};
    for (unsigned i = 0; i < ROWS(lengths); i++) {
        make_safetensors(&bytes, small_safetensors, 40);
        memcpy(bytes.data, &lengths[i], 8);
        char words[64];
        snprintf(words, sizeof words, "header length: found %llu", (unsigned long long)lengths[i]);
        refuse_bytes(&bytes, words);
    }
}

static void test_many_types(void **state)
{
    (void)state;
    static const struct { const char *dtype; unsigned elems, bytes; } rows[] = {
        {"BOOL", 40, 40}, {"F4", 80, 40}, {"F6_E2M3", 52, 39}, {"U8", 40, 40}, {"F8_E4M3", 40, 40}, {"F8_E8M0", 40, 40},
        {"I16", 20, 40}, {"U32", 10, 40}, {"F64", 5, 40}, {"C64", 5, 40}, {"F16", 20, 40},
    };
    for (unsigned i = 0; i < ROWS(rows); i++) {
        char header[256];
        snprintf(header, sizeof header, "{\"t\":{\"dtype\":\"%s\",\"shape\":[1,%u],\"data_offsets\":[0,%u]}}", rows[i].dtype, rows[i].elems,
                 rows[i].bytes);
        make_safetensors(&bytes, header, rows[i].bytes);
        write_file("types.safetensors", bytes.data, bytes.n);
        struct tl_modelfile *file = open_good("types.safetensors");
        assert_int_equal(tl_modelfile_tensor(file, 0)->n_bytes, rows[i].bytes);
        assert_int_equal(tl_modelfile_tensor(file, 0)->number != NULL, strcmp(rows[i].dtype, "F16") == 0);
        tl_modelfile_close(file);
    }
}

/* --- shards ---------------------------------------------------------------------------------------------------------------- */

static void write_shard(const char *name, const char *tensor, unsigned value)
{
    char header[256];
    snprintf(header, sizeof header, "{\"__metadata__\":{\"shard\":\"%u\"},\"%s\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", value,
             tensor);
    make_safetensors(&bytes, header, 0);
    put(&bytes, &(uint8_t){(uint8_t)value}, 1);
    write_file(name, bytes.data, bytes.n);
}

static const char good_index[] =
    "{\"metadata\":{\"total_size\":2,\"more\":[{}]},\"weight_map\":{\"y\":\"m-00002-of-00002.safetensors\",\"x\":\"m-00001-of-00002.safetensors\"}}";

static void make_shards(void)
{
    write_shard("m-00001-of-00002.safetensors", "x", 1);
    write_shard("m-00002-of-00002.safetensors", "y", 2);
    write_text("m.safetensors.index.json", good_index);
}

static void test_shards(void **state)
{
    (void)state;
    static const char *const ways[] = {"m.safetensors.index.json", "m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"};
    make_shards();
    for (unsigned i = 0; i < ROWS(ways); i++) {
        struct tl_modelfile *file = open_good(ways[i]);
        uint8_t value;
        const char *text;
        size_t n;
        assert_int_equal(tl_modelfile_tensors(file), 2);
        assert_int_equal(tl_modelfile_find(file, "y")->part, 1);
        assert_int_equal(tl_modelfile_read(file, tl_modelfile_find(file, "y"), 0, &value, 1), 0);
        assert_int_equal(value, 2);
        assert_int_equal(tl_meta_string(file, "__metadata__.shard", &text, &n), 1);
        assert_string_equal(text, "1");
        tl_modelfile_close(file);
    }
}

static void test_bad_indices(void **state)
{
    (void)state;
    static const struct { const char *index, *words; } rows[] = {
        {"[]", "index: found no object"},
        {"{}", "weight_map: found none"},
        {"{\"weight_map\":{}}", "weight_map: found no tensors"},
        {"{\"weight_map\":[]}", "weight_map: found no object"},
        {"{\"weight_map\":{\"x\":1}}", "weight_map: found a tensor without a file's name"},
        {"{\"weight_map\":{\"x\":\"../one.safetensors\"}}", "weight_map: found a tensor without a file's name"},
        {"{\"weight_map\":{\"x\":\"/etc/passwd\"}}", "weight_map: found a tensor without a file's name"},
        {"{\"weight_map\":{\"x\":\"m.gguf\"}}", "weight_map: found a tensor without a file's name"},
        {"{\"weight_map\":{\"x\":\"absent.safetensors\"}}", "weight_map: found no file absent.safetensors"},
        {"{\"weight_map\":{\"x\":\"m-00002-of-00002.safetensors\"}}", "weight_map: tensor x: found it in no shard"},
        {"{\"weight_map\":{\"x\":\"m-00002-of-00002.safetensors\",\"y\":\"m-00001-of-00002.safetensors\"}}",
         "weight_map: tensor x: found it in m-00001-of-00002.safetensors, expected it in m-00002"},
        {"{\"weight_map\":{\"x\":\"m-00001-of-00002.safetensors\"},\"weight_map\":{\"x\":\"m-00001-of-00002.safetensors\"}}", "weight_map: found it twice"},
        {"{\"weight_map\":{\"x\":\"m-00001-of-00002.safetensors\"}", "expected"},
        {"{\"weight_map\":{\"\":\"m-00001-of-00002.safetensors\"}}", "weight_map: found a tensor's name"},
    };
    make_shards();
    for (unsigned i = 0; i < ROWS(rows); i++) {
        write_text("m.safetensors.index.json", rows[i].index);
        refuse("m.safetensors.index.json", rows[i].words);
    }
    make_shards();
    write_shard("m-00002-of-00002.safetensors", "x", 2);
    refuse("m.safetensors.index.json", "tensor x: found a second one of that name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_file),  cmocka_unit_test(test_bad_headers), cmocka_unit_test(test_bad_lengths),
        cmocka_unit_test(test_many_types), cmocka_unit_test(test_shards),     cmocka_unit_test(test_bad_indices),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
