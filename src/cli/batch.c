/* SPDX-License-Identifier: MIT */
/* trill batch: counts what is asked for with the vocabulary alone, opens the model with as long a context and as many
 * sequences as that wants, tells what it will take, and lets the job do it. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/amount.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"
#include "cli/account.h"
#include "cli/command.h"
#include "cli/decoding.h"
#include "cli/job.h"
#include "cli/output.h"
#include "cli/setup.h"

struct settings {
    struct tl_setup setup;
    struct tl_decoding decoding;
    const char *input, *output;
    uint64_t sequences;
    bool forecast, json;
};

static const struct tl_option options[] = {
    TL_COMMAND_OPTION(struct settings, input, FILE, 0, "input", "FILE", .help = "the requests, a JSON object a line"),
    TL_COMMAND_OPTION(struct settings, output, FILE, 'o', "output", "FILE", .help = "the answers, in the order of the requests"),
    TL_COMMAND_OPTION(struct settings, sequences, U64, 0, "sequences", "N", .min = 1, .max = 4096,
                      .help = "answered at a time; as many as fit, up to 64, unless given"),
    TL_COMMAND_OPTION(struct settings, forecast, FLAG, 0, "forecast", NULL, .help = "only says what it would take"),
    TL_COMMAND_OPTION(struct settings, json, FLAG, 0, "json", NULL, .help = "one JSON document with figures on standard output"),
#include "cli/decoding_options.def"
#define SETUP_MODEL
#define SETUP_THREADS
#define SETUP_MEANS
#include "cli/setup_options.def"
};

static const struct tl_command_word words[] = {{"MODEL", offsetof(struct settings, setup.model)}, {"IN.jsonl", offsetof(struct settings, input)}};

enum { MOST_SEQUENCES = 64, OPEN_CONTEXT = 8192, OPEN_ANSWER = 1024, LEAST_CONTEXT = 256 };

/* What the job is told. */
struct order {
    const char *input, *output, *defaults, *surveyed;
    uint64_t sequences;
    bool forecast;
    struct tl_buffer *report;            /* where the report goes; NULL: it is told to a person */
};

static const struct tl_option job_rows[] = {
    TL_COMMAND_OPTION(struct order, input, FILE, 0, "input", "FILE"),
    TL_COMMAND_OPTION(struct order, output, FILE, 0, "output", "FILE"),
    TL_COMMAND_OPTION(struct order, defaults, TEXT, 0, "defaults", "JSON"),
    TL_COMMAND_OPTION(struct order, surveyed, TEXT, 0, "surveyed", "JSON"),
    TL_COMMAND_OPTION(struct order, sequences, U64, 0, "sequences", "N"),
    TL_COMMAND_OPTION(struct order, forecast, FLAG, 0, "forecast", NULL),
};

/* --- reports ---------------------------------------------------------------------------------------------------------------- */

/* A member of the outermost object: its number and, where it is a string, its text. */
static double member(const char *report, const char *name, struct tl_buffer *ret_text)
{
    struct tl_json json;
    double number = 0;
    tl_json_init(&json, "report", report, strlen(report));
    int event = tl_json_next(&json);
    while (event >= 0 && (event = tl_json_next(&json)) == TL_JSON_KEY) {
        bool found = tl_json_is(&json, name);
        event = found ? tl_json_next(&json) : tl_json_skip(&json);
        if (found && event == TL_JSON_NUMBER)
            tl_parse_f64(json.raw, json.raw_bytes, &number);
        if (found && event == TL_JSON_STRING && ret_text)
            tl_buffer_append(ret_text, json.string.data, json.string.len);
        if (found)
            break;
    }
    tl_json_done(&json);
    return number;
}

static uint64_t count_of(const char *report, const char *name)
{
    double number = member(report, name, NULL);
    return number > 0 ? (uint64_t)number : 0;
}

static void note_forecast(const char *report)
{
    struct tl_buffer refused;
    char text[TL_AMOUNT_BYTES];
    tl_buffer_init(&refused, 0);
    double seconds = member(report, "seconds", NULL), bytes = member(report, "read_bytes", NULL);
    tl_output_note("%" PRIu64 " requests", count_of(report, "requests"));
    if (count_of(report, "resumed"))
        tl_output_note(", %" PRIu64 " of them answered before", count_of(report, "resumed"));
    tl_output_note("; %" PRIu64 " prompt tokens; answers of at most %" PRIu64 " tokens", count_of(report, "prompt_tokens"),
                   count_of(report, "answer_tokens"));
    if (count_of(report, "unbounded"))
        tl_output_note(", and %" PRIu64 " without a bound", count_of(report, "unbounded"));
    tl_output_note("\n%" PRIu64 " sequences at a time in a context of %" PRIu64 " tokens; at most about ", count_of(report, "sequences"),
                   count_of(report, "context"));
    tl_output_note("%s", tl_amount_of_seconds(seconds, text));
    if (bytes > 0)
        tl_output_note(", %s from the drive", tl_amount_of_bytes(bytes, text));
    tl_output_note("\n");
    member(report, "first_refused", &refused);
    if (count_of(report, "refused"))
        tl_output_note("warning: %" PRIu64 " of the requests cannot be answered; %s\n", count_of(report, "refused"), refused.data ? refused.data : "");
    tl_buffer_done(&refused);
}

static int note_report(const char *report)
{
    char text[TL_AMOUNT_BYTES];
    tl_output_note("%" PRIu64 " requests", count_of(report, "requests"));
    if (count_of(report, "failed"))
        tl_output_note(", %" PRIu64 " of them answered with an error", count_of(report, "failed"));
    tl_output_note("; %s, %" PRIu64 " tokens, %.1f tokens/s", tl_amount_of_seconds(member(report, "seconds", NULL), text), count_of(report, "tokens"), member(report, "tokens_per_s", NULL));
    if (count_of(report, "reused_tokens"))
        tl_output_note("; %" PRIu64 " of %" PRIu64 " prompt tokens shared", count_of(report, "reused_tokens"), count_of(report, "prompt_tokens"));
    if (count_of(report, "drive_bytes"))
        tl_output_note("; %s from the drive, %.0f %% of what it gives", tl_amount_of_bytes(member(report, "drive_bytes", NULL), text),
                       100 * member(report, "drive_share", NULL));
    tl_output_note("\n");
    return 0;
}

/* --- the job ---------------------------------------------------------------------------------------------------------------- */

static int take_report(const char *report, const void *given)
{
    const struct order *order = given;
    return order->report ? tl_buffer_append(order->report, report, strlen(report)) : note_report(report);
}

static int carry_out(const struct settings *settings, struct trill_model *model, const struct order *order)
{
    struct tl_job_order job = {
        .kind = "batch", .model = model, .options = job_rows, .n_options = TL_COUNT(job_rows), .settings = order,
        .json = settings->json && !order->report, .quiet = settings->setup.quiet,
        .tell = order->report || !settings->setup.quiet ? take_report : NULL,
    };
    return tl_job_carry_out(&job);
}

/* The forecast of a model, as the next one's `surveyed` and for people. */
static int forecast(const struct settings *settings, struct trill_model *model, const struct order *order, struct tl_buffer *report)
{
    struct order with = *order;
    with.forecast = true;
    with.report = report;
    return carry_out(settings, model, &with);
}

/* A context for the longest of what is asked for, or that of the answers that are there already. */
static struct tl_setup_needs needs_of(const struct settings *settings, const char *survey)
{
    uint64_t choices = count_of(survey, "choices"), longest = count_of(survey, "longest"), begun = count_of(survey, "context");
    if (count_of(survey, "unbounded"))
        longest = longest + OPEN_ANSWER > OPEN_CONTEXT ? longest + OPEN_ANSWER : OPEN_CONTEXT;
    longest = longest < LEAST_CONTEXT ? LEAST_CONTEXT : longest > 1 << 30 ? 1 << 30 : longest;
    uint64_t most = settings->sequences ? settings->sequences : choices < MOST_SEQUENCES ? choices + !choices : MOST_SEQUENCES;
    return (struct tl_setup_needs){.sessions = (uint32_t)most, .context = (uint32_t)(begun ? begun : longest),
                                   .fewer_sessions = !settings->sequences, .shorter_context = !begun};
}

static int survey(const struct settings *settings, const struct order *order, struct tl_buffer *report)
{
    struct trill_model *vocabulary = NULL;
    int r = tl_setup_open(&settings->setup, &(struct tl_setup_needs){.vocabulary_only = true}, &vocabulary);
    if (r >= 0)
        r = forecast(settings, vocabulary, order, report);
    trill_model_close(vocabulary);
    return r;
}

static void note_partial(const char *output)
{
    TL_AUTO char *path = tl_file_beside(output, ".partial");
    if (path && tl_file_exists(path))
        tl_output_note("what is answered lies in %s; the same command goes on from there\n", path);
}

static int answer(const struct settings *settings, struct order *order, const char *survey_report, struct tl_buffer *forecast_report)
{
    struct trill_model *model = NULL;
    struct tl_setup_needs needs = needs_of(settings, survey_report);
    struct trill_account *account = settings->forecast ? NULL : tl_account_open("batch", &settings->setup);
    order->surveyed = survey_report;
    int r = tl_setup_open(&settings->setup, &needs, &model);
    if (r >= 0)
        r = forecast(settings, model, order, forecast_report);
    if (r >= 0 && !settings->setup.quiet && !(settings->json && settings->forecast))
        note_forecast(forecast_report->data);
    if (r >= 0 && settings->forecast)
        r = settings->json ? tl_output_text(forecast_report->data) : 0;
    else if (r >= 0)
        r = carry_out(settings, model, order);
    tl_account_close(account, model, r);
    if (r == TL_E_CANCEL && !settings->setup.quiet)
        note_partial(settings->output);
    return r < 0 || !settings->forecast || !settings->json ? r : tl_output_text("\n");
}

static int run(const void *given)
{
    const struct settings *settings = given;
    struct tl_buffer defaults, surveyed, forecasted;
    tl_buffer_init(&defaults, 0);
    tl_buffer_init(&surveyed, 0);
    tl_buffer_init(&forecasted, 0);
    int r = tl_setup_check(&settings->setup);
    if (r >= 0 && !settings->input)
        r = tl_fail(TL_E_USAGE, "no requests: trill batch MODEL IN.jsonl -o OUT.jsonl");
    if (r >= 0 && !settings->output)
        r = tl_fail(TL_E_USAGE, "no place for the answers: -o OUT.jsonl");
    if (r >= 0)
        r = tl_decoding_json(&settings->decoding, true, &defaults);
    struct order order = {.input = settings->input, .output = settings->output, .defaults = defaults.data, .sequences = settings->sequences};
    if (r >= 0)
        r = survey(settings, &order, &surveyed);
    if (r >= 0)
        r = answer(settings, &order, surveyed.data, &forecasted);
    tl_buffer_done(&defaults);
    tl_buffer_done(&surveyed);
    tl_buffer_done(&forecasted);
    return r;
}

const struct tl_command_body tl_batch_command = {
    .about = "Answers requests in OpenAI's batch form, a JSON object a line: {\"custom_id\", \"method\": \"POST\",\n"
             "\"url\": \"/v1/chat/completions\" or \"/v1/completions\", \"body\": {...}}. The answers have the form of\n"
             "OpenAI's batch output, in the order of the requests; a request that cannot be answered gets a line\n"
             "with status 400 and the reason. Many sequences advance together, and each answer is the one that\n"
             "trill run gives with the same options and seed. What a request leaves unsaid, the options below\n"
             "say. Finished answers are kept in OUT.jsonl.partial: a run that was stopped or killed goes on when\n"
             "the same command is given again.",
    .examples = "trill batch MODEL requests.jsonl -o answers.jsonl -n 512\n"
                "trill batch MODEL requests.jsonl -o answers.jsonl --forecast\n"
                "trill batch giant.gguf requests.jsonl -o answers.jsonl --ram 20G --sequences 32 --json\n",
    .options = options, .n_options = TL_COUNT(options),
    .words = words, .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings), .run = run,
};
