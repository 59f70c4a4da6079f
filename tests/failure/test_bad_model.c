/* SPDX-License-Identifier: MIT */
/* Files that are well-formed and no model: tensors that are missing or have other shapes, numbers that cannot be, values
 * that are NaN, architectures and formats nobody knows. Each is refused with TRILL_BAD_FILE and one sentence that names the
 * file and the field. The files are the golden llama, or another golden model, with one thing changed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "modelfile/writer.h"
#include "must.h"
#include "trill.h"
#include "folder.h"
#include "golden_file.h"

static const char *base = "llama";       /* which golden model is changed */

static const char *golden(const char *name)
{
    return golden_file("%s/%s", base, name);
}

/* --- one change ---------------------------------------------------------------------------------------------------- */

enum kind { NOTHING, OMIT, SHAPE, FILL, U64, F64, TEXT, DROP };

struct change {
    enum kind kind;
    const char *name;                    /* of a tensor or of a key */
    uint64_t rows, cols;                 /* SHAPE; cols 0: one dimension. U64: the value is rows */
    double real;
    const char *text, *words;            /* TEXT; what the sentence must say */
    const struct tl_number *number;      /* FILL: the format; all bytes are 0xff */
};

static void copy_meta(struct tl_writer *writer, const struct tl_meta *meta, const struct change *change)
{
    int status = 0;
    bool changed = change->kind >= U64 && strcmp(meta->key, change->name) == 0;
    if (!changed)
        status = tl_writer_meta(writer, meta);
    else if (change->kind == U64)
        status = tl_writer_u64(writer, meta->key, change->rows);
    else if (change->kind == F64)
        status = tl_writer_f64(writer, meta->key, change->real);
    else if (change->kind == TEXT)
        status = tl_writer_string(writer, meta->key, change->text, strlen(change->text));
    if (status < 0)
        fail_msg("%s: %s", meta->key, tl_error_text());
}

/* How a tensor is written: as it is, or changed. */
struct written { const struct tl_tensor *from; const struct tl_number *number; uint32_t n_dims; uint64_t shape[TL_TENSOR_DIMS], n_bytes; bool ones; };

static struct written plan_tensor(const struct tl_tensor *tensor, const struct change *change)
{
    struct written to = {.from = tensor, .number = tensor->number, .n_dims = tensor->n_dims, .n_bytes = tensor->n_bytes};
    memcpy(to.shape, tensor->shape, sizeof to.shape);
    if ((change->kind != SHAPE && change->kind != FILL) || strcmp(tensor->name, change->name) != 0)
        return to;
    to.from = NULL;
    if (change->kind == SHAPE) {
        to.n_dims = change->cols ? 2 : 1;
        to.shape[0] = change->rows;
        to.shape[1] = change->cols;
    } else {
        to.number = change->number;
        to.ones = true;
    }
    uint64_t cols = to.shape[to.n_dims - 1], rows = to.n_dims == 2 ? to.shape[0] : 1;
    to.n_bytes = rows * (cols / to.number->block_elems) * to.number->block_bytes;
    return to;
}

static void write_tensor(struct tl_writer *writer, const struct tl_modelfile *file, const struct written *to)
{
    uint8_t *bytes = malloc(to->n_bytes);
    memset(bytes, to->ones ? 0xff : 0, to->n_bytes);
    if (to->from)
        assert_int_equal(tl_modelfile_read(file, to->from, 0, bytes, to->n_bytes), 0);
    must(tl_writer_bytes(writer, bytes, to->n_bytes));
    free(bytes);
}

/* The golden model with one change, as bad.gguf. */
static const char *make(const struct change *change)
{
    struct tl_modelfile *file;
    struct tl_writer *writer;
    struct written all[256];
    size_t n = 0;
    assert_int_equal(tl_modelfile_open(golden("model.gguf"), &file), 0);
    assert_int_equal(tl_writer_open(in_folder("bad.gguf"), TL_MODELFILE_GGUF, &writer), 0);
    for (uint64_t i = 0; i < tl_modelfile_metas(file); i++)
        copy_meta(writer, tl_modelfile_meta_at(file, i), change);
    for (uint64_t i = 0; i < tl_modelfile_tensors(file); i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(file, i);
        if (change->kind == OMIT && strcmp(tensor->name, change->name) == 0)
            continue;
        all[n] = plan_tensor(tensor, change);
        must(tl_writer_tensor(writer, tensor->name, all[n].number, all[n].n_dims, all[n].shape));
        n++;
    }
    assert_int_equal(tl_writer_begin(writer), 0);
    for (size_t i = 0; i < n; i++)
        write_tensor(writer, file, &all[i]);
    assert_int_equal(tl_writer_commit(writer), 0);
    tl_writer_close(writer);
    tl_modelfile_close(file);
    return in_folder("bad.gguf");
}

/* --- what becomes of it -------------------------------------------------------------------------------------------- */

static int answer(const char *path, const char *cpu)
{
    static const int32_t ids[] = {5, 6, 7, 8};
    struct trill_model_options options;
    struct trill_generate_options how;
    struct trill_generation generation = {0};
    struct trill_model *model = NULL;
    struct trill_session *session = NULL;
    trill_model_options_init(&options, sizeof options);
    options.threads = 1;
    options.ram_bytes = 1 << 30;         /* what a sanitizer keeps of freed memory, some 256 MiB, counts too */
    options.cpu = cpu;
    trill_generate_options_init(&how, sizeof how);
    how.max_tokens = 3;
    int status = trill_model_open(path, &options, &model);
    if (status >= 0)
        status = trill_session_open(model, &session);
    if (status >= 0)
        status = trill_session_set(session, ids, 4);
    if (status >= 0)
        status = trill_session_generate(session, &how, &generation, sizeof generation);
    trill_generation_done(&generation);
    trill_session_close(session);
    trill_model_close(model);
    return status;
}

static int n_faults;                     /* of a test: all of them are told */

static void refused(int status, const char *path, const char *what, const char *words)
{
    const char *text = trill_error();
    if (status != TRILL_BAD_FILE || !strstr(text, path) || !strstr(text, words) || strchr(text, '\n'))
        print_error("%s: status %d, \"%s\"; expected one sentence with %s and \"%s\"\n", what, status, text, path, words), n_faults++;
}

static void test_gguf(void **state)
{
    (void)state;
    static const struct change changes[] = {
        {OMIT, "token_embd.weight", .words = "token_embd.weight"}, {OMIT, "output_norm.weight", .words = "output_norm.weight"},
        {OMIT, "blk.1.attn_q.weight", .words = "blk.1.attn_q.weight"}, {OMIT, "blk.0.ffn_down.weight", .words = "blk.0.ffn_down.weight"},
        {OMIT, "blk.1.ffn_norm.weight", .words = "blk.1.ffn_norm.weight"},
        {SHAPE, "blk.0.attn_k.weight", 17, 32, .words = "blk.0.attn_k.weight has shape [17, 32], expected [16, 32]"},
        {SHAPE, "blk.0.attn_k.weight", 32, 16, .words = "expected [16, 32]"}, {SHAPE, "blk.1.ffn_up.weight", 1, 1, .words = "blk.1.ffn_up.weight"},
        {SHAPE, "blk.1.ffn_up.weight", 56 * 32, 0, .words = "blk.1.ffn_up.weight"}, {SHAPE, "blk.0.attn_norm.weight", 31, 0, .words = "blk.0.attn_norm.weight"},
        {SHAPE, "blk.0.attn_norm.weight", 1, 32, .words = "blk.0.attn_norm.weight"}, {SHAPE, "token_embd.weight", 319, 32, .words = "shape [320, 32], expected [319, 32]"},
        {SHAPE, "token_embd.weight", 320, 0, .words = "vocabulary of 0 tokens"}, {SHAPE, "output.weight", 321, 32, .words = "output.weight"}, {SHAPE, "rope_freqs.weight", 5, 0, .words = "rope_freqs.weight"},
        {U64, "llama.block_count", 0, .words = "block_count"}, {U64, "llama.block_count", 3, .words = "blk.2."},
        {U64, "llama.block_count", UINT64_C(1) << 60, .words = "block_count"}, {U64, "llama.block_count", 65535, .words = "block_count"},
        {U64, "llama.embedding_length", 0, .words = "embedding_length"}, {U64, "llama.embedding_length", 33, .words = "33"},
        {U64, "llama.embedding_length", UINT64_C(1) << 60, .words = "embedding_length"},
        {U64, "llama.attention.head_count", 0, .words = "head"}, {U64, "llama.attention.head_count", UINT64_MAX, .words = "head_count"},
        {U64, "llama.attention.head_count", 8, .words = "attn_q.weight"}, {U64, "llama.attention.head_count_kv", 3, .words = "KV heads"},
        {U64, "llama.attention.head_count_kv", 0, .words = "head_count_kv"}, {U64, "llama.attention.key_length", 7, .words = "head"},
        {U64, "llama.attention.key_length", UINT64_C(1) << 31, .words = "key_length"}, {U64, "llama.feed_forward_length", 57, .words = "ffn_"},
        {U64, "llama.feed_forward_length", UINT64_C(1) << 60, .words = "feed_forward_length"}, {U64, "llama.rope.dimension_count", 9, .words = "rope"},
        {U64, "llama.context_length", UINT64_C(1) << 60, .words = "context_length"},
        {TEXT, "llama.block_count", .text = "two", .words = "llama.block_count"}, {DROP, "llama.block_count", .words = "llama.block_count is missing"},
        {DROP, "llama.embedding_length", .words = "llama.embedding_length is missing"}, {DROP, "general.architecture", .words = "general.architecture is missing"},
        {TEXT, "general.architecture", .text = "rwkv99", .words = "architecture \"rwkv99\" is not supported (known: llama,"},
        {U64, "general.architecture", 7, .words = "general.architecture"},
        {F64, "llama.attention.layer_norm_rms_epsilon", .real = NAN, .words = "layer_norm_rms_epsilon: found nan, expected a finite number"},
        {F64, "llama.attention.layer_norm_rms_epsilon", .real = -1, .words = "epsilon"}, {F64, "llama.rope.freq_base", .real = NAN, .words = "rope.freq_base"},
        {F64, "llama.rope.freq_base", .real = INFINITY, .words = "rope.freq_base"}, {F64, "llama.rope.freq_base", .real = -5, .words = "rope"},
        {TEXT, "tokenizer.ggml.model", .text = "runes", .words = "runes"}, {TEXT, "tokenizer.ggml.pre", .text = "unheard-of", .words = "unheard-of"},
        {DROP, "tokenizer.ggml.tokens", .words = "tokenizer.ggml.tokens"}, {U64, "tokenizer.ggml.tokens", 5, .words = "tokenizer.ggml.tokens"},
        {U64, "tokenizer.ggml.eos_token_id", 1 << 20, .words = "eos_token_id"},
    };
    struct change none = {.name = ""};
    assert_int_equal(answer(make(&none), NULL), 0);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char what[200];
        snprintf(what, sizeof what, "change %zu, %s", i, changes[i].name);
        refused(answer(make(&changes[i]), NULL), in_folder("bad.gguf"), what, changes[i].words);
    }
    assert_int_equal(n_faults, 0);
}

/* Gated delta nets. */
static void test_delta(void **state)
{
    (void)state;
    static const struct change changes[] = {
        {U64, "qwen35.ssm.group_count", 0, .words = "delta nets of 0 key heads"}, {U64, "qwen35.ssm.group_count", 3, .words = "delta nets of 3 key heads"},
        {U64, "qwen35.ssm.group_count", UINT64_MAX, .words = "group_count"}, {U64, "qwen35.ssm.time_step_rank", 0, .words = "0 value heads"},
        {U64, "qwen35.ssm.time_step_rank", 5, .words = "5 value heads"}, {U64, "qwen35.ssm.time_step_rank", 1 << 12, .words = "4096 value heads"},
        {U64, "qwen35.ssm.state_size", 0, .words = "key heads of 0"}, {U64, "qwen35.ssm.state_size", 1 << 12, .words = "shape"},
        {U64, "qwen35.ssm.state_size", 1 << 20, .words = "state_size"}, {U64, "qwen35.ssm.inner_size", 33, .words = "value heads"},
        {U64, "qwen35.ssm.conv_kernel", 0, .words = "convolution"}, {U64, "qwen35.ssm.conv_kernel", 5, .words = "ssm_conv1d.weight has shape"},
        {U64, "qwen35.ssm.conv_kernel", 17, .words = "conv_kernel"}, {DROP, "qwen35.ssm.conv_kernel", .words = "convolution"},
        {U64, "qwen35.attention.recurrent_layers", 1, .words = "recurrent_layers has 1 entries"},
        {TEXT, "qwen35.attention.recurrent_layers", .text = "all", .words = "recurrent_layers has 1 entries"},
        {U64, "qwen35.full_attention_interval", UINT64_C(1) << 40, .words = "full_attention_interval"},
        {OMIT, "blk.0.ssm_a", .words = "blk.0.ssm_a is missing"}, {OMIT, "blk.0.ssm_dt.bias", .words = "blk.0.ssm_dt.bias"},
        {OMIT, "blk.0.attn_gate.weight", .words = "blk.0.attn_gate.weight"}, {SHAPE, "blk.0.ssm_a", 3, .words = "blk.0.ssm_a has shape [3]"},
        {SHAPE, "blk.0.ssm_norm.weight", 7, .words = "blk.0.ssm_norm.weight has shape [7]"},
        {SHAPE, "blk.0.ssm_conv1d.weight", 4, 5, .words = "blk.0.ssm_conv1d.weight has shape [4, 5]"},
    };
    struct change none = {.name = ""};
    base = "qwen3_5";
    if (answer(make(&none), NULL) != 0)
        fail_msg("%s", trill_error());
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char what[200];
        snprintf(what, sizeof what, "change %zu, %s", i, changes[i].name);
        refused(answer(make(&changes[i]), NULL), in_folder("bad.gguf"), what, changes[i].words);
    }
    base = "llama";
    assert_int_equal(n_faults, 0);
}

/* Bytes of 0xff are NaN in every format whose values or scales are floats. */
static void test_nan(void **state)
{
    (void)state;
    static const char *const tensors[] = {"blk.0.attn_v.weight", "blk.1.ffn_gate.weight", "output.weight", "blk.0.attn_q.weight"};
    char levels[100];
    int n_refused = 0;
    for (int id = 0; id < TL_NUMBERS; id++) {
        const struct tl_number *number = tl_number(id);
        uint8_t ones[TL_NUMBER_MAX_BLOCK * 4];
        float values[TL_NUMBER_MAX_BLOCK];
        if (32 % number->block_elems != 0 || number->gguf_type < 0)
            continue;
        memset(ones, 0xff, sizeof ones);
        tl_number_decode(number, ones, number->block_elems, values);
        if (!isnan(values[0]))
            continue;
        for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
            struct change change = {.kind = FILL, .name = tensors[i], .number = number};
            const char *path = make(&change);
            snprintf(levels, sizeof levels, "%s", trill_cpu_levels());
            for (char *rest = levels, *level; (level = strtok_r(rest, " ", &rest));) {
                char what[200];
                snprintf(what, sizeof what, "%s of NaN in %s, level %s", tensors[i], number->name, level);
                refused(answer(path, level), path, what, "NaN");
                n_refused++;
            }
        }
    }
    assert_true(n_refused > 20);
    assert_int_equal(n_faults, 0);
}

/* --- a folder ------------------------------------------------------------------------------------------------------ */

static void beside(const char *name)
{
    char *real = realpath(golden(name), NULL);
    assert_int_equal(symlink(real, in_folder(name)), 0);
    free(real);
}

static void instead(const char *name, const char *text)
{
    unlink(in_folder(name));
    make_text(in_folder(name), text);
}

/* The golden config.json with the value behind "key": replaced. */
static void write_config(const char *key, const char *value)
{
    char text[8192], quoted[100], changed[9000];
    FILE *file = fopen(golden("config.json"), "r");
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    snprintf(quoted, sizeof quoted, "\"%s\": ", key);
    char *at = strstr(text, quoted);
    assert_non_null(at);
    size_t before = (size_t)(at - text) + strlen(quoted);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)before, text, value, text + before + strcspn(text + before, ",\n"));
    instead("config.json", changed);
}

static void test_folder(void **state)
{
    (void)state;
    static const struct { const char *key, *value, *words; } rows[] = {
        {"model_type", "\"rwkv99\"", "architecture \"rwkv99\" is not supported"}, {"model_type", "null", "model_type is missing"},
        {"model_type", "[1]", "model_type"}, {"num_hidden_layers", "1152921504606846976", "num_hidden_layers"}, {"num_hidden_layers", "-1", "num_hidden_layers"},
        {"num_hidden_layers", "3", "model.layers.2."}, {"num_hidden_layers", "\"2\"", "num_hidden_layers"}, {"num_hidden_layers", "null", "num_hidden_layers is missing"},
        {"hidden_size", "1e30", "hidden_size"}, {"hidden_size", "33", "33"}, {"num_attention_heads", "0", "head"}, {"num_key_value_heads", "3", "KV heads"},
        {"rms_norm_eps", "NaN", "rms_norm_eps"}, {"rms_norm_eps", "\"tiny\"", "rms_norm_eps"}, {"rope_theta", "-Infinity", "rope_theta"},
        {"factor", "NaN", "factor"}, {"factor", "0", "rope"}, {"rope_type", "\"mobius\"", "mobius"}, {"vocab_size", "0", "vocab"},
        {"vocab_size", "4611686018427387904", "vocab"}, {"vocab_size", "321", "shape"}, {"intermediate_size", "55", "shape"},
    };
    unlink(in_folder("bad.gguf"));
    beside("model.safetensors");
    beside("tokenizer.json");
    beside("tokenizer_config.json");
    write_config("model_type", "\"llama\"");
    if (answer(folder, NULL) != 0)
        fail_msg("%s", trill_error());
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_config(rows[i].key, rows[i].value);
        refused(answer(folder, NULL), folder, rows[i].key, rows[i].words);
    }
    write_config("model_type", "\"llama\"");
    instead("tokenizer.json", "{\"model\": {\"type\": \"Runes\"}}");
    refused(answer(folder, NULL), folder, "tokenizer.json", "Runes");
    instead("tokenizer.json", "{\"model\": ");
    refused(answer(folder, NULL), folder, "tokenizer.json", "tokenizer.json");
    unlink(in_folder("tokenizer.json"));
    refused(answer(folder, NULL), folder, "no tokenizer.json", "tokenizer");
    assert_int_equal(n_faults, 0);
}

static int begin(void **state)
{
    (void)state;
    n_faults = 0;
    return 0;
}

static int remove_files(void **state)
{
    static const char *const names[] = {"bad.gguf", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "config.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(in_folder(names[i]));
    return remove_empty_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_gguf, begin), cmocka_unit_test_setup(test_delta, begin),
                                       cmocka_unit_test_setup(test_nan, begin), cmocka_unit_test_setup(test_folder, begin)};
    return cmocka_run_group_tests(tests, make_folder, remove_files);
}
