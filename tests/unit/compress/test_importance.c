/* SPDX-License-Identifier: MIT */
/* Files of importance in all three forms, written here value by value: their weights are what was written, scaled to a mean of 1.
 * Another model's, damaged ones and every prefix of good ones are refused with a sentence that names the file. */
#include <string.h>

#include "compress/importance.h"
#include "folder.h"
#include "model_at_hand.h"
#include "modelfile/writer.h"

enum { COLUMNS = 32, EXPERTS = 8, MAX_BYTES = 65536 };

static const char dense[] = "blk.0.attn_q.weight", experts[] = "blk.0.ffn_gate_exps.weight";

static float sum_of(uint64_t matrix, uint64_t column) { return (float)(1 + (matrix * 7 + column * 5) % 11); }

/* --- writing ---------------------------------------------------------------------------------------------------------------- */

struct maker { uint8_t bytes[MAX_BYTES]; size_t n; };

static void put(struct maker *maker, const void *bytes, size_t n)
{
    assert_true(maker->n + n <= MAX_BYTES);
    memcpy(maker->bytes + maker->n, bytes, n);
    maker->n += n;
}

static void put_i32(struct maker *maker, int32_t value) { put(maker, &value, 4); }

static void put_entry(struct maker *maker, const char *name, int32_t calls, int32_t n, uint64_t columns)
{
    put_i32(maker, (int32_t)strlen(name));
    put(maker, name, strlen(name));
    put_i32(maker, calls);
    put_i32(maker, n);
    for (int32_t i = 0; i < n; i++)
        put(maker, &(float){sum_of((uint64_t)i / columns, (uint64_t)i % columns)}, 4);
}

/* The old form: all experts of a layer one behind the other, under one name. */
static void make_old(struct maker *maker)
{
    maker->n = 0;
    put_i32(maker, 2);
    put_entry(maker, dense, 3, COLUMNS, COLUMNS);
    put_entry(maker, experts, 3, EXPERTS * COLUMNS, COLUMNS);
    put_i32(maker, 3);                                               /* what follows is not read */
    put(maker, "text.txt", 8);
}

static void put_sums(struct tl_writer *writer, uint64_t matrices)
{
    for (uint64_t i = 0; i < matrices * COLUMNS; i++)
        must(tl_writer_bytes(writer, &(float){sum_of(i / COLUMNS, i % COLUMNS)}, 4));
}

static void put_counts(struct tl_writer *writer, uint64_t matrices)
{
    for (uint64_t i = 0; i < matrices; i++)
        must(tl_writer_bytes(writer, &(float){i == 2 ? 0 : 100}, 4));           /* expert 2 was never asked */
}

static void make_gguf(const char *path, const char *type, bool counts)
{
    struct tl_writer *writer;
    const struct tl_number *f32 = tl_number(TL_NUMBER_F32);
    must(tl_writer_open(path, TL_MODELFILE_GGUF, &writer));
    must(tl_writer_string(writer, "general.type", type, strlen(type)));
    must(tl_writer_tensor(writer, "blk.0.attn_q.weight.in_sum2", f32, 2, (uint64_t[]){1, COLUMNS}));
    if (counts)
        must(tl_writer_tensor(writer, "blk.0.attn_q.weight.counts", f32, 2, (uint64_t[]){1, 1}));
    must(tl_writer_tensor(writer, "blk.0.ffn_gate_exps.weight.in_sum2", f32, 2, (uint64_t[]){EXPERTS, COLUMNS}));
    must(tl_writer_tensor(writer, "blk.0.ffn_gate_exps.weight.counts", f32, 2, (uint64_t[]){EXPERTS, 1}));
    must(tl_writer_begin(writer));
    put_sums(writer, 1);
    if (counts)
        put_counts(writer, 1);
    put_sums(writer, EXPERTS);
    put_counts(writer, EXPERTS);
    must(tl_writer_commit(writer));
    tl_writer_close(writer);
}

/* As score --moments writes it: sums under the matrix's name, tokens beside. */
static void make_moments_of(const char *path, const char *format, const char *one, const char *several)
{
    struct tl_writer *writer;
    const struct tl_number *f32 = tl_number(TL_NUMBER_F32);
    char name[100];
    must(tl_writer_open(path, TL_MODELFILE_SAFETENSORS, &writer));
    must(tl_writer_string(writer, "format", format, strlen(format)));
    must(tl_writer_tensor(writer, one, f32, 1, (uint64_t[]){COLUMNS}));
    snprintf(name, sizeof(name), "%s.tokens", one);
    must(tl_writer_tensor(writer, name, f32, 1, (uint64_t[]){1}));
    must(tl_writer_tensor(writer, several, f32, 2, (uint64_t[]){EXPERTS, COLUMNS}));
    snprintf(name, sizeof(name), "%s.tokens", several);
    must(tl_writer_tensor(writer, name, f32, 1, (uint64_t[]){EXPERTS}));
    must(tl_writer_begin(writer));
    put_sums(writer, 1);
    put_counts(writer, 1);
    put_sums(writer, EXPERTS);
    put_counts(writer, EXPERTS);
    must(tl_writer_commit(writer));
    tl_writer_close(writer);
}

static void make_moments(const char *path, const char *format) { make_moments_of(path, format, dense, experts); }

/* --- what is read ------------------------------------------------------------------------------------------------------------ */

static void check_weights(const float *weights, uint64_t matrix)
{
    double total = 0;
    assert_non_null(weights);
    for (uint64_t c = 0; c < COLUMNS; c++)
        total += (double)sum_of(matrix, c);
    for (uint64_t c = 0; c < COLUMNS; c++)
        assert_float_equal(weights[c], (double)sum_of(matrix, c) / total * COLUMNS, 1e-5);
}

static void check_read(const char *path, bool counts_experts)
{
    static struct tl_geometry geometry;
    struct tl_modelfile *model;
    struct tl_importance *importance;
    must(tl_modelfile_open(golden_file("qwen3_moe/model.gguf"), &model));
    must(tl_geometry_read(model, &geometry));
    must(tl_importance_open(path, model, &geometry, &importance));
    check_weights(tl_importance_of(importance, tl_modelfile_find(model, dense), 0), 0);
    for (uint64_t e = 0; e < EXPERTS; e++)
        if (counts_experts && e == 2)
            assert_null(tl_importance_of(importance, tl_modelfile_find(model, experts), e));
        else
            check_weights(tl_importance_of(importance, tl_modelfile_find(model, experts), e), e);
    assert_null(tl_importance_of(importance, tl_modelfile_find(model, experts), EXPERTS));
    assert_null(tl_importance_of(importance, tl_modelfile_find(model, "blk.1.attn_q.weight"), 0));
    assert_int_equal(strlen(tl_importance_hash(importance)), 64);
    tl_importance_close(importance);
    tl_modelfile_close(model);
}

static void reads_old(void **state)
{
    (void)state;
    static struct maker maker;
    make_old(&maker);
    make_file(in_folder("old.dat"), maker.bytes, maker.n);
    check_read(in_folder("old.dat"), false);
}

static void reads_gguf(void **state)
{
    (void)state;
    make_gguf(in_folder("matrix.gguf"), "imatrix", true);
    check_read(in_folder("matrix.gguf"), true);
}

static void reads_moments(void **state)
{
    (void)state;
    make_moments(in_folder("moments.safetensors"), "trill.moments");
    check_read(in_folder("moments.safetensors"), true);
}

/* Experts that are tensors of their own: their sums stand under the name of the first. What was seen of a GGUF fits the same model in
 * safetensors, and the other way round. */
static void reads_single_experts(void **state)
{
    static const char single[] = "model.layers.0.mlp.experts.0.gate_proj.weight", shape[] = "model.layers.0.mlp.experts.%u.%s_proj.weight";
    static struct tl_geometry geometry;
    (void)state;
    make_moments_of(in_folder("single"), "trill.moments", "model.layers.0.self_attn.q_proj.weight", single);
    make_moments(in_folder("stacked"), "trill.moments");
    for (int i = 0; i < 2; i++) {
        struct tl_modelfile *model;
        struct tl_importance *importance;
        must(tl_modelfile_open(golden_file("qwen3_moe"), &model));
        must(tl_geometry_read(model, &geometry));
        must(tl_importance_open(in_folder(i ? "stacked" : "single"), model, &geometry, &importance));
        for (unsigned e = 0; e < EXPERTS; e++) {
            char name[100];
            snprintf(name, sizeof(name), shape, e, "gate");
            const float *weights = tl_importance_of(importance, tl_modelfile_find(model, name), 0);
            if (e == 2)
                assert_null(weights);
            else
                check_weights(weights, e);
            snprintf(name, sizeof(name), shape, e, "up");
            assert_null(tl_importance_of(importance, tl_modelfile_find(model, name), 0));
        }
        tl_importance_close(importance);
        tl_modelfile_close(model);
    }
    check_read(in_folder("single"), true);
}

/* --- what is refused ----------------------------------------------------------------------------------------------------------- */

static void refuse(const char *path, const char *model_name, const char *sentence)
{
    struct tl_modelfile *model;
    struct tl_importance *importance = NULL;
    must(tl_modelfile_open(golden_file("%s/model.gguf", model_name), &model));
    int r = tl_importance_open(path, model, NULL, &importance);
    tl_modelfile_close(model);
    assert_null(importance);
    assert_true(r < 0);
    if (!strstr(tl_error_text(), sentence) || !strstr(tl_error_text(), path))
        fail_msg("\"%s\" has no \"%s\"", tl_error_text(), sentence);
}

static void refuses_others(void **state)
{
    (void)state;
    static struct maker maker;
    make_old(&maker);
    make_file(in_folder("old.dat"), maker.bytes, maker.n);
    make_gguf(in_folder("matrix.gguf"), "imatrix", true);
    make_moments(in_folder("moments.safetensors"), "trill.moments");
    refuse(in_folder("none"), "llama", "No such file");
    refuse(in_folder("old.dat"), "deepseek_v3", "importance of another model");           /* no attn_q; other experts are as many */
    maker.n = 0;
    put_i32(&maker, 1);
    put_entry(&maker, dense, 3, COLUMNS + 1, COLUMNS);
    make_file(in_folder("wide.dat"), maker.bytes, maker.n);
    refuse(in_folder("wide.dat"), "qwen3_moe", "33 columns, the model has 1 x 32: importance of another model");
    maker.n = 0;
    put_i32(&maker, 1);
    put_entry(&maker, "blk.9.attn_q.weight", 3, COLUMNS, COLUMNS);
    make_file(in_folder("names.dat"), maker.bytes, maker.n);
    refuse(in_folder("names.dat"), "qwen3_moe", "found no matrix of");
    make_gguf(in_folder("model.gguf"), "model", true);
    refuse(in_folder("model.gguf"), "qwen3_moe", "expected \"imatrix\"");
    make_gguf(in_folder("counts.gguf"), "imatrix", false);
    refuse(in_folder("counts.gguf"), "qwen3_moe", "found no counts");
    make_moments(in_folder("other.safetensors"), "trill.teacher");
    refuse(in_folder("other.safetensors"), "qwen3_moe", "expected statistics of `trill score --moments`");
    refuse(golden_file("llama/model.safetensors"), "llama", "found \"pt\"");
}

static void refuses_values(void **state)
{
    static const struct { size_t at; uint32_t bits; const char *sentence; } bad[] = {
        {0, 0xffffffff, "found -1 matrices"}, {0, 0, "found 0 matrices"}, {0, 0x7fffffff, "matrices"}, {0, 900, "expected"},
        {4, 0, "a name of 0 bytes"}, {4, 0x7fffffff, "a name of 2147483647 bytes"}, {4, 0xffffffff, "a name of -1 bytes"},
        {4 + 4 + 19 + 4, 0x7fffffff, "found 2147483647 values"}, {4 + 4 + 19 + 4, 0, "found 0 values"}, {4 + 4 + 19 + 4, 0x80000000, "values"},
        {4 + 4 + 19 + 8, 0x7fc00000, "expected a sum of squares"}, {4 + 4 + 19 + 8, 0x7f800000, "expected a sum of squares"},
        {4 + 4 + 19 + 8, 0xbf800000, "expected a sum of squares"},
    };
    (void)state;
    static struct maker maker;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        make_old(&maker);
        memcpy(maker.bytes + bad[i].at, &bad[i].bits, 4);
        make_file(in_folder("bad.dat"), maker.bytes, maker.n);
        refuse(in_folder("bad.dat"), "qwen3_moe", bad[i].sentence);
    }
}

static void refuses_prefixes(void **state)
{
    (void)state;
    static struct maker maker;
    make_old(&maker);
    for (size_t n = 0; n < maker.n - 12; n += n < 80 ? 1 : 37) {
        make_file(in_folder("cut.dat"), maker.bytes, n);
        refuse(in_folder("cut.dat"), "qwen3_moe", "expected");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_old), cmocka_unit_test(reads_gguf), cmocka_unit_test(reads_moments), cmocka_unit_test(reads_single_experts),
                                       cmocka_unit_test(refuses_others), cmocka_unit_test(refuses_values), cmocka_unit_test(refuses_prefixes)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
