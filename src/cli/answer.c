/* SPDX-License-Identifier: MIT */
/* Runs one generation under Ctrl-C and a reader that may go away, and turns its numbers into words and JSON. Rates are
 * tokens per second of the phase they belong to; a phase without time has rate 0. */
#include "cli/answer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/output.h"

enum { STEPS_WORTH_MEASURING = 8, LEAST_BYTES = 64 << 20, MEASURE_BYTES = 512 << 20 };

struct stream {
    int status;
    char text[256];          /* the sentence of the failure: the library records its own one afterwards */
    bool open_line;
};

static int write_piece(void *context, const char *bytes, size_t n_bytes)
{
    struct stream *stream = context;
    if (tl_interrupt_seen())
        return 1;
    stream->status = tl_output_write(bytes, n_bytes);
    if (stream->status < 0)
        snprintf(stream->text, sizeof stream->text, "%s", tl_error_text());
    if (n_bytes)
        stream->open_line = bytes[n_bytes - 1] != '\n';
    return stream->status < 0;
}

static int watch_interrupt(void *context, const char *bytes, size_t n_bytes)
{
    (void)context, (void)bytes, (void)n_bytes;
    return tl_interrupt_seen();
}

int tl_answer_generate(struct trill_session *session, const struct trill_generate_options *options, bool stream,
                       struct trill_generation *ret_generation)
{
    struct stream state = {0};
    struct trill_generate_options with = *options;
    with.text = stream ? write_piece : watch_interrupt;
    with.context_pointer = &state;
    *ret_generation = (struct trill_generation){.size = sizeof *ret_generation, .finish = TRILL_FINISH_CANCELLED};
    if (tl_interrupt_seen())
        return tl_fail(TL_E_CANCEL, "interrupted");
    tl_interrupt_sessions(&session, 1);
    int r = tl_command_status(trill_session_generate(session, &with, ret_generation, sizeof *ret_generation));
    tl_interrupt_sessions(NULL, 0);
    bool stopped = tl_interrupt_seen() || r == TL_E_CANCEL || (r >= 0 && ret_generation->finish == TRILL_FINISH_CANCELLED);
    if (state.status < 0 && state.status != TL_E_CANCEL)
        return tl_error_set(state.status, state.text);
    if (state.open_line) {
        int written = tl_output_text("\n");
        r = r < 0 ? r : written;
    }
    return stopped ? tl_fail(TL_E_CANCEL, "interrupted") : r;
}

void tl_answer_add(struct tl_answer_sums *sums, const struct trill_generation *generation)
{
    sums->prompt_tokens += generation->prompt_tokens;
    sums->reused_tokens += generation->reused_tokens;
    sums->tokens += generation->count;
    sums->steps += generation->decode_steps;
    sums->drafted += generation->drafted_tokens;
    sums->accepted += generation->accepted_tokens;
    sums->prefill_seconds += generation->prefill_seconds;
    sums->decode_seconds += generation->decode_seconds;
    sums->first_token_seconds = generation->first_token_seconds;
}

static double rate(double count, double seconds)
{
    return seconds > 0 && isfinite(count / seconds) ? count / seconds : 0;
}

/* A step gives one token, and those of its draft that were accepted. */
static double decode_rate(const struct tl_answer_sums *sums)
{
    return rate((double)(sums->steps + sums->accepted), sums->decode_seconds);
}

static double prefill_rate(const struct tl_answer_sums *sums)
{
    return rate((double)(sums->prompt_tokens - sums->reused_tokens), sums->prefill_seconds);
}

/* Bytes per second; 0 where it cannot be measured. The buffer stays below what the process has taken already, and where
 * that is little, caches would answer instead of memory. */
static double measure_memory(const struct trill_model_figures *figures)
{
    double rate = 0;
    uint64_t n_bytes = figures->peak_bytes - figures->peak_bytes / 8;
    if (n_bytes > MEASURE_BYTES)
        n_bytes = MEASURE_BYTES;
    if (n_bytes < LEAST_BYTES || trill_measure_memory(figures->threads, n_bytes, &rate) < 0)
        return 0;
    return rate;
}

void tl_answer_note(const struct tl_answer_sums *sums, const struct tl_streaming *streaming, bool measure)
{
    const struct trill_model_figures *figures = &streaming->after;
    tl_output_note("prompt: %" PRIu64 " tokens", sums->prompt_tokens);
    if (sums->reused_tokens)
        tl_output_note(" (%" PRIu64 " reused)", sums->reused_tokens);
    tl_output_note(", %.1f tokens/s; answer: %" PRIu64 " tokens, %.1f tokens/s; first token after %.3f s\n",
                   prefill_rate(sums), sums->tokens, decode_rate(sums), sums->first_token_seconds);
    if (sums->drafted)
        tl_output_note("drafts: %" PRIu64 " tokens, %" PRIu64 " of them accepted (%.0f %%), in %" PRIu64 " steps\n", sums->drafted, sums->accepted,
                       100 * (double)sums->accepted / (double)sums->drafted, sums->steps);
    double weights = rate((double)sums->steps, sums->decode_seconds) * (double)figures->bytes_per_token;
    double memory = measure && !tl_streaming_is(figures) && sums->steps >= STEPS_WORTH_MEASURING ? measure_memory(figures) : 0;
    tl_output_note("loaded in %.3f s; peak memory %.1f MiB; ", figures->load_seconds, (double)figures->peak_bytes / (1 << 20));
    tl_output_note("weights at %.1f GB/s", weights * 1e-9);
    if (memory > 0)
        tl_output_note(", %.0f %% of the %.1f GB/s that memory gives", 100 * weights / memory, memory * 1e-9);
    tl_output_note("\n");
    tl_streaming_note(streaming);
}

static const char *finish_name(enum trill_finish finish)
{
    static const char *const names[] = {
        [TRILL_FINISH_STOP] = "stop", [TRILL_FINISH_LENGTH] = "length",
        [TRILL_FINISH_CONTEXT] = "context", [TRILL_FINISH_CANCELLED] = "cancelled",
    };
    return (size_t)finish < TL_COUNT(names) ? names[finish] : "stop";
}

static void append_ids(struct tl_buffer *buffer, const int32_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tl_buffer_printf(buffer, "%s%" PRId32, i ? "," : "", ids[i]);
}

int tl_answer_json(const struct trill_generation *generation, const struct tl_streaming *streaming, const char *ledger,
                   struct tl_buffer *buffer)
{
    const struct trill_model_figures *figures = &streaming->after;
    struct tl_answer_sums sums = {0};
    tl_answer_add(&sums, generation);
    tl_buffer_printf(buffer, "{\"text\":");
    tl_buffer_json_string(buffer, generation->text, generation->text_bytes);
    tl_buffer_printf(buffer, ",\"ids\":[");
    append_ids(buffer, generation->ids, generation->count);
    tl_buffer_printf(buffer, "],\"finish\":\"%s\",\"prompt_tokens\":%" PRIu64 ",\"tokens\":%" PRIu64,
                     finish_name(generation->finish), sums.prompt_tokens, sums.tokens);
    tl_buffer_printf(buffer, ",\"load_s\":%.6f,\"first_token_s\":%.6f", figures->load_seconds, sums.first_token_seconds);
    tl_buffer_printf(buffer, ",\"prefill_tokens_per_s\":%.3f,\"decode_tokens_per_s\":%.3f", prefill_rate(&sums),
                     decode_rate(&sums));
    tl_buffer_printf(buffer, ",\"decode_steps\":%" PRIu64 ",\"drafted_tokens\":%" PRIu64 ",\"accepted_tokens\":%" PRIu64, sums.steps,
                     sums.drafted, sums.accepted);
    tl_buffer_printf(buffer, ",\"peak_bytes\":%" PRIu64 ",\"read_bytes\":%" PRIu64, figures->peak_bytes, figures->read_bytes);
    tl_buffer_printf(buffer, ",\"ledger\":%s", ledger);
    tl_streaming_json(streaming, buffer);
    return tl_buffer_printf(buffer, "}\n");
}
