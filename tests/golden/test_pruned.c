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

enum { EXPERTS = 8, LAYERS = 3, N_IDS = 40, VOCAB = 320 };

/* keep: of each layer; "": it has no experts. bias: of the router, in layer %u; NULL: it has none. groups: to cut the experts into. */
static const struct pruned { const char *name, *keep[LAYERS], *bias; unsigned char groups; } cases[] = {
    {"qwen3_moe", {"01110101", "11000000"}, NULL, 0},
    {"gpt_oss", {"10000010", "00111111"}, "blk.%u.ffn_gate_inp.bias", 0},
    {"deepseek_v3", {"", "01101001", "11011110"}, "blk.%u.exp_probs_b.bias", 2},
};

static const struct tl_engine_options ways[] = {
    {.threads = 1}, {.threads = 3, .chunk = 7}, {.threads = 2, .frames = 6, .lookahead = "on"}, {.threads = 1, .frames = 9, .io = "pread", .chunk = 1},
};

/* --- files ---------------------------------------------------------------------------------------------------------------- */

struct bytes { char *data; size_t n; };

static struct bytes slurp(const char *path)
{
    struct bytes bytes = {0};
    must(tl_file_slurp(path, 1 << 24, &bytes.data, &bytes.n));
    return bytes;
}

static void spill(const char *path, struct bytes bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.n, file), bytes.n);
    assert_int_equal(fclose(file), 0);
}

/* The u32 behind a key of a GGUF and its type. */
static void set_number(struct bytes bytes, const char *key, unsigned char value)
{
    char *at = memmem(bytes.data, bytes.n, key, strlen(key));
    assert_non_null(at);
    at[strlen(key) + 4] = (char)value;
}

static const char *whole_of(const struct pruned *c)
{
    const char *path = in_folder("whole.gguf");
    struct bytes bytes = slurp(golden_file("%s/model.gguf", c->name));
    if (c->groups) {
        set_number(bytes, "deepseek2.expert_group_count", c->groups);
        set_number(bytes, "deepseek2.expert_group_used_count", c->groups);
    }
    spill(path, bytes);
    tl_free(bytes.data);
    return path;
}

/* The same model, of whose experts no token asks for those that go. */
static const char *biased_of(const struct pruned *c, const char *whole)
{
    const char *path = in_folder("biased.gguf");
    struct bytes bytes = slurp(whole);
    struct tl_modelfile *file;
    must(tl_modelfile_open(whole, &file));
    for (unsigned layer = 0; layer < LAYERS; layer++) {
        char name[64];
        snprintf(name, sizeof(name), c->bias, layer);
        const struct tl_tensor *tensor = tl_modelfile_find(file, name);
        for (unsigned e = 0; tensor && e < EXPERTS; e++)
            if (c->keep[layer][e] == '0')
                memcpy(bytes.data + tensor->offset + e * sizeof(float), &(float){-1e30f}, sizeof(float));
    }
    tl_modelfile_close(file);
    spill(path, bytes);
    tl_free(bytes.data);
    return path;
}

static const char *pruned_of(const struct pruned *c, const char *whole)
{
    const char *path = in_folder("pruned.gguf");
    uint8_t keep[LAYERS * EXPERTS] = {0};
    struct tl_quantize_report report;
    for (unsigned i = 0; i < LAYERS * EXPERTS; i++)
        keep[i] = c->keep[i / EXPERTS] && *c->keep[i / EXPERTS] && c->keep[i / EXPERTS][i % EXPERTS] == '1';
    must(tl_quantize(&(struct tl_quantize_how){.input = whole, .output = path, .keep = keep, .threads = 1}, NULL, &report));
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
                fail_msg("%s: other bits in way %zu", cases[i].name, way);
        }
    }
}

/* Counts that cannot be: too few, too many layers, more experts than the tensors have. */
static void test_refused(void **state)
{
    static const struct { uint32_t layer, count; } wrong[] = {{0, 1}, {1, 3}, {1, 1u << 20}};
    struct bytes bytes = slurp(pruned_of(&cases[0], whole_of(&cases[0])));
    static const char key[] = "qwen3moe.expert_count";
    char *at = memmem(bytes.data, bytes.n, key, strlen(key));
    const char *path = in_folder("wrong.gguf");
    struct tl_engine *engine;
    (void)state;
    assert_non_null(at);
    at += strlen(key) + 4 + 4;           /* behind the types of the array and of its elements: their number, and they */
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint32_t was;
        memcpy(&was, at + 8 + 4 * wrong[i].layer, 4);
        memcpy(at + 8 + 4 * wrong[i].layer, &wrong[i].count, 4);
        spill(path, bytes);
        assert_int_equal(tl_engine_open(path, &ways[0], &engine), TL_E_FILE);
        memcpy(at + 8 + 4 * wrong[i].layer, &was, 4);
    }
    spill(path, bytes);
    must(tl_engine_open(path, &ways[0], &engine));
    tl_engine_close(engine);
    tl_free(bytes.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
