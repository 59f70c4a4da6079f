/* SPDX-License-Identifier: MIT */
/* What share of the drive's limit decoding reaches, when experts are streamed.
 *   bench_drive MODEL RAM_BYTES [TOKENS [IO [LOOKAHEAD [POLICY [THREADS [PREFILL]]]]]]
 * Measures the drive through the same queue without computing, decodes random ids, and measures the drive again.
 * Share: tokens a second x bytes missed a token / bytes a second of the drive. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "engine/session.h"

static void check(int status)
{
    if (status >= 0)
        return;
    fprintf(stderr, "bench_drive: %s\n", tl_error_text());
    exit(1);
}

static void say(void *context, int level, const char *text)
{
    (void)context;
    (void)level;
    printf("note: %s\n", text);
}

struct counts { uint64_t at[TL_METERS]; };

static struct counts count(struct tl_engine *engine)
{
    struct counts counts;
    for (int i = 0; i < TL_METERS; i++)
        counts.at[i] = tl_meter_get(&engine->meters, (enum tl_meter_id)i);
    return counts;
}

static double since(struct tl_engine *engine, const struct counts *before, enum tl_meter_id id)
{
    return (double)(tl_meter_get(&engine->meters, id) - before->at[id]);
}

static void feed(struct tl_session *session, int n, bool one_by_one)
{
    static uint64_t state = 12345;
    uint32_t vocab = tl_model_geometry(session->engine->model)->vocab;
    for (int i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        int32_t id = (int32_t)((state >> 33) % vocab);
        check(tl_session_append(session, &id, 1));
        if (one_by_one || i + 1 == n)
            check(tl_session_compute(session, NULL, NULL));
    }
}

static double report(struct tl_engine *engine, const struct counts *before, double seconds, int tokens, const char *what)
{
    double bytes = since(engine, before, TL_METER_DRIVE_BYTES), hits = since(engine, before, TL_METER_EXPERT_HITS);
    double misses = since(engine, before, TL_METER_EXPERT_MISSES), busy = since(engine, before, TL_METER_DRIVE_BUSY_NS) * 1e-9;
    printf("%s: %d tokens, %.3f tokens/s, %.0f hits, %.0f misses (%.1f %% hits), %.1f MB read a token, %.2f GB/s, duty %.1f %%, stall %.1f %%, "
           "look-ahead %.0f read %.0f used\n", what, tokens, tokens / seconds, hits, misses, 100 * hits / (hits + misses),
           bytes / tokens * 1e-6, bytes / seconds * 1e-9, 100 * busy / seconds,
           100 * since(engine, before, TL_METER_STALL_NS) * 1e-9 / seconds, since(engine, before, TL_METER_AHEAD_READS),
           since(engine, before, TL_METER_AHEAD_USES));
    fflush(stdout);
    return bytes / seconds;
}

int main(int argc, char **argv)
{
    struct tl_engine *engine;
    struct tl_session *session;
    if (argc < 3)
        return 2;
    int tokens = argc > 3 ? atoi(argv[3]) : 32, prefill = argc > 8 ? atoi(argv[8]) : 0;
    struct tl_engine_options options = {.ram_bytes = strtoull(argv[2], NULL, 10), .context = 4096, .log = say,
        .io = argc > 4 ? argv[4] : NULL, .lookahead = argc > 5 ? argv[5] : NULL, .policy = argc > 6 ? argv[6] : NULL,
        .threads = argc > 7 ? (uint32_t)atoi(argv[7]) : 0};
    check(tl_engine_open(argv[1], &options, &engine));
    struct tl_store *store = tl_model_store(engine->model);
    double before_rate, after_rate = 0;
    printf("%u of %u experts in frames of %.2f MB, loaded in %.1f s, chunk %u\n", tl_model_limits(engine->model)->frames, tl_store_experts(store),
           (double)tl_store_frame_bytes(store) * 1e-6, engine->load_seconds, tl_model_limits(engine->model)->chunk);
    check(tl_session_open(engine, &session));
    check(tl_store_measure_drive(store, 2, &before_rate));
    printf("drive: %.2f GB/s\n", before_rate * 1e-9);
    struct counts counts = count(engine);
    uint64_t begin = tl_clock_ns();
    if (prefill) {
        feed(session, prefill, false);
        report(engine, &counts, tl_clock_seconds(begin), prefill, "prefill");
    }
    feed(session, 4, true);
    counts = count(engine);
    begin = tl_clock_ns();
    feed(session, tokens, true);
    double rate = report(engine, &counts, tl_clock_seconds(begin), tokens, "decode");
    check(tl_store_measure_drive(store, 2, &after_rate));
    printf("drive: %.2f GB/s\nshare of the drive's limit: %.1f %% (of before %.1f %%, of after %.1f %%); peak memory %.2f GB of %.2f planned\n",
           after_rate * 1e-9, 200 * rate / (before_rate + after_rate), 100 * rate / before_rate, 100 * rate / after_rate,
           (double)tl_cpu_peak_rss() * 1e-9, (double)engine->planned_bytes * 1e-9);
    tl_session_close(session);
    tl_engine_close(engine);
    return 0;
}
