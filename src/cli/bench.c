/* SPDX-License-Identifier: MIT */
/* trill bench: prompts computed at once (pp) and tokens generated one after another (tg), each several times after a
 * warm-up, held against peaks that are measured in the same run. Each thread count opens the model anew. */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/memory.h"
#include "base/parse.h"
#include "cli/account.h"
#include "cli/bench_report.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/roofline.h"
#include "cli/setup.h"

enum { LIST = 16, CHUNK = 512, WARM_TOKENS = 8 };

struct settings {
    struct tl_setup setup;
    const char *prompts, *tokens, *threads;
    uint64_t repeats;
    bool peaks, json;
};

static const struct tl_option options[] = {
    TL_COMMAND_OPTION(struct settings, prompts, TEXT, 'p', "prompt-tokens", "N,...", .fallback = "512",
                      .help = "lengths of prompts; 0: none"),
    TL_COMMAND_OPTION(struct settings, tokens, TEXT, 'n', "tokens", "N,...", .fallback = "128",
                      .help = "numbers of tokens to generate; 0: none"),
    TL_COMMAND_OPTION(struct settings, repeats, U64, 'r', "repeat", "N", .fallback = "5", .min = 1, .max = TL_BENCH_REPEATS,
                      .help = "timed repetitions of each test"),
    TL_COMMAND_OPTION(struct settings, threads, TEXT, 't', "threads", "N,...",
                      .help = "numbers of threads; one per CPU unless given"),
    TL_COMMAND_OPTION(struct settings, peaks, FLAG, 0, "peaks", NULL, .help = "only what the machine can do; needs no model"),
    TL_COMMAND_OPTION(struct settings, json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
#define SETUP_MODEL
#define SETUP_MEANS
#include "cli/setup_options.def"
};

static const struct tl_command_word words[] = {{"MODEL", offsetof(struct settings, setup.model)}};

struct list { uint32_t value[LIST]; size_t count; };

/* Everything that is open during the tests of one thread count. */
struct bench {
    const struct settings *settings;
    struct trill_model *model;
    struct trill_session *session;
    struct trill_model_figures figures;
    struct trill_peaks peaks;
    struct tl_bench_report *report;
    int32_t *ids;            /* room for the longest prompt */
    int32_t start;           /* the token that generation starts from */
    uint64_t drafted_tokens; /* of the samples so far */
};

static int parse_list(const char *name, const char *text, uint32_t low, uint32_t high, struct list *list)
{
    list->count = 0;
    for (const char *at = text;; at++) {
        size_t n = strcspn(at, ",");
        uint64_t value;
        if (!tl_parse_u64(at, n, &value) || value < low || value > high || list->count == LIST)
            return tl_fail(TL_E_USAGE, "--%s: found '%s', expected up to %d numbers from %u to %u separated by commas", name,
                           text, LIST, low, high);
        list->value[list->count++] = (uint32_t)value;
        at += n;
        if (!*at)
            return 0;
    }
}

static uint32_t largest(const struct list *list)
{
    uint32_t most = 0;
    for (size_t i = 0; i < list->count; i++)
        most = list->value[i] > most ? list->value[i] : most;
    return most;
}

/* Valid ids without a pattern: a linear congruential sequence (Knuth's MMIX constants), another for each `seed`. */
static void fill_ids(int32_t *ids, uint32_t count, uint32_t vocabulary, uint64_t seed)
{
    uint64_t state = seed;
    for (uint32_t i = 0; i < count; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        ids[i] = (int32_t)((state >> 33) % vocabulary);
    }
}

/* Seconds that `n_new` tokens behind a prompt take, the prompt included. Nothing of a former run is reused. */
static int time_run(struct bench *bench, const int32_t *ids, size_t n_ids, uint32_t n_new, double *ret_seconds)
{
    struct trill_generate_options options_of;
    struct trill_generation generation = {0};
    trill_generate_options_init(&options_of, sizeof options_of);
    options_of.temperature = 0;
    options_of.max_tokens = n_new;
    options_of.ignore_end = 1;
    int r = trill_session_set(bench->session, NULL, 0);
    if (r >= 0)
        r = trill_session_set(bench->session, ids, n_ids);
    uint64_t start_ns = tl_clock_ns();
    if (r >= 0)
        r = trill_session_generate(bench->session, &options_of, &generation, sizeof generation);
    double seconds = tl_clock_seconds(start_ns);
    r = tl_command_status(r);
    if (tl_interrupt_seen())
        r = tl_fail(TL_E_CANCEL, "interrupted");
    else if (r >= 0 && generation.count != n_new)
        r = tl_fail(TL_E_FAIL, "%zu tokens were generated, %u expected", generation.count, n_new);
    bench->drafted_tokens += generation.drafted_tokens;
    trill_generation_done(&generation);
    if (r >= 0)
        *ret_seconds = seconds;
    return r;
}

static int time_prompt(struct bench *bench, uint32_t tokens, uint64_t seed, double *ret_seconds)
{
    fill_ids(bench->ids, tokens, bench->figures.vocabulary, seed);
    return time_run(bench, bench->ids, tokens, 1, ret_seconds);
}

/* Repeats one test. `prompt`: pp of this many tokens, else tg. */
static int run_test(struct bench *bench, bool prompt, uint32_t tokens)
{
    uint64_t repeats = bench->settings->repeats, chunk = bench->settings->setup.chunk;
    struct tl_bench_test test = {.prompt = prompt, .tokens = tokens, .threads = bench->figures.threads};
    struct tl_streaming *streaming = &test.streaming;
    struct trill_model_figures *after = &streaming->after;
    double seconds;
    int r = prompt ? time_prompt(bench, tokens, 0, &seconds)
                   : time_run(bench, &bench->start, 1, tokens < WARM_TOKENS ? tokens : WARM_TOKENS, &seconds);
    if (r >= 0)
        r = tl_command_status(trill_model_figures(bench->model, &streaming->before, sizeof streaming->before));
    double drive = r < 0 ? 0 : tl_streaming_measure(bench->model, &streaming->before);
    bench->drafted_tokens = 0;
    for (uint64_t i = 0; i < repeats && r >= 0; i++) {
        r = prompt ? time_prompt(bench, tokens, i + 1, &seconds) : time_run(bench, &bench->start, 1, tokens, &seconds);
        if (r >= 0)
            test.samples[test.n_samples++] = tokens / seconds;
    }
    if (r < 0 || (r = tl_command_status(trill_model_figures(bench->model, after, sizeof *after))) < 0)
        return r;
    streaming->drive_bytes_per_s = (drive + tl_streaming_measure(bench->model, after)) / 2;
    test.drafted_tokens = bench->drafted_tokens;
    test.read_bytes = after->read_bytes - streaming->before.read_bytes;
    test.limit = prompt ? tl_roofline_prefill(&bench->figures, &bench->peaks, tokens, chunk ? (uint32_t)chunk : CHUNK)
                        : tl_roofline_decode(&bench->figures, &bench->peaks, tokens);
    double missed = (double)(after->missed_bytes - streaming->before.missed_bytes) / (double)repeats;
    test.limit = tl_roofline_streamed(test.limit, missed, streaming->drive_bytes_per_s);
    return tl_bench_report_add(bench->report, &test, &bench->figures);
}

static int find_start(struct bench *bench)
{
    int32_t *ids = NULL;
    size_t count = 0;
    int r = tl_command_status(trill_tokenize(bench->model, "", 0, TRILL_BOS, &ids, &count));
    bench->start = r >= 0 && count ? ids[0] : 0;
    trill_free(ids);
    return r;
}

static int run_tests(struct bench *bench, const struct list *prompts, const struct list *tokens)
{
    int r = tl_command_status(trill_model_figures(bench->model, &bench->figures, sizeof bench->figures));
    if (r >= 0)
        r = tl_command_status(trill_session_open(bench->model, &bench->session));
    if (r >= 0)
        r = find_start(bench);
    if (r >= 0 && !(bench->ids = tl_alloc(largest(prompts) + 1, sizeof *bench->ids)))
        r = TL_E_NOMEM;
    tl_interrupt_sessions(&bench->session, r >= 0);
    for (size_t i = 0; i < prompts->count && r >= 0; i++)
        r = prompts->value[i] ? run_test(bench, true, prompts->value[i]) : 0;
    for (size_t i = 0; i < tokens->count && r >= 0; i++)
        r = tokens->value[i] ? run_test(bench, false, tokens->value[i]) : 0;
    tl_interrupt_sessions(NULL, 0);
    trill_session_close(bench->session);
    tl_free(bench->ids);
    return r;
}

/* Of the buffer that is read for the peak of memory: --ram bounds that too. */
static uint64_t room(const struct tl_setup *setup)
{
    const uint64_t least = 1 << 20, most = 512 << 20, room = setup->ram_bytes / 4 * 3;
    return !setup->ram_bytes || room > most ? most : room < least ? least : room;
}

/* The peaks first, while the model is not there: their buffer then comes on top of nothing. */
static int run_threads(const struct settings *settings, uint32_t threads, const struct list *prompts, const struct list *tokens,
                       struct tl_bench_report *report)
{
    struct bench bench = {.settings = settings, .report = report};
    struct tl_setup setup = settings->setup;
    uint32_t longest = largest(prompts) > largest(tokens) ? largest(prompts) : largest(tokens);
    struct tl_setup_needs needs = {.context = longest + 1};
    setup.threads = threads;
    setup.drafts = setup.drafts || setup.draft_model ? setup.drafts : "off";
    struct trill_account *account = tl_account_open("bench", &setup);
    int r = tl_command_status(trill_measure_peaks(threads, setup.cpu, room(&setup), &bench.peaks, sizeof bench.peaks));
    if (r >= 0)
        r = tl_setup_open(&setup, &needs, &bench.model);
    if (r >= 0)
        r = run_tests(&bench, prompts, tokens);
    tl_account_close(account, bench.model, r);
    return r;
}

static int run_peaks(const struct settings *settings, const struct list *threads)
{
    struct trill_peaks peaks[LIST];
    for (size_t i = 0; i < threads->count; i++) {
        int r = tl_command_status(trill_measure_peaks(threads->value[i], settings->setup.cpu, room(&settings->setup), &peaks[i], sizeof peaks[i]));
        if (r < 0)
            return r;
        if (tl_interrupt_seen())
            return tl_fail(TL_E_CANCEL, "interrupted");
    }
    return tl_bench_report_peaks(peaks, threads->value, threads->count, settings->json);
}

static int run_model(const struct settings *settings, const struct list *threads)
{
    struct list prompts, tokens;
    int r = tl_setup_check(&settings->setup);
    if (r >= 0)
        r = parse_list("prompt-tokens", settings->prompts, 0, 1 << 24, &prompts);
    if (r >= 0)
        r = parse_list("tokens", settings->tokens, 0, 1 << 24, &tokens);
    if (r < 0)
        return r;
    struct tl_bench_report report;
    tl_bench_report_init(&report, settings->json);
    for (size_t i = 0; i < threads->count && r >= 0; i++)
        r = run_threads(settings, threads->value[i], &prompts, &tokens, &report);
    if (r >= 0)
        r = tl_bench_report_end(&report);
    tl_bench_report_done(&report);
    return r;
}

static int run(const void *given)
{
    const struct settings *settings = given;
    uint32_t all = tl_cpu_count();
    struct list threads = {.value = {all}, .count = 1};
    if (settings->peaks)
        threads = (struct list){.value = {1, all}, .count = all > 1 ? 2 : 1};
    int r = settings->threads ? parse_list("threads", settings->threads, 1, 256, &threads) : 0;
    if (r < 0)
        return r;
    return settings->peaks ? run_peaks(settings, &threads) : run_model(settings, &threads);
}

const struct tl_command_body tl_bench_command = {
    .about = "Measures prompt processing (pp: a prompt of N tokens at once) and generation (tg: N tokens one\n"
             "after another) and prints a table with mean and standard deviation, the rate at which weights are\n"
             "read, and the share of the limit: memory bandwidth or arithmetic, measured in the same run.\n"
             "Nothing is drafted unless --draft is given: then what repeats itself passes that limit.\n"
             "--peaks prints these measurements alone.",
    .examples = "trill bench smollm2-135m-instruct\n"
                "trill bench model.gguf -p 128,512 -n 128 -t 1,2 -r 5\n"
                "trill bench model.gguf -p 0 --json\n"
                "trill bench --peaks\n",
    .options = options, .n_options = TL_COUNT(options),
    .words = words, .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings), .run = run,
};
