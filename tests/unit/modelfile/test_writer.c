/* SPDX-License-Identifier: MIT */
/* Writing: what is written reads back equal, in both formats and in pieces of any size; a file is complete or absent; a
 * full disk and misuse end with a sentence. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "modelfile/writer.h"
#include "modelfile_test.h"
#include "must.h"

static struct bytes bytes;

static bool same_element(const struct tl_meta *a, const struct tl_meta *b, uint64_t i)
{
    const char *s, *t;
    size_t n, m;
    double f, g;
    int64_t x, y;
    if (a->kind == TL_META_STRING)
        return tl_meta_at_string(a, i, &s, &n) == 0 && tl_meta_at_string(b, i, &t, &m) == 0 && n == m && memcmp(s, t, n) == 0;
    bool p, q;
    if (a->kind == TL_META_BOOL)
        return tl_meta_at_bool(a, i, &p) == 0 && tl_meta_at_bool(b, i, &q) == 0 && p == q;
    if (tl_meta_at_i64(a, i, &x) == 0)
        return tl_meta_at_i64(b, i, &y) == 0 && x == y;
    return tl_meta_at_f64(a, i, &f) == 0 && tl_meta_at_f64(b, i, &g) == 0 && f == g;
}

static void assert_same_metas(const struct tl_modelfile *a, const struct tl_modelfile *b)
{
    assert_int_equal(tl_modelfile_metas(a), tl_modelfile_metas(b));
    for (uint64_t k = 0; k < tl_modelfile_metas(a); k++) {
        const struct tl_meta *x = tl_modelfile_meta_at(a, k), *y = tl_modelfile_meta_at(b, k);
        assert_string_equal(x->key, y->key);
        assert_true(x->kind == y->kind && x->is_array == y->is_array && x->count == y->count);
        for (uint64_t i = 0; i < x->count; i++)
            if (!same_element(x, y, i))
                fail_msg("%s: element %u differs", x->key, (unsigned)i);
    }
}

static void assert_same_tensor(const struct tl_modelfile *a, const struct tl_modelfile *b, const char *name)
{
    const struct tl_tensor *x = tl_modelfile_find(a, name), *y = tl_modelfile_find(b, name);
    uint8_t one[4096], two[4096];
    assert_true(x && y && x->number == y->number && x->n_dims == y->n_dims && x->n_bytes == y->n_bytes);
    assert_memory_equal(x->shape, y->shape, sizeof x->shape);
    assert_true(x->n_bytes <= sizeof one);
    assert_int_equal(tl_modelfile_read(a, x, 0, one, x->n_bytes), 0);
    assert_int_equal(tl_modelfile_read(b, y, 0, two, y->n_bytes), 0);
    assert_memory_equal(one, two, x->n_bytes);
}

/* Declares and writes all tensors of `from` that number knows, in pieces that ignore the borders between them. */
static int copy_tensors(struct tl_writer *writer, const struct tl_modelfile *from, size_t piece)
{
    uint8_t all[8192];
    size_t n = 0;
    int r = 0;
    for (uint64_t i = 0; r >= 0 && i < tl_modelfile_tensors(from); i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(from, i);
        if (!tensor->number)
            continue;
        r = tl_writer_tensor(writer, tensor->name, tensor->number, tensor->n_dims, tensor->shape);
        assert_int_equal(tl_modelfile_read(from, tensor, 0, all + n, tensor->n_bytes), 0);
        n += tensor->n_bytes;
    }
    if (r >= 0)
        r = tl_writer_begin(writer);
    for (size_t at = 0; r >= 0 && at < n; at += piece)
        r = tl_writer_bytes(writer, all + at, n - at < piece ? n - at : piece);
    return r;
}

static int copy_file(const struct tl_modelfile *from, enum tl_modelfile_format format, const char *to, size_t piece)
{
    struct tl_writer *writer = NULL;
    int r = tl_writer_open(scratch(to), format, &writer);
    for (uint64_t i = 0; r >= 0 && i < tl_modelfile_metas(from); i++)
        r = tl_writer_meta(writer, tl_modelfile_meta_at(from, i));
    if (r >= 0)
        r = copy_tensors(writer, from, piece);
    if (r >= 0)
        r = tl_writer_commit(writer);
    tl_writer_close(writer);
    return r;
}

static void test_gguf_round_trip(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 3, 24, 25, 8192};
    make_gguf(&bytes, 2);
    write_file("from.gguf", bytes.data, bytes.n);
    struct tl_modelfile *from = open_good("from.gguf");
    for (unsigned i = 0; i < ROWS(pieces); i++) {
        must(copy_file(from, TL_MODELFILE_GGUF, "to.gguf", pieces[i]));
        struct tl_modelfile *to = open_good("to.gguf");
        assert_int_equal(tl_modelfile_tensors(to), 2);
        assert_int_equal(tl_modelfile_bytes(to) % 32, 0);
        assert_same_metas(from, to);
        assert_same_tensor(from, to, "a");
        assert_same_tensor(from, to, "b");
        tl_modelfile_close(to);
    }
    tl_modelfile_close(from);
}

static void test_safetensors_round_trip(void **state)
{
    (void)state;
    make_safetensors(&bytes, small_safetensors, 40);
    write_file("from.safetensors", bytes.data, bytes.n);
    struct tl_modelfile *from = open_good("from.safetensors");
    must(copy_file(from, TL_MODELFILE_SAFETENSORS, "to.safetensors", 5));
    struct tl_modelfile *to = open_good("to.safetensors");
    assert_int_equal(tl_modelfile_tensors(to), 3);
    assert_int_equal(tl_modelfile_tensor(to, 0)->offset % 8, 0);
    assert_same_tensor(from, to, "a");
    assert_same_tensor(from, to, "b");
    assert_same_tensor(from, to, "z");
    tl_modelfile_close(to);
    tl_modelfile_close(from);
}

/* Values of every type as text. */
static void test_safetensors_metadata(void **state)
{
    (void)state;
    static const struct { const char *key, *text; } rows[] = {
        {"u8", "255"}, {"i8", "-8"}, {"u64", "18446744073709551615"}, {"i64", "-9223372036854775808"}, {"f32", "1.5"}, {"f64", "-2.25"},
        {"bool", "true"}, {"general.name", "small"}, {"empty", ""}, {"strings", "[\"one\",\"\",\"th\xc3\xa9\"]"}, {"i16s", "[-1,0,1]"}, {"none", "[]"},
    };
    make_gguf(&bytes, 3);
    write_file("from.gguf", bytes.data, bytes.n);
    struct tl_modelfile *from = open_good("from.gguf");
    struct tl_writer *writer;
    assert_int_equal(tl_writer_open(scratch("meta.safetensors"), TL_MODELFILE_SAFETENSORS, &writer), 0);
    for (uint64_t i = 0; i < tl_modelfile_metas(from); i++)
        assert_int_equal(tl_writer_meta(writer, tl_modelfile_meta_at(from, i)), 0);
    assert_int_equal(tl_writer_begin(writer), 0);
    assert_int_equal(tl_writer_commit(writer), 0);
    tl_writer_close(writer);
    struct tl_modelfile *to = open_good("meta.safetensors");
    for (unsigned i = 0; i < ROWS(rows); i++) {
        char key[64];
        const char *text;
        size_t n;
        snprintf(key, sizeof key, "__metadata__.%s", rows[i].key);
        assert_int_equal(tl_meta_string(to, key, &text, &n), 1);
        assert_string_equal(text, rows[i].text);
    }
    tl_modelfile_close(to);
    tl_modelfile_close(from);
}

/* Every format of number in every file format that stores it, with zero-sized tensors between. */
static void test_all_numbers(void **state)
{
    (void)state;
    for (int format = TL_MODELFILE_GGUF; format <= TL_MODELFILE_SAFETENSORS; format++) {
        struct tl_writer *writer;
        uint8_t data[3 * 4 * TL_NUMBER_MAX_BLOCK] = {0};
        unsigned written = 0;
        assert_int_equal(tl_writer_open(scratch("numbers"), (enum tl_modelfile_format)format, &writer), 0);
        assert_int_equal(tl_writer_u64(writer, "small", 7), 0);
        assert_int_equal(tl_writer_u64(writer, "large", UINT64_C(1) << 40), 0);
        assert_int_equal(tl_writer_f64(writer, "half", 0.5), 0);
        assert_int_equal(tl_writer_bool(writer, "yes", true), 0);
        assert_int_equal(tl_writer_string(writer, "text", "a\0b", 3), 0);
        for (int id = 0; id < TL_NUMBERS; id++) {
            const struct tl_number *number = tl_number((enum tl_number_id)id);
            uint64_t shape[] = {3, number->block_elems}, none[] = {0, number->block_elems};
            char empty[32];
            snprintf(empty, sizeof empty, "%s.empty", number->name);
            if (format == TL_MODELFILE_GGUF ? number->gguf_type < 0 : !number->safetensors)
                continue;
            assert_int_equal(tl_writer_tensor(writer, number->name, number, 2, shape), 0);
            assert_int_equal(tl_writer_tensor(writer, empty, number, 2, none), 0);
            written += 2;
        }
        assert_int_equal(tl_writer_begin(writer), 0);
        for (int id = 0; id < TL_NUMBERS; id++) {
            const struct tl_number *number = tl_number((enum tl_number_id)id);
            memset(data, id, sizeof data);
            if (format == TL_MODELFILE_GGUF ? number->gguf_type >= 0 : number->safetensors != NULL)
                assert_int_equal(tl_writer_bytes(writer, data, 3 * number->block_bytes), 0);
        }
        must(tl_writer_commit(writer));
        tl_writer_close(writer);
        struct tl_modelfile *file = open_good("numbers");
        assert_int_equal(tl_modelfile_tensors(file), written);
        for (uint64_t i = 0; i < written; i++) {
            const struct tl_tensor *tensor = tl_modelfile_tensor(file, i);
            assert_int_equal(tl_modelfile_read(file, tensor, 0, data, tensor->n_bytes), 0);
            if (tensor->n_bytes)
                assert_true(data[0] == tensor->number->id && data[tensor->n_bytes - 1] == tensor->number->id);
        }
        tl_modelfile_close(file);
    }
}

/* --- misuse and failure ------------------------------------------------------------------------------------------------------ */

static void expect(int r, int code, const char *words)
{
    if (r != code || !strstr(tl_error_text(), words))
        fail_msg("%d \"%s\", expected %d \"%s\"", r, tl_error_text(), code, words);
}

static void test_misuse(void **state)
{
    (void)state;
    struct tl_writer *writer;
    static const uint64_t one[] = {1}, odd[] = {33}, huge[] = {UINT64_C(1) << 62};
    const struct tl_number *f32 = tl_number(TL_NUMBER_F32), *q8_0 = tl_number(TL_NUMBER_Q8_0);
    assert_int_equal(tl_writer_open(scratch("misused"), TL_MODELFILE_GGUF, &writer), 0);
    expect(tl_writer_commit(writer), TL_E_FAIL, "found no header");
    expect(tl_writer_bytes(writer, "", 1), TL_E_FAIL, "found bytes before the header");
    assert_int_equal(tl_writer_u64(writer, "k", 1), 0);
    expect(tl_writer_u64(writer, "k", 1), TL_E_FAIL, "key k: found it declared twice");
    expect(tl_writer_u64(writer, "", 1), TL_E_FAIL, "name not fit");
    expect(tl_writer_tensor(writer, "t", f32, 5, (uint64_t[]){1, 1, 1, 1, 1}), TL_E_FAIL, "tensor t: found 5 dimensions");
    assert_int_equal(tl_writer_tensor(writer, "t", f32, 1, one), 0);
    expect(tl_writer_tensor(writer, "t", f32, 1, one), TL_E_FAIL, "tensor t: found it declared twice");
    assert_int_equal(tl_writer_begin(writer), 0);
    expect(tl_writer_begin(writer), TL_E_FAIL, "found a second header");
    expect(tl_writer_u64(writer, "l", 1), TL_E_FAIL, "key l: found it declared behind the header");
    assert_int_equal(tl_writer_bytes(writer, "abc", 3), 0);
    expect(tl_writer_commit(writer), TL_E_FAIL, "tensor t: found 3 bytes, expected 4");
    expect(tl_writer_bytes(writer, "de", 2), TL_E_FAIL, "found 1 bytes behind the last tensor");
    tl_writer_close(writer);
    assert_false(tl_file_exists(scratch("misused")));
    assert_int_equal(tl_writer_open(scratch("misused"), TL_MODELFILE_SAFETENSORS, &writer), 0);
    expect(tl_writer_tensor(writer, "q", q8_0, 1, (uint64_t[]){32}), TL_E_FAIL, "tensor q: found type q8_0, expected one that safetensors stores");
    expect(tl_writer_begin(writer), TL_E_FAIL, "tensor q");
    tl_writer_close(writer);
    assert_int_equal(tl_writer_open(scratch("misused"), TL_MODELFILE_GGUF, &writer), 0);
    expect(tl_writer_tensor(writer, "o", q8_0, 1, odd), TL_E_FAIL, "tensor o: found rows of 33");
    tl_writer_close(writer);
    assert_int_equal(tl_writer_open(scratch("misused"), TL_MODELFILE_GGUF, &writer), 0);
    expect(tl_writer_tensor(writer, "h", f32, 1, huge), TL_E_FAIL, "tensor h: found rows of 4611686018427387904");
    tl_writer_close(writer);
    tl_writer_close(NULL);
}

/* What describes the container stays behind. */
static void test_container_keys(void **state)
{
    (void)state;
    put_head(&bytes, 3, 1, 3);
    put_key(&bytes, "general.alignment", 4);
    put_u32(&bytes, 64);
    put_key(&bytes, "split.count", 4);
    put_u32(&bytes, 1);
    put_key(&bytes, "kept", 4);
    put_u32(&bytes, 9);
    put_tensor(&bytes, "t", 1, (uint64_t[]){1}, 0, 0);
    put_padding(&bytes, 64);
    put_u32(&bytes, 5);
    write_file("aligned.gguf", bytes.data, bytes.n);
    struct tl_modelfile *from = open_good("aligned.gguf");
    assert_int_equal(tl_modelfile_find(from, "t")->offset % 64, 0);
    assert_int_equal(copy_file(from, TL_MODELFILE_GGUF, "plain.gguf", 4), 0);
    struct tl_modelfile *to = open_good("plain.gguf");
    assert_int_equal(tl_modelfile_metas(to), 1);
    assert_same_tensor(from, to, "t");
    tl_modelfile_close(to);
    tl_modelfile_close(from);
}

/* Each write fails once: an error, and no file. */
static void test_failing_disk(void **state)
{
    (void)state;
    make_gguf(&bytes, 3);
    write_file("from.gguf", bytes.data, bytes.n);
    int failures = 0, r = -1;
    for (long n = 0; r < 0; n++) {
        struct tl_modelfile *from = open_good("from.gguf");
        uint8_t data[58];
        struct tl_writer *writer;
        assert_int_equal(tl_modelfile_read(from, tl_modelfile_find(from, "a"), 0, data, 24), 0);
        assert_int_equal(tl_modelfile_read(from, tl_modelfile_find(from, "b"), 0, data + 24, 34), 0);
        assert_int_equal(tl_writer_open(scratch("disk.gguf"), TL_MODELFILE_GGUF, &writer), 0);
        assert_int_equal(tl_writer_tensor(writer, "a", tl_number(TL_NUMBER_F32), 2, (uint64_t[]){3, 2}), 0);
        assert_int_equal(tl_writer_tensor(writer, "b", tl_number(TL_NUMBER_Q8_0), 2, (uint64_t[]){1, 32}), 0);
        tl_file_fail_after(n);
        r = tl_writer_begin(writer);
        if (r >= 0)
            r = tl_writer_bytes(writer, data, sizeof data);
        if (r >= 0)
            r = tl_writer_commit(writer);
        tl_file_fail_after(-1);
        tl_writer_close(writer);
        tl_modelfile_close(from);
        assert_int_equal(tl_file_exists(scratch("disk.gguf")), r >= 0);
        failures += r < 0;
        if (r < 0)
            expect(r, TL_E_IO, "disk.gguf");
    }
    assert_true(failures >= 2);
    tl_modelfile_close(open_good("disk.gguf"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gguf_round_trip), cmocka_unit_test(test_safetensors_round_trip),
        cmocka_unit_test(test_safetensors_metadata), cmocka_unit_test(test_all_numbers),
        cmocka_unit_test(test_misuse), cmocka_unit_test(test_container_keys), cmocka_unit_test(test_failing_disk),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
