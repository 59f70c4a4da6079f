/* SPDX-License-Identifier: MIT */
/* Layers with different numbers of experts. A model from which experts were taken says, bit for bit and in every way of running,
 * what the whole one says when a bias of its router keeps all tokens from them; where the router has none, it says the same
 * in every way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/memory.h"
#include "compress/quantize.h"
#include "engine/session.h"
#include "folder.h"
#include "golden_file.h"
#include "must.h"

enum { EXPERTS = 8, LAYERS = 4, N_IDS = 40, VOCAB = 320 };

/* Files and folders, single experts and stacked ones, codes with scales; keep: of each layer; "": it has no experts. bias: of the router, in
 * layer %u; NULL: it has none. groups: to cut the experts into. counts: of experts, in config.json. */
static const struct pruned { const char *path, *keep[LAYERS], *bias; unsigned char groups; const char *counts; } cases[] = {
    {"qwen3_moe/model.gguf", {"01110101", "11000000"}, NULL, 0, NULL},
    {"gpt_oss/model.gguf", {"10000010", "00111111"}, "blk.%u.ffn_gate_inp.bias", 0, NULL},
    {"deepseek_v3/model.gguf", {"", "01101001", "11011110"}, "blk.%u.exp_probs_b.bias", 2, NULL},
    {"qwen3_5_moe", {"01110101", "11000000", "11111111", "00001111"}, NULL, 0, "\"num_experts\": [5, 2, 8, 4]"},
    {"gpt_oss-mxfp4", {"10000010", "00111111", "11110000"}, "model.layers.%u.mlp.router.bias", 0, "\"num_local_experts\": [2, 6, 4]"},
    {"glm_dsa", {"", "01101001", "01011100"}, "model.layers.%u.mlp.gate.e_score_correction_bias", 0, "\"n_routed_experts\": 4"},
    {"kimi_k2-int4", {"", "01101001"}, "model.layers.%u.mlp.gate.e_score_correction_bias", 0, "\"n_routed_experts\": 4"},
    {"ahead/glm4_moe", {"", "00111001"}, "model.layers.%u.mlp.gate.e_score_correction_bias", 0, "\"num_nextn_predict_layers\": 0"},
};

static const struct tl_engine_options ways[] = {
    {.threads = 1}, {.threads = 3, .chunk = 7}, {.threads = 2, .frames = 8, .lookahead = "on"}, {.threads = 1, .frames = 9, .io = "pread", .chunk = 1},
};

/* --- files ---------------------------------------------------------------------------------------------------------------- */

/* At places of the file of weights. */
static void patch(const char *path, uint64_t at, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

/* Where the value of a key of a GGUF is, behind its type. */
static uint64_t value_of(const char *path, const char *key)
{
    char *bytes;
    size_t n;
    must(tl_file_slurp(path, 1 << 24, &bytes, &n));
    const char *at = memmem(bytes, n, key, strlen(key));
    assert_non_null(at);
    uint64_t offset = (uint64_t)(at - bytes) + strlen(key) + 4;
    tl_free(bytes);
    return offset;
}

static bool is_folder(const struct pruned *c) { return !strstr(c->path, ".gguf"); }

static void copy(const char *from, const char *to)
{
    char command[1400];
    snprintf(command, sizeof(command), "rm -rf %s && cp -r %s %s && chmod -R u+w %s", to, from, to, to);
    assert_int_equal(system(command), 0);
}

static const char *whole_of(const struct pruned *c)
{
    const char *path = in_folder("whole");
    copy(golden_file("%s", c->path), path);
    if (c->groups) {
        patch(path, value_of(path, "deepseek2.expert_group_count"), &c->groups, 1);
        patch(path, value_of(path, "deepseek2.expert_group_used_count"), &c->groups, 1);
    }
    return path;
}

/* The same model, of whose experts no token asks for those that go. */
static const char *biased_of(const struct pruned *c, const char *whole)
{
    const char *path = in_folder("biased"), *weights = is_folder(c) ? in_folder("biased/model.safetensors") : path;
    struct tl_modelfile *file;
    copy(whole, path);
    must(tl_modelfile_open(whole, &file));
    for (unsigned layer = 0; layer < LAYERS; layer++) {
        char name[64];
        snprintf(name, sizeof(name), c->bias, layer);
        const struct tl_tensor *tensor = tl_modelfile_find(file, name);
        for (unsigned e = 0; tensor && c->keep[layer] && *c->keep[layer] && e < EXPERTS; e++)
            if (c->keep[layer][e] == '0')
                patch(weights, tensor->offset + e * sizeof(float), &(float){-1e30f}, sizeof(float));
    }
    tl_modelfile_close(file);
    return path;
}

static void check_config(const struct pruned *c)
{
    char *text;
    size_t n;
    must(tl_file_slurp(in_folder("pruned/config.json"), 1 << 20, &text, &n));
    if (!strstr(text, c->counts))
        fail_msg("%s: config.json has no %s", c->path, c->counts);
    tl_free(text);
}

static const char *pruned_of(const struct pruned *c, const char *whole)
{
    const char *path = in_folder("pruned");
    uint8_t keep[LAYERS * EXPERTS] = {0};
    struct tl_quantize_report report;
    shell("rm -rf pruned");
    for (unsigned i = 0; i < LAYERS * EXPERTS; i++)
        keep[i] = c->keep[i / EXPERTS] && *c->keep[i / EXPERTS] && c->keep[i / EXPERTS][i % EXPERTS] == '1';
    must(tl_quantize(&(struct tl_quantize_how){.input = whole, .output = path, .keep = keep, .threads = 1}, NULL, &report));
    if (is_folder(c))
        check_config(c);
    return path;
}

/* --- answers -------------------------------------------------------------------------------------------------------------- */

static int take(void *context, uint32_t position, const float *logits)
{
    memcpy((float *)context + (size_t)position * VOCAB, logits, VOCAB * sizeof(float));
    return 0;
}

static void answer(const char *path, const struct tl_engine_options *way, float *ret_logits)
{
    struct tl_engine_options options = *way;
    struct tl_engine *engine;
    struct tl_session *session;
    int32_t ids[N_IDS];
    for (int i = 0; i < N_IDS; i++)
        ids[i] = i * 37 % 300;
    options.context = 64;
    must(tl_engine_open(path, &options, &engine));
    assert_int_equal(tl_model_geometry(engine->model)->vocab, VOCAB);
    assert_int_equal(tl_model_limits(engine->model)->frames, way->frames);
    must(tl_session_open(engine, &session));
    must(tl_session_set(session, ids, N_IDS));
    must(tl_session_compute(session, take, ret_logits));
    tl_session_close(session);
    tl_engine_close(engine);
}

static void test_same(void **state)
{
    static float expected[N_IDS * VOCAB], found[N_IDS * VOCAB];
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *whole = whole_of(&cases[i]), *pruned = pruned_of(&cases[i], whole);
        answer(cases[i].bias ? biased_of(&cases[i], whole) : pruned, &ways[0], expected);
        for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
            memset(found, 0, sizeof(found));
            answer(pruned, &ways[way], found);
            if (memcmp(expected, found, sizeof(found)) != 0)
                fail_msg("%s: other bits in way %zu", cases[i].path, way);
        }
    }
}

/* Fewer experts than a token uses, more than the tensors have, more than there can be. */
static void test_refused(void **state)
{
    static const struct { uint32_t layer, count; } wrong[] = {{0, 1}, {1, 3}, {1, 1u << 20}};
    const char *path = pruned_of(&cases[0], whole_of(&cases[0]));
    uint64_t at = value_of(path, "qwen3moe.expert_count") + 4 + 8;       /* behind the type of its elements and how many there are */
    static const uint32_t right[] = {5, 2};
    struct tl_engine *engine;
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        patch(path, at + 4 * wrong[i].layer, &wrong[i].count, 4);
        assert_int_equal(tl_engine_open(path, &ways[0], &engine), TL_E_FILE);
        patch(path, at, right, sizeof(right));
    }
    must(tl_engine_open(path, &ways[0], &engine));
    tl_engine_close(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
