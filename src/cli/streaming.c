/* SPDX-License-Identifier: MIT */
/* Differences of counters, and what they mean. */
#include "cli/streaming.h"

#include <inttypes.h>

#include "base/amount.h"
#include "cli/command.h"
#include "cli/output.h"

static const double measure_seconds = 0.5;

bool tl_streaming_is(const struct trill_model_figures *figures) { return figures->expert_frames || figures->passing_bytes; }

double tl_streaming_measure(struct trill_model *model, const struct trill_model_figures *figures)
{
    double rate = 0;
    if (!tl_streaming_is(figures) || trill_measure_drive(model, measure_seconds, &rate) < 0)
        return 0;
    return rate;
}

static double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

struct work { uint64_t hits, misses, missed, decode_missed, drive, ahead_reads, ahead_uses, tokens, decode_tokens; double seconds, decode_seconds, busy, stall; };

static struct work work_of(const struct tl_streaming *s)
{
    const struct trill_model_figures *a = &s->before, *b = &s->after;
    return (struct work){
        .hits = b->expert_hits - a->expert_hits, .misses = b->expert_misses - a->expert_misses,
        .missed = b->missed_bytes - a->missed_bytes, .decode_missed = b->decode_missed_bytes - a->decode_missed_bytes,
        .drive = b->drive_bytes - a->drive_bytes, .ahead_reads = b->lookahead_reads - a->lookahead_reads,
        .ahead_uses = b->lookahead_uses - a->lookahead_uses, .decode_tokens = b->decode_tokens - a->decode_tokens,
        .tokens = b->prefill_tokens - a->prefill_tokens + b->decode_tokens - a->decode_tokens,
        .decode_seconds = b->decode_seconds - a->decode_seconds,
        .seconds = b->prefill_seconds - a->prefill_seconds + b->decode_seconds - a->decode_seconds,
        .busy = b->drive_busy_seconds - a->drive_busy_seconds, .stall = b->stall_seconds - a->stall_seconds,
    };
}

/* Bytes missed / seconds of the steps / bytes a second of the drive; of the steps that only decode, where there are any. 0: unknown. */
static double share_of_drive(const struct tl_streaming *s)
{
    struct work w = work_of(s);
    double rate = w.decode_tokens ? share((double)w.decode_missed, w.decode_seconds) : share((double)w.missed, w.seconds);
    return share(rate, s->drive_bytes_per_s);
}

static double duty_of(const struct work *w) { return w->busy < w->seconds ? share(w->busy, w->seconds) : w->seconds > 0; }

void tl_streaming_note(const struct tl_streaming *s)
{
    struct work w = work_of(s);
    char some[TL_AMOUNT_BYTES], others[TL_AMOUNT_BYTES];
    if (!tl_streaming_is(&s->after))
        return;
    tl_output_note("streamed: %s missed (%s a token), drive busy %.0f %%, waited %.2f s of %.2f s", tl_amount_of_bytes((double)w.missed, some),
                   tl_amount_of_bytes(share(w.decode_tokens ? (double)w.decode_missed : (double)w.missed,
                                            (double)(w.decode_tokens ? w.decode_tokens : w.tokens)), others),
                   100 * duty_of(&w), w.stall, w.seconds);
    if (s->drive_bytes_per_s > 0)
        tl_output_note("; %.0f %% of what the drive's %s allow", 100 * share_of_drive(s), tl_amount_of_rate(s->drive_bytes_per_s, some));
    tl_output_note("\n");
    if (s->after.expert_frames) {
        tl_output_note("experts: %u of %u in memory, hits %.1f %%", s->after.expert_frames, s->after.experts,
                       100 * share((double)w.hits, (double)(w.hits + w.misses)));
        if (w.ahead_reads)
            tl_output_note("; look-ahead: %" PRIu64 " read, %.0f %% of use", w.ahead_reads, 100 * share((double)w.ahead_uses, (double)w.ahead_reads));
        tl_output_note("\n");
    }
    if (s->after.passing_bytes)
        tl_output_note("other weights: %s pass through %s in each step\n", tl_amount_of_bytes((double)s->after.passing_bytes, some),
                       tl_amount_of_bytes((double)s->after.ring_bytes, others));
}

void tl_streaming_json(const struct tl_streaming *s, struct tl_buffer *buffer)
{
    struct work w = work_of(s);
    if (!tl_streaming_is(&s->after))
        return;
    tl_buffer_printf(buffer, ",\"streaming\":{\"experts\":%u,\"expert_frames\":%u,\"expert_bytes\":%" PRIu64, s->after.experts,
                     s->after.expert_frames, s->after.expert_bytes);
    tl_buffer_printf(buffer, ",\"expert_hits\":%" PRIu64 ",\"expert_misses\":%" PRIu64 ",\"hit_rate\":%.6f", w.hits, w.misses,
                     share((double)w.hits, (double)(w.hits + w.misses)));
    tl_buffer_printf(buffer, ",\"passing_bytes\":%" PRIu64 ",\"ring_bytes\":%" PRIu64, s->after.passing_bytes, s->after.ring_bytes);
    tl_buffer_printf(buffer, ",\"missed_bytes\":%" PRIu64 ",\"missed_bytes_per_token\":%.0f", w.missed, share((double)w.missed, (double)w.tokens));
    tl_buffer_printf(buffer, ",\"decode_missed_bytes\":%" PRIu64 ",\"decode_missed_bytes_per_token\":%.0f", w.decode_missed,
                     share((double)w.decode_missed, (double)w.decode_tokens));
    tl_buffer_printf(buffer, ",\"drive_bytes\":%" PRIu64 ",\"drive_busy_s\":%.6f,\"drive_duty\":%.6f,\"stall_s\":%.6f", w.drive, w.busy,
                     duty_of(&w), w.stall);
    tl_buffer_printf(buffer, ",\"step_s\":%.6f,\"decode_s\":%.6f", w.seconds, w.decode_seconds);
    tl_buffer_printf(buffer, ",\"lookahead_reads\":%" PRIu64 ",\"lookahead_uses\":%" PRIu64 ",\"lookahead_worth\":%.6f", w.ahead_reads,
                     w.ahead_uses, share((double)w.ahead_uses, (double)w.ahead_reads));
    tl_buffer_printf(buffer, ",\"drive_bytes_per_s\":%.6g,\"limit_share\":%.6g}", s->drive_bytes_per_s, share_of_drive(s));
}
