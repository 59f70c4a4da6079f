/* SPDX-License-Identifier: MIT */
/* GGUF: every kind of value, tensors, both versions, split models, and what must be refused. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "modelfile_test.h"

static struct bytes bytes;

/* --- what is read -------------------------------------------------------------------------------------------------------- */

static void check_values(const struct tl_modelfile *file)
{
    static const struct { const char *key; int64_t value; } integers[] = {
        {"u8", 255}, {"i8", -8}, {"u16", 65535}, {"i16", -16}, {"u32", 4294967295}, {"i32", -32}, {"i64", INT64_MIN},
    };
    int64_t integer;
    uint64_t large;
    double number;
    bool truth = false;
    const char *text;
    size_t n;
    assert_int_equal(tl_modelfile_metas(file), 16);
    for (unsigned i = 0; i < ROWS(integers); i++) {
        assert_int_equal(tl_meta_i64(file, integers[i].key, &integer), 1);
        assert_int_equal(integer, integers[i].value);
    }
    assert_int_equal(tl_meta_u64(file, "u64", UINT64_MAX, &large), 1);
    assert_true(large == UINT64_MAX);
    assert_int_equal(tl_meta_f64(file, "f32", &number), 1);
    assert_true(number == 1.5);
    assert_int_equal(tl_meta_f64(file, "f64", &number), 1);
    assert_true(number == -2.25);
    assert_int_equal(tl_meta_bool(file, "bool", &truth), 1);
    assert_true(truth);
    assert_int_equal(tl_meta_string(file, "general.name", &text, &n), 1);
    assert_string_equal(text, "small");
    assert_int_equal(n, 5);
    assert_int_equal(tl_meta_string(file, "empty", &text, &n), 1);
    assert_string_equal(text, "");
}

static void check_arrays(const struct tl_modelfile *file)
{
    static const char *const expected[] = {"one", "", "th\xc3\xa9"};
    const struct tl_meta *strings = tl_modelfile_meta(file, "strings"), *i16s = tl_modelfile_meta(file, "i16s");
    assert_true(strings->is_array && strings->kind == TL_META_STRING && strings->count == 3);
    for (uint64_t i = 0; i < 3; i++) {
        const char *text;
        size_t n;
        assert_int_equal(tl_meta_at_string(strings, i, &text, &n), 0);
        assert_string_equal(text, expected[i]);
        assert_int_equal(n, strlen(expected[i]));
    }
    assert_true(i16s->is_array && i16s->kind == TL_META_INT && i16s->count == 3);
    for (int64_t i = 0; i < 3; i++) {
        int64_t value;
        assert_int_equal(tl_meta_at_i64(i16s, (uint64_t)i, &value), 0);
        assert_int_equal(value, i - 1);
    }
    assert_int_equal(tl_modelfile_meta(file, "none")->count, 0);
}

static void check_tensors(const struct tl_modelfile *file)
{
    uint8_t data[34];
    const struct tl_tensor *a = tl_modelfile_find(file, "a"), *b = tl_modelfile_find(file, "b"), *c = tl_modelfile_find(file, "c");
    assert_int_equal(tl_modelfile_tensors(file), 3);
    assert_ptr_equal(tl_modelfile_tensor(file, 0), a);
    assert_null(tl_modelfile_find(file, "d"));
    assert_int_equal(a->n_dims, 2);
    assert_true(a->shape[0] == 3 && a->shape[1] == 2 && a->n_elems == 6 && a->n_bytes == 24);
    assert_ptr_equal(a->number, tl_number(TL_NUMBER_F32));
    assert_string_equal(b->type_name, "q8_0");
    assert_int_equal(b->n_bytes, 34);
    assert_null(c->number);
    assert_string_equal(c->type_name, "q8_1");
    assert_int_equal(c->n_bytes, 36);
    assert_int_equal(tl_modelfile_read(file, b, 0, data, 34), 0);
    assert_true(data[0] == 32 && data[33] == 65);
    assert_int_equal(tl_modelfile_read(file, b, 30, data, 4), 0);
    assert_int_equal(data[0], 62);
    assert_int_equal(tl_modelfile_read(file, b, 30, data, 5), TL_E_FILE);
    assert_int_equal(tl_modelfile_read(file, b, UINT64_MAX, data, 2), TL_E_FILE);
}

static void test_versions(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        make_gguf(&bytes, version);
        write_file("small.gguf", bytes.data, bytes.n);
        struct tl_modelfile *file = open_good("small.gguf");
        const char *text;
        size_t n;
        assert_int_equal(tl_modelfile_format(file), TL_MODELFILE_GGUF);
        assert_int_equal(tl_modelfile_bytes(file), bytes.n);
        assert_string_equal(tl_modelfile_path(file), scratch("small.gguf"));
        assert_int_equal(tl_modelfile_tokenizer_json(file, &text, &n), 0);
        assert_null(text);
        check_values(file);
        check_arrays(file);
        check_tensors(file);
        tl_modelfile_close(file);
    }
}

/* --- what a value converts to -------------------------------------------------------------------------------------------- */

static void test_conversions(void **state)
{
    (void)state;
    int64_t i = 7;
    uint64_t u = 7;
    double f = 7;
    bool b = true;
    const char *text = NULL;
    size_t n;
    make_gguf(&bytes, 3);
    write_file("small.gguf", bytes.data, bytes.n);
    struct tl_modelfile *file = open_good("small.gguf");
    assert_int_equal(tl_meta_u64(file, "absent", 1, &u), 0);
    assert_int_equal(tl_meta_string(file, "absent", &text, &n), 0);
    assert_int_equal(tl_meta_u64(file, "u8", 254, &u), TL_E_FILE);
    assert_non_null(strstr(tl_error_text(), "key u8: found 255, expected an integer from 0 to 254"));
    assert_int_equal(tl_meta_u64(file, "i8", 100, &u), TL_E_FILE);
    assert_int_equal(tl_meta_u64(file, "f32", 100, &u), TL_E_FILE);
    assert_int_equal(tl_meta_u64(file, "strings", 100, &u), TL_E_FILE);
    assert_int_equal(tl_meta_i64(file, "u64", &i), TL_E_FILE);
    assert_int_equal(tl_meta_i64(file, "bool", &i), TL_E_FILE);
    assert_int_equal(tl_meta_f64(file, "general.name", &f), TL_E_FILE);
    assert_int_equal(tl_meta_bool(file, "u8", &b), TL_E_FILE);
    assert_int_equal(tl_meta_string(file, "u8", &text, &n), TL_E_FILE);
    assert_int_equal(tl_meta_at_i64(tl_modelfile_meta(file, "i16s"), 3, &i), TL_E_FILE);
    assert_int_equal(tl_meta_at_string(tl_modelfile_meta(file, "i16s"), 0, &text, &n), TL_E_FILE);
    assert_int_equal(tl_meta_at_f64(tl_modelfile_meta(file, "strings"), 0, &f), TL_E_FILE);
    assert_true(i == 7 && u == 7 && f == 7 && b && !text);
    assert_int_equal(tl_meta_f64(file, "i64", &f), 1);
    assert_true(f == -0x1p63);
    assert_int_equal(tl_meta_at_i64(tl_modelfile_meta(file, "u8"), 0, &i), 0);
    assert_int_equal(i, 255);
    tl_modelfile_close(file);
}

static void test_whole_floats(void **state)
{
    (void)state;
    static const double values[] = {3.0, 0x1p64, -0x1p63, 0x1p63, 0.5};
    uint64_t u;
    int64_t i;
    put_head(&bytes, 3, 0, ROWS(values));
    for (unsigned k = 0; k < ROWS(values); k++) {
        char key[] = {(char)('a' + k), 0};
        put_key(&bytes, key, 12);
        put(&bytes, &values[k], 8);
    }
    write_file("floats.gguf", bytes.data, bytes.n);
    struct tl_modelfile *file = open_good("floats.gguf");
    assert_int_equal(tl_meta_u64(file, "a", 3, &u), 1);
    assert_int_equal(u, 3);
    assert_int_equal(tl_meta_u64(file, "b", UINT64_MAX, &u), TL_E_FILE);
    assert_int_equal(tl_meta_i64(file, "c", &i), 1);
    assert_true(i == INT64_MIN);
    assert_int_equal(tl_meta_i64(file, "d", &i), TL_E_FILE);
    assert_int_equal(tl_meta_u64(file, "d", UINT64_MAX, &u), 1);
    assert_true(u == UINT64_C(1) << 63);
    assert_int_equal(tl_meta_i64(file, "e", &i), TL_E_FILE);
    tl_modelfile_close(file);
}

/* --- what is refused ------------------------------------------------------------------------------------------------------ */

static void test_bad_heads(void **state)
{
    (void)state;
    put_head(&bytes, 1, 0, 0);
    refuse_bytes(&bytes, "version: found 1, expected 2 or 3");
    put_head(&bytes, 4, 0, 0);
    refuse_bytes(&bytes, "version: found 4");
    put_head(&bytes, __builtin_bswap32(3), 0, 0);
    refuse_bytes(&bytes, "big-endian");
    put_head(&bytes, 3, UINT64_C(1) << 60, 0);
    refuse_bytes(&bytes, "count of tensors: found 1152921504606846976");
    put_head(&bytes, 3, 0, UINT64_C(1) << 60);
    refuse_bytes(&bytes, "count of values: found 1152921504606846976");
    put_head(&bytes, 3, 1000, 0);
    refuse_bytes(&bytes, "tensor: found 0 bytes behind byte 24, expected 8");
    bytes.n = 3;
    refuse_bytes(&bytes, "a file of 3 bytes");
    bytes.n = 0;
    refuse_bytes(&bytes, "a file of 0 bytes");
    put(&bytes, "#!/bin/sh\n", 10);
    refuse_bytes(&bytes, "23 21 2f 62");
}

/* One value whose bytes behind the key are these. */
static void refuse_value(const char *key, const void *value, size_t n, const char *words)
{
    put_head(&bytes, 3, 0, 1);
    put_string(&bytes, key);
    put(&bytes, value, n);
    refuse_bytes(&bytes, words);
}

static void test_bad_values(void **state)
{
    (void)state;
    static const struct { const char *words; uint32_t type, inner; uint64_t count; } arrays[] = {
        {"key k: type: found 13, expected 0 to 12", 13, 0, 0},
        {"key k: type of elements: found 4294967295", 9, UINT32_MAX, 1},
        {"key k: type of elements: found arrays", 9, 9, 1},
        {"key k: count of strings: found 1152921504606846976", 9, 8, UINT64_C(1) << 60},
        {"key k: count of strings: found 1,", 9, 8, 1},
        {"key k: value: found 0 bytes", 9, 0, 1},
        {"key k: value: found 0 bytes behind byte 49, expected 9223372036854775808", 9, 12, UINT64_C(1) << 60},
        {"key k: count: found 2305843009213693952", 9, 12, UINT64_C(1) << 61},
        {"key k: value: found 0 bytes", 9, 4, UINT64_C(1) << 60},
    };
    for (unsigned i = 0; i < ROWS(arrays); i++) {
        uint8_t value[16];
        memcpy(value, &arrays[i].type, 4);
        memcpy(value + 4, &arrays[i].inner, 4);
        memcpy(value + 8, &arrays[i].count, 8);
        refuse_value("k", value, sizeof value, arrays[i].words);
    }
    refuse_value("k", "\7\0\0\0\2", 5, "key k: truth value: found 2, expected 0 or 1");
    refuse_value("k", "\11\0\0\0\7\0\0\0\1\0\0\0\0\0\0\0\3", 17, "key k: truth value: found 3");
    refuse_value("k", "\10\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 12, "key k: string: found 0 bytes behind byte 45, expected 18446744073709551615");
    refuse_value("", "\4\0\0\0abcd", 8, "a name of 0 bytes");
    refuse_value("a\nb", "\4\0\0\0abcd", 8, "key at byte 24");
    refuse_value("a\xff", "\4\0\0\0abcd", 8, "key at byte 24");
    refuse_value("general.alignment", "\5\0\0\0\40\0\0\0", 8, "key general.alignment: type: found 5, expected 4");
    refuse_value("general.alignment", "\4\0\0\0\0\0\0\0", 8, "key general.alignment: found 0");
    refuse_value("general.alignment", "\4\0\0\0\60\0\0\0", 8, "key general.alignment: found 48");
    refuse_value("general.alignment", "\4\0\0\0\0\0\0\x80", 8, "key general.alignment: found 2147483648");
    put_head(&bytes, 3, 0, 2);
    for (int i = 0; i < 2; i++) {
        put_key(&bytes, "k", 0);
        put(&bytes, "", 1);
    }
    refuse_bytes(&bytes, "key k: found it twice");
}

struct bad_tensor {
    const char *words;
    uint32_t n_dims, type;
    uint64_t dims[4], offset;
};

static void test_bad_tensors(void **state)
{
    (void)state;
    static const struct bad_tensor rows[] = {
        {"tensor t: count of dimensions: found 5, expected at most 4", 5, 0, {1, 1, 1, 1}, 0},
        {"tensor t: type: found 4, expected a type of ggml", 1, 4, {1}, 0},
        {"tensor t: type: found 4294967295", 1, UINT32_MAX, {1}, 0},
        {"tensor t: innermost dimension: found 33, expected whole blocks of 32", 2, 8, {33, 32}, 0},
        {"tensor t: innermost dimension: found 4294967296", 2, 0, {UINT64_C(1) << 32, UINT64_C(1) << 32}, 0},
        {"tensor t: innermost dimension: found 4611686018427387904", 1, 0, {UINT64_C(1) << 62}, 0},
        {"tensor t: offset: found 16, expected a multiple of 32", 1, 0, {1}, 16},
        {"tensor t: offset: found 64, expected one with 4 bytes behind it", 1, 0, {1}, 64},
        {"tensor t: offset: found 0, expected one with 260 bytes behind it", 1, 0, {65}, 0},
        {"tensor t: offset: found 18446744073709551584", 1, 0, {1}, -UINT64_C(32)},
        {"tensor t: offset: found 0, expected one with 4611686018427387904 bytes behind it", 1, 24, {UINT64_C(1) << 62}, 0},
    };
    for (unsigned i = 0; i < ROWS(rows); i++) {
        put_head(&bytes, 3, 1, 0);
        put_tensor(&bytes, "t", rows[i].n_dims < 4 ? rows[i].n_dims : 4, rows[i].dims, rows[i].type, rows[i].offset);
        memcpy(bytes.data + 24 + 8 + 1, &rows[i].n_dims, 4);
        put_padding(&bytes, 32);
        for (int k = 0; k < 64; k++)
            put(&bytes, "", 1);
        refuse_bytes(&bytes, rows[i].words);
    }
}

/* Two f32 tensors of 16 elements. */
static void two_tensors(const char *second, uint64_t offset)
{
    put_head(&bytes, 3, 2, 0);
    put_tensor(&bytes, "t", 1, (uint64_t[]){16}, 0, 32);
    put_tensor(&bytes, second, 1, (uint64_t[]){16}, 0, offset);
    put_padding(&bytes, 32);
    for (int k = 0; k < 160; k++)
        put(&bytes, "", 1);
}

static void test_pairs_of_tensors(void **state)
{
    (void)state;
    two_tensors("t", 96);
    refuse_bytes(&bytes, "tensor t: found a second one of that name");
    two_tensors("u", 32);
    refuse_bytes(&bytes, "tensor u: found it at byte");
    two_tensors("u", 64);
    refuse_bytes(&bytes, "inside tensor t");
    two_tensors("u", 0);
    refuse_bytes(&bytes, "tensor t: found it at byte");
    two_tensors("u", 96);
    write_file("two.gguf", bytes.data, bytes.n);
    tl_modelfile_close(open_good("two.gguf"));
}

/* A tensor may have no elements or no dimensions; an alignment of 1 is as good as any. */
static void test_odd_but_good(void **state)
{
    (void)state;
    put_head(&bytes, 3, 3, 1);
    put_key(&bytes, "general.alignment", 4);
    put_u32(&bytes, 1);
    put_tensor(&bytes, "scalar", 0, NULL, 0, 3);
    put_tensor(&bytes, "nothing", 2, (uint64_t[]){32, 0}, 8, 7);
    put_tensor(&bytes, "bytes", 4, (uint64_t[]){1, 3, 1, 1}, 24, 0);
    put(&bytes, "abcdefg", 7);
    write_file("odd.gguf", bytes.data, bytes.n);
    struct tl_modelfile *file = open_good("odd.gguf");
    char data[5] = "";
    assert_int_equal(tl_modelfile_read(file, tl_modelfile_find(file, "scalar"), 0, data, 4), 0);
    assert_string_equal(data, "defg");
    assert_int_equal(tl_modelfile_find(file, "nothing")->n_bytes, 0);
    assert_int_equal(tl_modelfile_find(file, "bytes")->shape[2], 3);
    tl_modelfile_close(file);
}

/* --- split models ---------------------------------------------------------------------------------------------------------- */

static void put_u16_value(const char *key, uint16_t value)
{
    put_key(&bytes, key, 2);
    put(&bytes, &value, 2);
}

static void write_part(unsigned number, unsigned count, uint16_t found_number, uint16_t found_count, uint32_t total, const char *tensor)
{
    char name[64];
    put_head(&bytes, 3, 1, 4);
    put_u16_value("split.no", found_number);
    put_u16_value("split.count", found_count);
    put_key(&bytes, "split.tensors.count", 5);
    put_u32(&bytes, total);
    put_key(&bytes, "general.name", 8);
    put_string(&bytes, number ? "later" : "first");
    put_tensor(&bytes, tensor, 1, (uint64_t[]){1}, 0, 0);
    put_padding(&bytes, 32);
    put_u32(&bytes, 100 + number);
    snprintf(name, sizeof name, "s-%05u-of-%05u.gguf", number + 1, count);
    write_file(name, bytes.data, bytes.n);
}

static void test_split(void **state)
{
    (void)state;
    static const char *const names[] = {"x", "y", "z"};
    const char *text;
    size_t n;
    for (unsigned i = 0; i < 3; i++)
        write_part(i, 3, (uint16_t)i, 3, 3, names[i]);
    struct tl_modelfile *file = open_good("s-00001-of-00003.gguf");
    assert_int_equal(tl_modelfile_tensors(file), 3);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t value;
        const struct tl_tensor *tensor = tl_modelfile_find(file, names[i]);
        assert_int_equal(tensor->part, i);
        assert_int_equal(tl_modelfile_read(file, tensor, 0, &value, 4), 0);
        assert_int_equal(value, 100 + i);
        assert_int_equal(tl_modelfile_part(file, i)->size_bytes, tl_modelfile_bytes(file) / 3);
    }
    assert_int_equal(tl_meta_string(file, "general.name", &text, &n), 1);
    assert_string_equal(text, "first");
    tl_modelfile_close(file);
}

static void test_bad_splits(void **state)
{
    (void)state;
    static const char first[] = "s-00001-of-00003.gguf";
    for (unsigned i = 0; i < 3; i++)
        write_part(i, 3, (uint16_t)i, 3, 3, i == 0 ? "x" : i == 1 ? "y" : "z");
    refuse("s-00002-of-00003.gguf", "key split.no: found 1, expected 0: the first part is the one to open");
    write_part(2, 3, 2, 3, 3, "x");
    refuse(first, "tensor x: found a second one of that name");
    write_part(2, 3, 1, 3, 3, "z");
    refuse(first, "key split.no: found 1, expected 2");
    write_part(2, 3, 2, 4, 3, "z");
    refuse(first, "key split.count: found 4, expected 3");
    write_part(2, 3, 2, 3, 3, "z");
    write_part(0, 3, 0, 3, 4, "x");
    refuse(first, "key split.tensors.count: found 4, expected the 3");
    write_part(0, 3, 0, 5000, 3, "x");
    refuse(first, "key split.count: found 5000");
    write_part(0, 3, 0, 2, 3, "x");
    refuse(first, "file name: found one that does not end in -00001-of-00002.gguf");
    put_head(&bytes, 3, 0, 1);
    put_key(&bytes, "split.count", 6);
    put_u32(&bytes, 0);
    refuse_bytes(&bytes, "key split.count: found type 6, expected an integer");
    write_part(0, 2, 0, 2, 2, "x");
    struct tl_modelfile *file;
    assert_int_equal(tl_modelfile_open(scratch("s-00001-of-00002.gguf"), &file), TL_E_IO);
    assert_non_null(strstr(tl_error_text(), "s-00002-of-00002.gguf"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),    cmocka_unit_test(test_conversions),
        cmocka_unit_test(test_whole_floats), cmocka_unit_test(test_bad_heads),
        cmocka_unit_test(test_bad_values),  cmocka_unit_test(test_bad_tensors),
        cmocka_unit_test(test_pairs_of_tensors), cmocka_unit_test(test_odd_but_good),
        cmocka_unit_test(test_split),       cmocka_unit_test(test_bad_splits),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
