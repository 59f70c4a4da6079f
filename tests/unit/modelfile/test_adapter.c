/* SPDX-License-Identifier: MIT */
/* Adapter files: what is written is read back in both kinds, and what goes beyond plain LoRA is refused with its name. */
#include <stdbool.h>

#include "base/error.h"
#include "modelfile/adapter.h"
#include "modelfile/writer.h"
#include "folder.h"

static float a[3 * 5], b[4 * 3];

static void write_both(enum tl_modelfile_format format, const char *path, const char *const targets[2])
{
    struct tl_adapter_matrix matrices[2];
    for (int i = 0; i < 15; i++)
        a[i] = 0.5f * (float)i;
    for (int i = 0; i < 12; i++)
        b[i] = 1.0f - (float)i;
    for (int i = 0; i < 2; i++)
        matrices[i] = (struct tl_adapter_matrix){ targets[i], 3, 4, 5, a, b };
    const struct tl_adapter_facts facts = { .architecture = "llama", .base = "some \"base\"", .rank = 3, .alpha = 6 };
    if (tl_adapter_write(path, format, &facts, matrices, 2) < 0)
        fail_msg("%s", tl_error_text());
}

static const char *const gguf_names[2] = { "blk.0.attn_q.weight", "output.weight" };
static const char *const peft_names[2] = { "model.layers.0.self_attn.q_proj.weight", "lm_head.weight" };

static void check_file(const char *path, const char *const targets[2], bool said)
{
    struct tl_adapter *adapter;
    float values[15];
    if (tl_adapter_open(path, &adapter) < 0)
        fail_msg("%s", tl_error_text());
    assert_int_equal(adapter->n_pairs, 2);
    assert_true(tl_adapter_is(adapter->file));
    assert_int_equal(adapter->architecture != NULL, said);
    for (int i = 0; i < 2; i++) {
        const struct tl_adapter_pair *pair = &adapter->pairs[strcmp(adapter->pairs[0].target, targets[i]) == 0 ? 0 : 1];
        assert_string_equal(pair->target, targets[i]);
        assert_int_equal(pair->rank, 3);
        assert_true(pair->scale == 2.0f);
        assert_int_equal(tl_modelfile_read(adapter->file, pair->a, 0, values, sizeof a), 0);
        assert_memory_equal(values, a, sizeof a);
        assert_int_equal(tl_modelfile_read(adapter->file, pair->b, 0, values, sizeof b), 0);
        assert_memory_equal(values, b, sizeof b);
    }
    tl_adapter_close(adapter);
}

static void test_round_trip(void **state)
{
    (void)state;
    write_both(TL_MODELFILE_GGUF, in_folder("a.gguf"), gguf_names);
    check_file(in_folder("a.gguf"), gguf_names, true);
    write_both(TL_MODELFILE_SAFETENSORS, in_folder("peft"), peft_names);
    check_file(in_folder("peft"), peft_names, false);
    check_file(in_folder("peft/adapter_model.safetensors"), peft_names, false);
}

static void refuse(const char *path, const char *part)
{
    struct tl_adapter *adapter;
    assert_true(tl_adapter_open(path, &adapter) < 0);
    if (!strstr(tl_error_text(), part))
        fail_msg("\"%s\" does not say \"%s\"", tl_error_text(), part);
}

/* A configuration that is good but for `more`; scale: what the pairs then have, 0: it is refused with `part`. */
static void test_configurations(void **state)
{
    static const struct { const char *more, *part; float scale; } rows[] = {
        { "\"r\": 3, \"lora_alpha\": 12", "", 4 },
        { "\"r\": 3, \"lora_alpha\": 3, \"use_rslora\": true", "", 1.7320508f },
        { "\"r\": 9, \"lora_alpha\": 3, \"rank_pattern\": {\"q_proj\": 3, \"lm_head\": 3}", "", 1 },
        { "\"r\": 3, \"lora_alpha\": 3, \"alpha_pattern\": {\"proj\": 7, \"layers.1.self_attn.q_proj\": 7}", "", 1 },
        { "\"r\": 3, \"lora_alpha\": 3, \"alpha_pattern\": {\"q_proj\": 6, \"^lm_head\": 6, \"lm_head\": 5}", "", 2 },
        { "\"r\": 3, \"lora_alpha\": 3, \"alpha_pattern\": {\".*q_proj\": 6}", "expected the name of a module", 0 },
        { "\"r\": 3, \"lora_alpha\": 3, \"alpha_pattern\": {\"q_proj\": \"x\"}", "alpha_pattern", 0 },
        { "\"r\": 3, \"lora_alpha\": 3, \"modules_to_save\": null, \"trainable_token_indices\": []", "", 1 },
        { "\"r\": 4, \"lora_alpha\": 3", "has a rank of 3, expected that of adapter_config.json, 4", 0 },
        { "\"r\": 3", "adapter_config.lora_alpha: found none", 0 },
        { "\"lora_alpha\": 3", "adapter_config.r: found none", 0 },
        { "\"r\": 3, \"lora_alpha\": 1e40", "not finite", 0 },
        { "\"r\": 3, \"lora_alpha\": 3, \"use_dora\": true", "uses \"use_dora\"", 0 },
        { "\"r\": 3, \"lora_alpha\": 3, \"bias\": \"all\"", "expected \"none\"", 0 },
        { "\"r\": 3, \"lora_alpha\": 3, \"modules_to_save\": [\"lm_head\"]", "uses \"modules_to_save\"", 0 },
        { "\"r\": 3, \"lora_alpha\": 3, \"trainable_token_indices\": {\"embed_tokens\": [1]}", "uses \"trainable_token_indices\"", 0 },
        { "\"r\": 3, \"lora_alpha\": 3, \"init_lora_weights\": \"pissa_niter_4\"", "changes its base", 0 },
        { "\"r\": 3, \"lora_alpha\": 3, \"init_lora_weights\": true", "", 1 },
        { "\"r\": 3, \"lora_alpha\": 3, \"peft_type\": \"IA3\"", "peft_type", 0 },
    };
    (void)state;
    write_both(TL_MODELFILE_SAFETENSORS, in_folder("peft"), peft_names);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[400];
        bool typed = strstr(rows[i].more, "peft_type") != NULL;
        snprintf(text, sizeof text, "{%s%s}", typed ? "" : "\"peft_type\": \"LORA\", ", rows[i].more);
        make_text(in_folder("peft/adapter_config.json"), text);
        if (rows[i].scale == 0) {
            refuse(in_folder("peft"), rows[i].part);
            continue;
        }
        struct tl_adapter *adapter;
        if (tl_adapter_open(in_folder("peft"), &adapter) < 0)
            fail_msg("%s: %s", text, tl_error_text());
        for (uint32_t k = 0; k < 2; k++)
            if (adapter->pairs[k].scale != rows[i].scale)
                fail_msg("%s: a scale of %g", text, (double)adapter->pairs[k].scale);
        tl_adapter_close(adapter);
    }
    assert_int_equal(unlink(in_folder("peft/adapter_config.json")), 0);
    refuse(in_folder("peft/adapter_model.safetensors"), "adapter_config.json");
}

/* One tensor or two with these names and shapes in a GGUF that is otherwise an adapter. */
static void test_tensors(void **state)
{
    static const struct { const char *names[2]; uint64_t shapes[2][3]; uint32_t n_dims; enum tl_number_id number; const char *part; } rows[] = {
        { { "q.lora_a", "q.lora_b" }, { { 3, 5 }, { 4, 3 } }, 2, TL_NUMBER_F16, NULL },
        { { "q.lora_a", "q.lora_b" }, { { 3, 32 }, { 4, 3 } }, 2, TL_NUMBER_F32, NULL },
        { { "q.lora_a", "q.lora_b" }, { { 3, 5 }, { 4, 2 } }, 2, TL_NUMBER_F32, "expected one rank" },
        { { "q.lora_a", "q.lora_b" }, { { 5, 3 }, { 3, 4 } }, 2, TL_NUMBER_F32, "expected one rank" },
        { { "q.lora_a", "r.lora_b" }, { { 3, 5 }, { 4, 3 } }, 2, TL_NUMBER_F32, "found no q.lora_b beside it" },
        { { "r.lora_b", NULL }, { { 3, 5 } }, 2, TL_NUMBER_F32, "found no r.lora_a beside it" },
        { { "q.lora_a", "q.lora_b" }, { { 2, 3, 5 }, { 2, 4, 3 } }, 3, TL_NUMBER_F32, "experts of a layer together" },
        { { "q.lora_a", "q.lora_b" }, { { 3 }, { 3 } }, 1, TL_NUMBER_F32, "has 1 dimensions" },
        { { "attn_norm.weight", NULL }, { { 5 } }, 1, TL_NUMBER_F32, "no matrix A or B" },
        { { ".lora_a", ".lora_b" }, { { 3, 5 }, { 4, 3 } }, 2, TL_NUMBER_F32, "no matrix A or B" },
        { { NULL, NULL }, { { 0 } }, 0, TL_NUMBER_F32, "found no pair" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static const uint8_t zeros[4096];
        struct tl_writer *writer;
        const char *path = in_folder("t.gguf");
        assert_int_equal(tl_writer_open(path, TL_MODELFILE_GGUF, &writer), 0);
        assert_int_equal(tl_writer_string(writer, "general.type", "adapter", 7), 0);
        assert_int_equal(tl_writer_string(writer, "adapter.type", "lora", 4), 0);
        for (int k = 0; k < 2 && rows[i].names[k]; k++)
            assert_int_equal(tl_writer_tensor(writer, rows[i].names[k], tl_number(rows[i].number), rows[i].n_dims, rows[i].shapes[k]), 0);
        assert_int_equal(tl_writer_begin(writer), 0);
        for (int k = 0; k < 2 && rows[i].names[k]; k++) {
            uint64_t n = 1, n_bytes;
            for (uint32_t d = 0; d < rows[i].n_dims; d++)
                n *= rows[i].shapes[k][d];
            assert_true(tl_number_bytes(tl_number(rows[i].number), n, &n_bytes));
            assert_int_equal(tl_writer_bytes(writer, zeros, n_bytes), 0);
        }
        assert_int_equal(tl_writer_commit(writer), 0);
        tl_writer_close(writer);
        struct tl_adapter *adapter;
        if (rows[i].part) {
            refuse(path, rows[i].part);
        } else {
            assert_int_equal(tl_adapter_open(path, &adapter), 0);
            assert_true(adapter->pairs[0].scale == 1.0f);                /* no alpha: as it is */
            tl_adapter_close(adapter);
        }
    }
}

static void test_kinds(void **state)
{
    static const struct { const char *key, *value, *part; } rows[] = {
        { "general.type", "model", "general.type: found \"model\"" }, { "adapter.type", "ia3", "adapter.type: found \"ia3\"" },
        { "general.name", "x", "general.type: found none" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tl_writer *writer;
        assert_int_equal(tl_writer_open(in_folder("k.gguf"), TL_MODELFILE_GGUF, &writer), 0);
        if (i == 1)
            assert_int_equal(tl_writer_string(writer, "general.type", "adapter", 7), 0);
        assert_int_equal(tl_writer_string(writer, rows[i].key, rows[i].value, strlen(rows[i].value)), 0);
        assert_int_equal(tl_writer_begin(writer), 0);
        assert_int_equal(tl_writer_commit(writer), 0);
        tl_writer_close(writer);
        refuse(in_folder("k.gguf"), rows[i].part);
    }
    refuse(in_folder("nothing"), "nothing");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_round_trip), cmocka_unit_test(test_configurations),
                                        cmocka_unit_test(test_tensors), cmocka_unit_test(test_kinds) };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
