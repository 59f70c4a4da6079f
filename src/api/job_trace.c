/* SPDX-License-Identifier: MIT */
/* The job "trace": records which experts a run asks for (with a model and "record"), and replays such a file against every
 * policy and the clairvoyant bound, for caches of several sizes. */
#include <inttypes.h>
#include <string.h>

#include "api/job.h"
#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parse.h"
#include "engine/trace.h"
#include "store/shelf.h"
#include "store/trace.h"

struct options {
    const char *record, *replay, *ids, *frames;
    uint64_t tokens, seed;
    double temperature;
    bool decode;
};

#define ROW(...) TL_OPTION_ROW(struct options, __VA_ARGS__)
static const struct tl_option rows[] = {
    ROW(record, FILE, "record", "FILE", .help = "where the accesses of a run go"),
    ROW(replay, FILE, "replay", "FILE", .help = "accesses recorded before"),
    ROW(ids, TEXT, "ids", "N ...", .help = "tokens of the run"),
    ROW(decode, FLAG, "decode", NULL, .help = "the tokens one by one, not as a prompt"),
    ROW(tokens, U64, "tokens", "N", .fallback = "64", .max = 1 << 24, .help = "tokens generated behind them"),
    ROW(temperature, F64, "temperature", "T", .fallback = "1", .max = 100),
    ROW(seed, U64, "seed", "S", .fallback = "0"),
    ROW(frames, TEXT, "frames", "N,...", .help = "sizes of caches, in experts or as percentages"),
};

enum { MOST_SIZES = 64 };
static const char usual_sizes[] = "1%,2%,5%,10%,15%,20%,30%,40%,50%,60%,75%,90%";

/* --- recording --- */

static int parse_ids(const char *text, int32_t **ret_ids, size_t *ret_count)
{
    int32_t *ids = tl_alloc(strlen(text) / 2 + 1, sizeof(*ids));
    static const char gaps[] = " \t\r\n,[]";
    size_t n = 0;
    if (!ids)
        return TL_E_NOMEM;
    for (const char *at = text + strspn(text, gaps); *at; n++) {
        size_t length = strcspn(at, gaps);
        uint64_t id;
        if (!tl_parse_u64(at, length, &id) || id > INT32_MAX) {
            tl_free(ids);
            return tl_fail(TL_E_USAGE, "ids: found \"%.20s\", expected numbers of tokens", at);
        }
        ids[n] = (int32_t)id;
        at += length + strspn(at + length, gaps);
    }
    *ret_ids = ids;
    *ret_count = n;
    return 0;
}

static int record(struct tl_job_run *run, const struct options *o)
{
    struct tl_trace_run trace = {.one_by_one = o->decode, .n_new = (uint32_t)o->tokens};
    int32_t *ids = NULL;
    if (!run->engine || !run->engine->model)
        return tl_fail(TL_E_USAGE, "recording needs a model with its weights");
    int status = parse_ids(o->ids ? o->ids : "", &ids, &trace.n_ids);
    trace.ids = ids;
    tl_sampling_default(&trace.sampling);
    trace.sampling.temperature = (float)o->temperature;
    trace.sampling.seed = o->seed;
    if (status >= 0)
        status = tl_engine_trace(run->engine, &trace, o->record, &run->progress);
    tl_free(ids);
    return status;
}

/* --- replaying --- */

struct sizes { uint32_t frames[MOST_SIZES]; size_t count; };

/* Numbers of experts, or percentages of them all. */
static int parse_sizes(const char *text, uint32_t n_keys, struct sizes *ret)
{
    ret->count = 0;
    for (const char *at = text;; at++) {
        size_t n = strcspn(at, ","), digits = n && at[n - 1] == '%' ? n - 1 : n;
        double value;
        if (!tl_parse_f64(at, digits, &value) || !(value > 0) || value > (digits < n ? 100 : n_keys) || ret->count == MOST_SIZES)
            return tl_fail(TL_E_USAGE, "frames: found \"%.60s\", expected up to %d sizes such as 500 or 25%%, at most %u experts", text, MOST_SIZES,
                           n_keys);
        double frames = digits < n ? n_keys * value / 100 : value;
        uint32_t whole = frames < 1 ? 1 : (uint32_t)frames;
        if (!ret->count || ret->frames[ret->count - 1] != whole)         /* percentages of few experts may be equal */
            ret->frames[ret->count++] = whole;
        at += n;
        if (!*at)
            return 0;
    }
}

static int replay_size(const struct tl_accesses *a, uint32_t frames, struct tl_job_run *run, struct tl_buffer *out)
{
    double hits = 0;
    int status = 0;
    tl_buffer_printf(out, "{\"frames\":%u,\"share\":%.6f,\"hits\":{", frames, a->n_keys ? (double)frames / a->n_keys : 0);
    for (uint32_t i = 0; tl_policy_at(i) && status >= 0; i++) {
        status = tl_replay(a, tl_policy_at(i), frames, &hits);
        tl_buffer_printf(out, "\"%s\":%.6f,", tl_policy_at(i)->name, hits);
        status = status < 0 ? status : tl_progress_check(&run->progress);
    }
    if (status >= 0)
        status = tl_replay(a, NULL, frames, &hits);
    tl_buffer_printf(out, "\"auto\":%.6f,", hits);
    if (status >= 0)
        status = tl_replay_best(a, frames, &hits);
    tl_buffer_printf(out, "\"best\":%.6f}}", hits);
    return status;
}

static int replay(struct tl_job_run *run, const struct options *o, const char *path)
{
    struct tl_buffer *out = &run->report;
    struct tl_accesses accesses;
    struct sizes sizes = {.count = 0};
    int status = tl_trace_read(path, &accesses);
    if (status < 0)
        return status;
    status = accesses.n_keys ? parse_sizes(o->frames ? o->frames : usual_sizes, accesses.n_keys, &sizes) : tl_fail(TL_E_FILE, "%s: no experts", path);
    if (status >= 0)
        status = tl_progress_begin(&run->progress, "replaying", 0, sizes.count, "sizes");
    tl_buffer_printf(out, "{\"trace\":");
    tl_buffer_json_string(out, path, strlen(path));
    tl_buffer_printf(out, ",\"layers\":%u,\"experts\":%u,\"steps\":%u,\"accesses\":%" PRIu64 ",\"working_set\":%.1f,\"rows\":[", accesses.n_banks,
                     accesses.n_keys, accesses.n_steps, accesses.n_accesses, accesses.n_steps ? (double)accesses.n_accesses / accesses.n_steps : 0);
    for (size_t i = 0; status >= 0 && i < sizes.count; i++) {
        tl_buffer_append(out, ",", i > 0);
        status = replay_size(&accesses, sizes.frames[i], run, out);
        if (status >= 0)
            status = tl_progress_move(&run->progress, i + 1);
    }
    tl_buffer_printf(out, "]}");
    tl_accesses_done(&accesses);
    return status;
}

int tl_job_trace(struct tl_job_run *run)
{
    struct options o = {0};
    int status = tl_job_options(run, rows, TL_COUNT(rows), &o);
    if (status < 0)
        return status;
    if (!o.record == !o.replay)
        return tl_fail(TL_E_USAGE, "one of record and replay is needed");
    if (o.record)
        status = record(run, &o);
    return status < 0 ? status : replay(run, &o, o.record ? o.record : o.replay);
}
