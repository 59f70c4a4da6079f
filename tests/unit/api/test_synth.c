/* SPDX-License-Identifier: MIT */
/* Synthetic models: of every known geometry, shrunk, in both kinds of file, one loads, answers with sane logits, and with the
 * same bits whatever the threads, chunks and what is streamed; routing is as even as asked; shared experts are what a file
 * with copies of them is; what cannot be done is said. TRILL_FAST: of each geometry one kind of file is computed with, in two
 * of the ways. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/job.h"
#include "base/array.h"
#include "base/error.h"
#include "base/hash.h"
#include "engine/session.h"
#include "model/arch.h"
#include "modelfile/writer.h"
#include "plan/outline.h"
#include "store/trace.h"
#include "folder.h"
#include "run_job.h"

enum { TOKENS = 24, MANY = 600 };

static int synth(const char *format, ...)
{
    char options[1024];
    va_list args;
    char report[2] = "";
    va_start(args, format);
    vsnprintf(options, sizeof options, format, args);
    va_end(args);
    int status = run_job("synth", options, report, sizeof report);
    assert_int_equal(report[0], status < 0 ? 0 : '{');
    return status;
}

static void must(int status, const char *what)
{
    if (status < 0)
        fail_msg("%s: %s", what, trill_error());
}

/* --- logits ------------------------------------------------------------------------------------------------------- */

struct how { uint32_t threads, chunk, frames; const char *cpu; bool trunk; };

struct seen { struct tl_sha256 hash; double sum, squares; uint64_t n; uint32_t vocab; bool finite; };

static int see_row(void *context, uint32_t index, const float *logits)
{
    struct seen *seen = context;
    (void)index;
    tl_sha256_add(&seen->hash, logits, seen->vocab * sizeof(*logits));
    for (uint32_t i = 0; i < seen->vocab; i++) {
        seen->finite = seen->finite && isfinite(logits[i]);
        seen->sum += (double)logits[i];
        seen->squares += (double)logits[i] * (double)logits[i];
    }
    seen->n += seen->vocab;
    return 0;
}

static double logits_of(const char *path, const struct how *how, uint8_t ret_hash[32])
{
    static int32_t ids[TOKENS];
    struct tl_engine *engine;
    struct tl_session *session;
    struct tl_engine_options options = {.threads = how->threads, .chunk = how->chunk, .frames = how->frames, .cpu = how->cpu, .context = 64,
                                        .trunk_bytes = how->trunk};
    must(tl_engine_open(path, &options, &engine), path);
    struct seen seen = {.vocab = tl_model_geometry(engine->model)->vocab, .finite = true};
    tl_sha256_init(&seen.hash);
    for (int i = 0; i < TOKENS; i++)
        ids[i] = (i * 37 + 11) % 256;
    must(tl_session_open(engine, &session), path);
    must(tl_session_set(session, ids, TOKENS), path);
    must(tl_session_compute(session, see_row, &seen), path);
    tl_session_close(session);
    tl_engine_close(engine);
    tl_sha256_end(&seen.hash, ret_hash);
    assert_true(seen.finite);
    double mean = seen.sum / (double)seen.n;
    return sqrt(seen.squares / (double)seen.n - mean * mean);
}

/* Those that are planned only are refused with one sentence. */
static bool planned(const char *name)
{
    struct tl_outline *outline;
    must(tl_outline_open(name, &(struct tl_outline_sizes){0}, &outline), name);
    bool is = outline->geometry.arch->planned;
    tl_outline_close(outline);
    return is;
}

static void every_geometry(void **state)
{
    static const struct how hows[] = {{1, 512, 0, NULL, false}, {2, 7, 0, NULL, false}, {2, 512, 8, NULL, false}, {2, 5, 8, "ref", true}};
    const bool fast = getenv("TRILL_FAST") != NULL;
    (void)state;
    for (size_t i = 0; i < 2 * tl_known_count; i++) {
        char path[200];
        uint8_t first[32], other[32];
        const char *name = tl_known[i / 2].name;
        snprintf(path, sizeof path, "%s/%s%s", folder, name, i % 2 ? "" : ".gguf");
        if (planned(name)) {
            assert_true(synth("{\"geometry\":\"%s\",\"output\":\"%s\",\"tiny\":true}", name, path) < 0);
            assert_non_null(strstr(tl_error_text(), "but does not run them yet"));
            continue;
        }
        must(synth("{\"geometry\":\"%s\",\"output\":\"%s\",\"tiny\":true}", name, path), name);
        if (fast && i % 2 != i / 2 % 2)
            continue;
        double deviation = logits_of(path, &hows[0], first);
        print_message("%s: logits deviate by %.2f\n", path + sizeof folder, deviation);
        assert_true(deviation > 0.7 && deviation < 5);
        for (size_t k = 1; k < TL_COUNT(hows); k++) {
            if (fast && k != 1 + i / 2 % 3)
                continue;
            logits_of(path, &hows[k], other);
            assert_memory_equal(first, other, sizeof first);
        }
    }
}

/* Every format that a kind of file holds. */
static void every_format(void **state)
{
    static const struct how how = {2, 512, 0, NULL, false};
    (void)state;
    for (int i = 0; i < 2 * TL_NUMBERS; i++) {
        const struct tl_number *number = tl_number((enum tl_number_id)(i / 2));
        char path[200];
        uint8_t hash[32];
        bool gguf = i % 2 == 0, held = gguf ? number->gguf_type >= 0 : number->safetensors || number->apart;
        snprintf(path, sizeof path, "%s/number-%s%s", folder, number->name, gguf ? ".gguf" : "");
        int status = synth("{\"geometry\":\"qwen3-30b-a3b\",\"output\":\"%s\",\"tiny\":true,\"to\":\"%s\",\"embed\":\"bf16\"}", path, number->name);
        assert_int_equal(status, held ? 0 : TL_E_USAGE);
        if (!held)
            continue;
        double deviation = logits_of(path, &how, hash);
        print_message("%s: logits deviate by %.2f\n", path + sizeof folder, deviation);
        assert_true(deviation > 1.2 && deviation < 3);
    }
}

/* --- weights ------------------------------------------------------------------------------------------------------ */

/* The file does not depend on threads; another seed gives another one. */
static void same_bytes(void **state)
{
    char command[600];
    (void)state;
    for (int i = 0; i < 4; i++)
        must(synth("{\"geometry\":\"qwen3.5-35b-a3b\",\"output\":\"%s/same-%d.gguf\",\"tiny\":true,\"to\":\"%s\",\"threads\":%d,\"seed\":%d}", folder, i,
                   "q4_k", i + 1, i == 3), "same");
    snprintf(command, sizeof command, "cmp -s %s/same-0.gguf %s/same-1.gguf && cmp -s %s/same-0.gguf %s/same-2.gguf", folder, folder, folder, folder);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "cmp -s %s/same-0.gguf %s/same-3.gguf", folder, folder);
    assert_int_not_equal(system(command), 0);
}

/* The values of a matrix have mean 0 and the deviation that its role asks for. */
static void right_statistics(void **state)
{
    (void)state;
    for (int i = 0; i < TL_NUMBERS; i++) {
        const struct tl_number *number = tl_number((enum tl_number_id)i);
        char path[200];
        struct tl_modelfile *file;
        snprintf(path, sizeof path, "%s/number-%s.gguf", folder, number->name);
        if (number->gguf_type < 0 || tl_modelfile_open(path, &file) < 0)
            continue;
        const struct tl_tensor *tensor = tl_modelfile_find(file, "blk.1.ffn_up_exps.weight");
        uint8_t *bytes = malloc(tensor->n_bytes);
        float *values = malloc(tensor->n_elems * sizeof(*values));
        double sum = 0, squares = 0, n = (double)tensor->n_elems, size = sqrt((double)tensor->shape[2]);
        assert_int_equal(tl_modelfile_read(file, tensor, 0, bytes, tensor->n_bytes), 0);
        tl_number_decode(tensor->number, bytes, tensor->n_elems, values);
        for (uint64_t k = 0; k < tensor->n_elems; k++) {
            sum += (double)values[k];
            squares += (double)values[k] * (double)values[k];
        }
        print_message("%s: mean %.4f, deviation %.4f of what is asked for\n", number->name, sum / n * size, sqrt(squares / n) * size);
        assert_true(fabs(sum / n * size) < 0.01 && fabs(sqrt(squares / n) * size - 1) < 0.03);
        free(values);
        free(bytes);
        tl_modelfile_close(file);
    }
}

/* --- routing ------------------------------------------------------------------------------------------------------ */

static int no_row(void *context, uint32_t index, const float *logits)
{
    (void)context;
    (void)index;
    (void)logits;
    return 0;
}

static int descending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The share of choices that the busiest quarter of each layer's experts takes, token by token. */
static double busiest_quarter(const char *path, uint32_t n_experts)
{
    static int32_t ids[MANY];
    static uint32_t counts[4096];
    char trace_path[240];
    struct tl_engine *engine;
    struct tl_session *session;
    struct tl_trace *trace;
    struct tl_accesses accesses;
    struct tl_engine_options options = {.threads = 2, .chunk = 1, .context = MANY + 8};
    uint64_t busiest = 0;
    memset(counts, 0, sizeof counts);
    must(tl_engine_open(path, &options, &engine), path);
    snprintf(trace_path, sizeof trace_path, "%s.trace", path);
    must(tl_trace_new(tl_model_store(engine->model), trace_path, &trace), path);
    tl_store_record(tl_model_store(engine->model), trace);
    for (int i = 0; i < MANY; i++)
        ids[i] = (i * 101 + i / 7) % 500;
    must(tl_session_open(engine, &session), path);
    must(tl_session_set(session, ids, MANY), path);
    must(tl_session_compute(session, no_row, NULL), path);
    tl_store_record(tl_model_store(engine->model), NULL);
    must(tl_trace_close(trace), path);
    tl_session_close(session);
    tl_engine_close(engine);
    must(tl_trace_read(trace_path, &accesses), path);
    assert_true(accesses.n_keys <= 4096 && accesses.n_accesses >= MANY);
    for (uint64_t i = 0; i < accesses.n_accesses; i++)
        counts[accesses.keys[i]]++;
    for (uint32_t layer = 0; layer < accesses.n_keys / n_experts; layer++) {
        qsort(counts + layer * n_experts, n_experts, sizeof(*counts), descending);
        for (uint32_t i = 0; i < n_experts / 4; i++)
            busiest += counts[layer * n_experts + i];
    }
    double share = (double)busiest / (double)accesses.n_accesses;
    tl_accesses_done(&accesses);
    return share;
}

static void routing(void **state)
{
    static const struct { const char *name; double skew, least, most; } cases[] = {
        {"qwen3-30b-a3b", 0.25, 0.25, 0.40}, {"qwen3-30b-a3b", 0.5, 0.42, 0.62},  {"gpt-oss-120b", 0.25, 0.25, 0.40},
        {"gpt-oss-120b", 0.5, 0.42, 0.62},   {"deepseek-v3", 0.25, 0.25, 0.40}, {"qwen3.5-35b-a3b", 0.25, 0.25, 0.40},
        {"qwen3.5-35b-a3b", 0.7, 0.6, 0.8},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[200];
        snprintf(path, sizeof path, "%s/routing-%zu.gguf", folder, i);
        must(synth("{\"geometry\":\"%s\",\"output\":\"%s\",\"tiny\":true,\"to\":\"q8_0\",\"skew\":%g}", cases[i].name, path, cases[i].skew), path);
        double share = busiest_quarter(path, 16);
        print_message("%s, asked for %.2f: a quarter of the experts takes %.2f of the choices\n", cases[i].name, cases[i].skew, share);
        assert_true(share > cases[i].least && share < cases[i].most);
    }
}

/* --- shared experts ----------------------------------------------------------------------------------------------- */

static bool routed(const char *name) { return strstr(name, "_exps.weight") != NULL; }

static int copy_tensor(struct tl_writer *writer, const struct tl_modelfile *file, const struct tl_tensor *tensor, uint32_t times)
{
    uint8_t *bytes = malloc(tensor->n_bytes);
    int status = tl_modelfile_read(file, tensor, 0, bytes, tensor->n_bytes);
    for (uint32_t i = 0; i < times && status >= 0; i++)
        status = tl_writer_bytes(writer, bytes, tensor->n_bytes);
    free(bytes);
    return status;
}

/* The same model with its stored experts written again and again. */
static void repeat_experts(const char *from, const char *to, const char *stored_key, uint32_t times)
{
    struct tl_modelfile *file;
    struct tl_writer *writer;
    must(tl_modelfile_open(from, &file), from);
    must(tl_writer_open(to, TL_MODELFILE_GGUF, &writer), to);
    for (uint64_t i = 0; i < tl_modelfile_metas(file); i++)
        if (strcmp(tl_modelfile_meta_at(file, i)->key, stored_key) != 0)
            must(tl_writer_meta(writer, tl_modelfile_meta_at(file, i)), to);
    for (uint64_t i = 0; i < tl_modelfile_tensors(file); i++) {
        struct tl_tensor tensor = *tl_modelfile_tensor(file, i);
        tensor.shape[0] *= routed(tensor.name) ? times : 1;
        must(tl_writer_tensor(writer, tensor.name, tensor.number, tensor.n_dims, tensor.shape), tensor.name);
    }
    must(tl_writer_begin(writer), to);
    for (uint64_t i = 0; i < tl_modelfile_tensors(file); i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(file, i);
        must(copy_tensor(writer, file, tensor, routed(tensor->name) ? times : 1), to);
    }
    must(tl_writer_commit(writer), to);
    tl_writer_close(writer);
    tl_modelfile_close(file);
}

static void shared_experts(void **state)
{
    static const struct { const char *name, *to, *key; } cases[] = {
        {"qwen3-30b-a3b", "q4_0", "qwen3moe.expert_stored_count"}, {"gpt-oss-120b", "mxfp4", "gpt-oss.expert_stored_count"},
        {"ten-trillion", "mxfp4", "deepseek2.expert_stored_count"},
    };
    static const struct how hows[] = {{2, 512, 0, NULL, false}, {2, 7, 8, NULL, false}, {1, 3, 0, "ref", false}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char shared[200], whole[200];
        uint8_t expected[32], found[32];
        snprintf(shared, sizeof shared, "%s/shared-%zu.gguf", folder, i);
        snprintf(whole, sizeof whole, "%s/whole-%zu.gguf", folder, i);
        must(synth("{\"geometry\":\"%s\",\"output\":\"%s\",\"tiny\":true,\"to\":\"%s\",\"share\":4}", cases[i].name, shared, cases[i].to), shared);
        repeat_experts(shared, whole, cases[i].key, 4);
        logits_of(whole, &hows[0], expected);
        for (size_t k = 0; k < sizeof(hows) / sizeof(hows[0]); k++) {
            logits_of(shared, &hows[k], found);
            assert_memory_equal(expected, found, sizeof expected);
        }
    }
}

/* Of vendors' files, where each expert is a tensor or codes and scales are apart: as the whole one, streamed or not. */
static void shared_folders(void **state)
{
    static const char *const names[] = {"kimi-k2", "deepseek-v3", "gpt-oss-120b", "qwen3.8-2.4t-a95b"};
    static const struct how hows[] = {{2, 512, 0, NULL, false}, {2, 7, 8, NULL, true}};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[200];
        uint8_t first[32], other[32];
        struct tl_modelfile *file;
        snprintf(path, sizeof path, "%s/shared-%s", folder, names[i]);
        must(synth("{\"geometry\":\"%s\",\"output\":\"%s\",\"tiny\":true,\"share\":3}", names[i], path), path);
        must(tl_modelfile_open(path, &file), path);
        assert_null(tl_modelfile_find(file, "model.layers.1.mlp.experts.3.up_proj.weight"));
        assert_null(tl_modelfile_find(file, "model.layers.1.mlp.experts.3.up_proj.weight_packed"));
        tl_modelfile_close(file);
        logits_of(path, &hows[0], first);
        logits_of(path, &hows[1], other);
        assert_memory_equal(first, other, sizeof first);
    }
}

/* --- the same geometry in both kinds of file ----------------------------------------------------------------------- */

static void same_geometry(void **state)
{
    (void)state;
    for (size_t i = 0; i < tl_known_count; i++) {
        static struct tl_geometry a, b;
        char path[200];
        struct tl_modelfile *file;
        for (int k = 0; k < 2 && !planned(tl_known[i].name); k++) {
            snprintf(path, sizeof path, "%s/%s%s", folder, tl_known[i].name, k ? "" : ".gguf");
            must(tl_modelfile_open(path, &file), path);
            must(tl_geometry_read(file, k ? &b : &a), path);
            tl_modelfile_close(file);
        }
        assert_ptr_equal(a.arch, b.arch);
        assert_true(a.n_layers == b.n_layers && a.width == b.width && a.ff == b.ff && a.n_heads == b.n_heads && a.n_kv_heads == b.n_kv_heads);
        assert_true(a.head_dim == b.head_dim && a.v_dim == b.v_dim && a.n_rot == b.n_rot && a.context == b.context && a.vocab == b.vocab);
        assert_true(a.n_experts == b.n_experts && a.n_used == b.n_used && a.ff_expert == b.ff_expert && a.ff_shared == b.ff_shared);
        assert_true(a.n_dense == b.n_dense && a.n_groups == b.n_groups && a.n_groups_used == b.n_groups_used && a.q_rank == b.q_rank);
        assert_true(a.kv_rank == b.kv_rank && a.nope == b.nope && a.v_head == b.v_head && a.router == b.router && a.route_norm == b.route_norm);
        assert_true(a.delta_k_heads == b.delta_k_heads && a.delta_v_heads == b.delta_v_heads && a.delta_k_dim == b.delta_k_dim);
        assert_true(a.delta_v_dim == b.delta_v_dim && a.conv_taps == b.conv_taps && a.tied == b.tied && a.head_norms == b.head_norms);
        assert_true(a.epsilon == b.epsilon && a.attention_scale == b.attention_scale && a.route_scale == b.route_scale && a.unit == b.unit);
        assert_memory_equal(a.layer_window, b.layer_window, sizeof a.layer_window);
        assert_memory_equal(a.layer_recurrent, b.layer_recurrent, sizeof a.layer_recurrent);
        for (uint32_t r = 0; r < TL_ROPES; r++)
            for (uint32_t k = 0; k < a.n_rot / 2 && !strstr(tl_known[i].name, "llama-3.1"); k++)
                assert_true(a.rope[r].inv_freq[k] == b.rope[r].inv_freq[k] && a.rope[r].scale == b.rope[r].scale);
    }
}

/* --- what cannot be done ------------------------------------------------------------------------------------------- */

static void refused(void **state)
{
    static const struct { const char *options; int status; const char *sentence; } cases[] = {
        {"{\"output\":\"%s/x.gguf\"}", TL_E_USAGE, "GEOMETRY is missing"},
        {"{\"geometry\":\"qwen3-30b\"}", TL_E_USAGE, "no output"},
        {"{\"geometry\":\"qwen3-30b-a3c\",\"output\":\"%s/x.gguf\"}", TL_E_USAGE, "is qwen3-30b-a3b meant?"},
        {"{\"geometry\":\"qwen3-30b-a3b\",\"output\":\"%s/x.gguf\",\"to\":\"q4_7\"}", TL_E_USAGE, "q4_7"},
        {"{\"geometry\":\"qwen3-30b-a3b\",\"output\":\"%s/x.gguf\",\"to\":\"fp8_b128\"}", TL_E_USAGE, "fp8_b128 cannot be stored in GGUF"},
        {"{\"geometry\":\"qwen3-30b-a3b\",\"output\":\"%s/x\",\"to\":\"q4_0\"}", TL_E_USAGE, "q4_0 cannot be stored in safetensors"},
        {"{\"geometry\":\"qwen3-30b-a3b\",\"output\":\"%s/x.gguf\",\"tiny\":true,\"share\":17}", TL_E_USAGE, "17 experts cannot stand for the 16"},
        {"{\"geometry\":\"qwen3-0.6b\",\"output\":\"%s/x.gguf\",\"tiny\":true,\"share\":2}", TL_E_USAGE, "2 experts cannot stand for the 0"},
        {"{\"geometry\":\"qwen3-30b-a3b\",\"output\":\"%s/x.gguf\",\"tiny\":true,\"skew\":1}", TL_E_USAGE, "cannot take 1"},
        {"{\"geometry\":\"ten-trillion\",\"output\":\"%s/x.gguf\",\"to\":\"f32\"}", TL_E_IO, "are free"},
        {"{\"geometry\":\"qwen3-0.6b\",\"output\":\"%s/no/x.gguf\",\"tiny\":true}", TL_E_IO, "cannot be created"},
        {"{\"geometry\":\"qwen3-0.6b\",\"output\":\"%s\",\"tiny\":true,\"format\":\"gguf\"}", TL_E_USAGE, "is a folder"},
        {"{\"geometry\":\"%s/no.json\",\"output\":\"x.gguf\"}", TL_E_IO, "no.json"},
    };
    char options[600], path[200];
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(options, sizeof options, cases[i].options, folder);
        int status = synth("%s", options);
        if (status != cases[i].status || !strstr(trill_error(), cases[i].sentence))
            fail_msg("%s: %d, %s", options, status, trill_error());
    }
    snprintf(path, sizeof path, "%s/x.gguf", folder);
    assert_int_not_equal(access(path, F_OK), 0);
    must(synth("{\"geometry\":\"qwen3-0.6b\",\"output\":\"%s\",\"tiny\":true}", path), path);
    assert_int_equal(synth("{\"geometry\":\"qwen3-0.6b\",\"output\":\"%s\",\"tiny\":true}", path), TL_E_USAGE);
    assert_non_null(strstr(trill_error(), "--force"));
    must(synth("{\"geometry\":\"qwen3-0.6b\",\"output\":\"%s\",\"tiny\":true,\"force\":true}", path), path);
}

static void cancel_now(void *context, const struct trill_progress *progress)
{
    (void)progress;
    trill_job_cancel(*(struct trill_job **)context);
}

/* Nothing is left of what was not finished. */
static void cancelled(void **state)
{
    char options[300], command[300];
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct trill_job *job;
        snprintf(options, sizeof options, "{\"geometry\":\"qwen3-30b-a3b\",\"tiny\":true,\"output\":\"%s/cancelled%s\"}", folder, i ? "" : ".gguf");
        must(trill_job_new("synth", NULL, options, &job), options);
        assert_int_equal(trill_job_run(job, cancel_now, &job), TL_E_CANCEL);
        trill_job_close(job);
    }
    snprintf(command, sizeof command, "ls %s | grep -q cancelled", folder);
    assert_int_not_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_geometry), cmocka_unit_test(same_geometry), cmocka_unit_test(every_format), cmocka_unit_test(right_statistics),
        cmocka_unit_test(same_bytes), cmocka_unit_test(routing), cmocka_unit_test(shared_experts), cmocka_unit_test(shared_folders),
        cmocka_unit_test(refused), cmocka_unit_test(cancelled),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
