/* SPDX-License-Identifier: MIT */
/* Sweeps: files cut at every byte, every bit of a header flipped, every allocation and every read failing once. Whatever
 * opens must be readable to its last byte; whatever does not must say so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "modelfile/writer.h"
#include "modelfile_test.h"

static struct bytes bytes, changed;

/* Uses all that an open model gives. */
static void use(struct tl_modelfile *file)
{
    for (uint64_t i = 0; i < tl_modelfile_tensors(file); i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(file, i);
        uint8_t last;
        assert_ptr_equal(tl_modelfile_find(file, tensor->name), tensor);
        if (tensor->n_bytes)
            assert_int_equal(tl_modelfile_read(file, tensor, tensor->n_bytes - 1, &last, 1), 0);
    }
    for (uint64_t i = 0; i < tl_modelfile_metas(file); i++) {
        const struct tl_meta *meta = tl_modelfile_meta_at(file, i);
        const char *text;
        size_t n;
        int64_t integer;
        for (uint64_t k = 0; k < meta->count; k++)
            if (tl_meta_at_string(meta, k, &text, &n) >= 0)
                assert_true(strlen(text) <= n && text[n] == 0);
            else
                tl_meta_at_i64(meta, k, &integer);
    }
}

/* Opens; a refusal must be a sentence about a bad file. */
static bool try_open(const char *name)
{
    struct tl_modelfile *file = NULL;
    int r = tl_modelfile_open(scratch(name), &file);
    if (r < 0) {
        const char *text = tl_error_text();
        if (r != TL_E_FILE || !strstr(text, "expected") || strchr(text, '\n'))
            fail_msg("%s: refused with %d \"%s\"", name, r, text);
        return false;
    }
    use(file);
    tl_modelfile_close(file);
    return true;
}

static void sweep(const char *name, size_t n_header)
{
    write_file(name, bytes.data, bytes.n);
    assert_true(try_open(name));
    for (size_t n = 0; n < bytes.n; n++) {
        write_file(name, bytes.data, n);
        if (try_open(name))
            fail_msg("%s: opened although cut at byte %zu of %zu", name, n, bytes.n);
    }
    changed = bytes;
    size_t opened = 0;
    for (size_t bit = 0; bit < 8 * n_header; bit++) {
        changed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        write_file(name, changed.data, changed.n);
        opened += try_open(name);
        changed.data[bit / 8] = bytes.data[bit / 8];
    }
    print_message("%s: %zu of %zu flipped bits leave a good file\n", name, opened, 8 * n_header);
    assert_true(opened > 0 && opened < 8 * n_header);
}

static void test_gguf_sweep(void **state)
{
    (void)state;
    make_gguf(&bytes, 3);
    sweep("sweep.gguf", bytes.n - 113);
}

static void test_safetensors_sweep(void **state)
{
    (void)state;
    make_safetensors(&bytes, small_safetensors, 40);
    sweep("sweep.safetensors", bytes.n - 40);
}

/* --- failures in turn -------------------------------------------------------------------------------------------------------- */

static void make_models(void)
{
    make_gguf(&bytes, 3);
    write_file("fail.gguf", bytes.data, bytes.n);
    mkdir(scratch("fail"), 0777);
    make_safetensors(&bytes, small_safetensors, 40);
    write_file("fail/part.safetensors", bytes.data, bytes.n);
    write_text("fail/model.safetensors.index.json",
               "{\"weight_map\":{\"a\":\"part.safetensors\",\"b\":\"part.safetensors\",\"e\":\"part.safetensors\",\"z\":\"part.safetensors\"}}");
    write_text("fail/config.json", "{\"a\":1,\"s\":\"text\",\"strings\":[\"x\",\"y\"],\"n\":[1,2.5],\"o\":{\"b\":true}}");
    write_text("fail/tokenizer_config.json", "{\"chat_template\":[{\"name\":\"default\",\"template\":\"T\"}]}");
    write_text("fail/tokenizer.json", "{}");
}

static const char *const models[] = {"fail.gguf", "fail", "fail/part.safetensors"};

static int open_all(const char *name)
{
    struct tl_modelfile *file = NULL;
    const char *text;
    size_t n;
    int r = tl_modelfile_open(scratch(name), &file);
    if (r >= 0)
        r = tl_modelfile_tokenizer_json(file, &text, &n);
    tl_modelfile_close(file);
    return r;
}

static void test_failing_memory(void **state)
{
    (void)state;
    make_models();
    for (unsigned i = 0; i < ROWS(models); i++) {
        int r = -1;
        long n = 0;
        for (; r < 0; n++) {
            tl_memory_fail_after(n);
            r = open_all(models[i]);
            tl_memory_fail_after(-1);
            if (r < 0 && r != TL_E_NOMEM)
                fail_msg("%s: allocation %ld: %d %s", models[i], n, r, tl_error_text());
        }
        assert_true(n > 10);
    }
}

static void test_failing_reads(void **state)
{
    (void)state;
    make_models();
    for (unsigned i = 0; i < ROWS(models); i++) {
        int r = -1;
        long n = 0;
        for (; r < 0; n++) {
            tl_file_fail_after(n);
            r = open_all(models[i]);
            tl_file_fail_after(-1);
            if (r < 0)
                assert_int_equal(r, TL_E_IO);
        }
        assert_true(n > 2);
    }
}

static int write_copy(const struct tl_modelfile *from, enum tl_modelfile_format format)
{
    struct tl_writer *writer = NULL;
    int r = tl_writer_open(scratch("copy"), format, &writer);
    for (uint64_t i = 0; r >= 0 && i < tl_modelfile_metas(from); i++)
        r = tl_writer_meta(writer, tl_modelfile_meta_at(from, i));
    if (r >= 0)
        r = tl_writer_string(writer, "one more", "text", 4);
    if (r >= 0)
        r = tl_writer_tensor(writer, "t", tl_number(TL_NUMBER_F32), 1, (uint64_t[]){1});
    if (r >= 0)
        r = tl_writer_begin(writer);
    if (r >= 0)
        r = tl_writer_bytes(writer, "abcd", 4);
    if (r >= 0)
        r = tl_writer_commit(writer);
    tl_writer_close(writer);
    return r;
}

static void test_failing_memory_of_writers(void **state)
{
    (void)state;
    make_models();
    struct tl_modelfile *from = open_good("fail.gguf");
    for (int format = TL_MODELFILE_GGUF; format <= TL_MODELFILE_SAFETENSORS; format++) {
        int r = -1;
        long n = 0;
        for (; r < 0; n++) {
            remove(scratch("copy"));
            tl_memory_fail_after(n);
            r = write_copy(from, (enum tl_modelfile_format)format);
            tl_memory_fail_after(-1);
            if (r < 0 && r != TL_E_NOMEM)
                fail_msg("allocation %ld: %d %s", n, r, tl_error_text());
        }
        assert_true(n > 10);
        tl_modelfile_close(open_good("copy"));
    }
    tl_modelfile_close(from);
}

/* A sparse file of a terabyte that promises much costs no more memory than a header may have. */
static void test_sparse_file(void **state)
{
    (void)state;
    static const struct { uint32_t type; const char *words; } rows[] = {
        {8, "key k: count of strings: found 68719476736, expected at most 4194304"},
        {0, "key k: value: found 68719476736 bytes behind byte 49, expected a header of at most 268435456"},
    };
    for (unsigned i = 0; i < ROWS(rows); i++) {
        put_head(&bytes, 3, 1 << 20, 1);
        put_key(&bytes, "k", 9);
        put_u32(&bytes, rows[i].type);
        put_u64(&bytes, UINT64_C(1) << 36);
        write_file("sparse.gguf", bytes.data, bytes.n);
        if (truncate(scratch("sparse.gguf"), (off_t)1 << 40) < 0)
            skip();
        refuse("sparse.gguf", rows[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gguf_sweep),     cmocka_unit_test(test_safetensors_sweep),
        cmocka_unit_test(test_failing_memory), cmocka_unit_test(test_failing_reads),
        cmocka_unit_test(test_failing_memory_of_writers), cmocka_unit_test(test_sparse_file),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
