/* SPDX-License-Identifier: MIT */
/* trill logits: the logits behind each token of a list, row by row to a NumPy file, never all of them in memory. With
 * --batch the list runs as several sequences at once, and the bits of all are compared through their SHA-256. */
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/account.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/npy.h"
#include "cli/output.h"
#include "cli/setup.h"
#include "cli/streaming.h"

struct settings {
    struct tl_setup setup;
    const char *ids_file, *out;
    uint64_t batch;
    bool json;
};

static const struct tl_option options[] = {
    TL_COMMAND_OPTION(struct settings, ids_file, FILE, 0, "tokens", "FILE",
                      .help = "ids, as a JSON list or separated by blanks"),
    TL_COMMAND_OPTION(struct settings, out, FILE, 'o', "output", "FILE",
                      .help = "the NPY file; with --json it may be left out"),
    TL_COMMAND_OPTION(struct settings, batch, U64, 0, "batch", "N", .fallback = "1", .min = 1, .max = 256,
                      .help = "as N sequences together; all must be equal"),
    TL_COMMAND_OPTION(struct settings, json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
#define SETUP_MODEL
#define SETUP_THREADS
#define SETUP_MEANS
#include "cli/setup_options.def"
};

static const struct tl_command_word words[] = {{"MODEL", offsetof(struct settings, setup.model)}};

/* One of the sequences. Rows come from whichever thread leads a step, so failures are kept here with their sentence. */
struct sequence {
    struct trill_session *session;
    struct tl_npy npy;
    uint64_t *trace;         /* [tokens] the running hash behind each row; NULL without --batch */
    int status;
    char hash[TL_NPY_HASH_TEXT], text[256];
};

struct work {
    const struct settings *settings;
    const int32_t *ids;
    size_t n_ids;
    struct sequence *sequences;
    struct trill_session **sessions;         /* the same ones, for Ctrl-C */
    size_t n_sequences;
    struct trill_model_figures figures;
    struct tl_streaming streaming;
};

static int keep_failure(struct sequence *sequence, int status)
{
    if (status < 0 && sequence->status >= 0) {
        sequence->status = status;
        snprintf(sequence->text, sizeof sequence->text, "%s", tl_error_text());
    }
    return status;
}

static int take_row(void *context, size_t position, const float *logits, size_t vocabulary)
{
    struct sequence *sequence = context;
    (void)vocabulary;
    if (tl_interrupt_seen())
        return 1;
    int r = keep_failure(sequence, tl_npy_row(&sequence->npy, logits));
    if (sequence->trace && position < sequence->npy.rows)
        memcpy(&sequence->trace[position], sequence->npy.sha.state, sizeof *sequence->trace);
    return r < 0;
}

static void *compute(void *context)
{
    struct sequence *sequence = context;
    int r = tl_command_status(trill_session_compute(sequence->session, take_row, sequence));
    keep_failure(sequence, r);
    return NULL;
}

static int open_sequence(const struct work *work, struct trill_model *model, size_t i)
{
    struct sequence *sequence = &work->sequences[i];
    const char *path = i == 0 ? work->settings->out : NULL;
    int r = tl_npy_open(path, work->n_ids, work->figures.vocabulary, &sequence->npy);
    if (r >= 0 && work->n_sequences > 1 && !(sequence->trace = tl_alloc(work->n_ids, sizeof *sequence->trace)))
        r = TL_E_NOMEM;
    if (r >= 0)
        r = tl_command_status(trill_session_open(model, &sequence->session));
    work->sessions[i] = sequence->session;
    return r < 0 ? r : tl_command_status(trill_session_set(sequence->session, work->ids, work->n_ids));
}

/* The first sequence runs in this thread, each other one in its own; the library joins them into common steps. */
static int compute_all(struct work *work)
{
    pthread_t *threads = tl_alloc(work->n_sequences, sizeof *threads);
    size_t started = 1;
    int r = threads ? 0 : TL_E_NOMEM;
    tl_interrupt_sessions(work->sessions, work->n_sequences);
    tl_interrupt_block();
    for (; started < work->n_sequences && r >= 0; started++)
        if (pthread_create(&threads[started], NULL, compute, &work->sequences[started]) != 0) {
            r = tl_fail(TL_E_FAIL, "a thread for sequence %zu cannot be started", started);
            break;
        }
    tl_interrupt_unblock();
    if (r >= 0)
        compute(&work->sequences[0]);
    for (size_t i = 1; i < started && threads; i++)
        pthread_join(threads[i], NULL);
    tl_interrupt_sessions(NULL, 0);
    tl_free(threads);
    return r;
}

static int fail_different(const struct work *work, size_t other)
{
    size_t row = 0;
    while (row + 1 < work->n_ids && work->sequences[0].trace[row] == work->sequences[other].trace[row])
        row++;
    return tl_fail(TL_E_FAIL, "--batch: sequence %zu differs from the first at row %zu", other, row);
}

/* Failures in order of the sequences, then the comparison; the file only when all is well. */
static int finish(struct work *work)
{
    if (tl_interrupt_seen())
        return tl_fail(TL_E_CANCEL, "interrupted");
    for (size_t i = 0; i < work->n_sequences; i++) {
        struct sequence *sequence = &work->sequences[i];
        if (sequence->status < 0)
            return tl_error_set(sequence->status, sequence->text);
        int r = tl_npy_hash(&sequence->npy, sequence->hash);
        if (r < 0)
            return r;
        if (strcmp(sequence->hash, work->sequences[0].hash) != 0)
            return fail_different(work, i);
    }
    return tl_npy_commit(&work->sequences[0].npy);
}

static int print_result(const struct work *work)
{
    const struct settings *settings = work->settings;
    const char *hash = work->sequences[0].hash;
    struct tl_buffer out;
    tl_buffer_init(&out, 0);
    if (settings->json)
        tl_buffer_printf(&out, "{\"tokens\":%zu,\"vocab\":%u,\"sha256\":\"%s\",\"kv\":\"%s\",\"activations\":\"%s\"", work->n_ids,
                         work->figures.vocabulary, hash, work->figures.kv, work->figures.activations);
    else
        tl_buffer_printf(&out, "%s: float32 [%zu, %u], sha256 %s (kv %s, activations %s)\n",
                         settings->out ? settings->out : "logits",
                         work->n_ids, work->figures.vocabulary, hash, work->figures.kv, work->figures.activations);
    if (settings->json) {
        tl_streaming_json(&work->streaming, &out);
        tl_buffer_printf(&out, "}\n");
    }
    int r = tl_output_buffer(&out);
    tl_buffer_done(&out);
    if (!settings->setup.quiet && !settings->json)
        tl_streaming_note(&work->streaming);
    return r;
}

/* How the drive did, where weights are streamed. */
static int look_at_streaming(struct work *work, struct trill_model *model)
{
    struct tl_streaming *streaming = &work->streaming;
    int r = tl_command_status(trill_model_figures(model, &streaming->after, sizeof streaming->after));
    if (r >= 0 && (work->settings->json || !work->settings->setup.quiet))
        streaming->drive_bytes_per_s = tl_streaming_measure(model, &streaming->after);
    return r;
}

static int run_sequences(struct work *work, struct trill_model *model)
{
    int r = tl_command_status(trill_model_figures(model, &work->figures, sizeof work->figures));
    work->sequences = r < 0 ? NULL : tl_alloc(work->n_sequences, sizeof *work->sequences);
    work->sessions = r < 0 ? NULL : tl_alloc(work->n_sequences, sizeof *work->sessions);
    if (r >= 0 && (!work->sequences || !work->sessions))
        r = TL_E_NOMEM;
    for (size_t i = 0; i < work->n_sequences && r >= 0; i++)
        r = open_sequence(work, model, i);
    if (r >= 0)
        r = compute_all(work);
    if (r >= 0)
        r = finish(work);
    if (r >= 0)
        r = look_at_streaming(work, model);
    if (r >= 0)
        r = print_result(work);
    for (size_t i = 0; i < work->n_sequences && work->sequences; i++) {
        trill_session_close(work->sequences[i].session);
        tl_npy_close(&work->sequences[i].npy);
        tl_free(work->sequences[i].trace);
    }
    tl_free(work->sequences);
    tl_free(work->sessions);
    return r;
}

static int check(const struct settings *settings)
{
    if (!settings->ids_file)
        return tl_fail(TL_E_USAGE, "--tokens FILE is missing");
    if (!settings->out && !settings->json)
        return tl_fail(TL_E_USAGE, "-o OUT.npy is missing; --json goes without and prints the hash");
    return tl_setup_check(&settings->setup);
}

static int run(const void *given)
{
    const struct settings *settings = given;
    struct trill_model *model = NULL;
    TL_AUTO int32_t *ids = NULL;
    struct work work = {.settings = settings, .n_sequences = settings->batch};
    int r = check(settings);
    if (r >= 0)
        r = tl_input_ids(settings->ids_file, &ids, &work.n_ids);
    if (r >= 0 && work.n_ids == 0)
        r = tl_fail(TL_E_USAGE, "%s: no ids", settings->ids_file);
    work.ids = ids;
    struct tl_setup_needs needs = {.sessions = (uint32_t)settings->batch, .context = (uint32_t)work.n_ids};
    struct trill_account *account = r >= 0 ? tl_account_open("logits", &settings->setup) : NULL;
    if (r >= 0)
        r = tl_setup_open(&settings->setup, &needs, &model);
    if (r >= 0)
        r = run_sequences(&work, model);
    tl_account_close(account, model, r);
    return r;
}

const struct tl_command_body tl_logits_command = {
    .about = "Computes the logits that follow each token of a list and writes them as NPY 1.0, float32 [tokens,\n"
             "vocabulary]; row i follows token i. The SHA-256 of the numbers is the same for every number of\n"
             "threads, chunk, instruction set, budget and batch; only --kv and --activations are part of the\n"
             "answer.",
    .examples = "trill logits model.gguf --tokens ids.json -o logits.npy\n"
                "trill logits model.gguf --tokens ids.json --batch 8 --json\n",
    .options = options, .n_options = TL_COUNT(options),
    .words = words, .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings), .run = run,
};
