/* SPDX-License-Identifier: MIT */
/* trill distill: from a large model and documents to a small one. Says what it will take, then lets the library's job "distill" do it. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/account.h"
#include "cli/command.h"
#include "cli/flat.h"
#include "cli/job.h"
#include "cli/output.h"
#include "cli/place.h"

struct settings {
    const char *teacher, *student, *text, *prompts, *output, *work, *to, *schedule, *verify, *cpu, *kv, *activations, *io, *policy, *lookahead;
    const char *state, *config, *home;
    uint64_t tokens, seed, window, batch, draws, prompt_tokens, answer_tokens, answers, threads, ram;
    double mix, rate, held_share, temperature, unlikely_share, verify_seconds;
    bool control, bf16, forecast, json, quiet, unrecorded;
};

#define ROW(...) TL_COMMAND_OPTION(struct settings, __VA_ARGS__)
static const struct tl_option options[] = {
    ROW(teacher, TEXT, 0, "teacher", "MODEL", .help = "who teaches: a file, a folder or a name in the cache"),
    ROW(student, TEXT, 0, "student", "STUDENT", .help = "who learns: a model that goes on, a geometry, or a size: 10M"),
    ROW(text, FILE, 0, "text", "FILE|DIR", .help = "documents: text files, or JSON lines with \"text\""),
    ROW(prompts, FILE, 0, "prompts", "FILE", .help = "JSON lines with \"prompt\" or \"messages\", answered by the teacher first"),
    ROW(output, FILE, 'o', "output", "FILE", .help = "the student, a GGUF"),
    ROW(work, FILE, 0, "work", "DIR", .help = "where stages leave what they made; OUTPUT.work unless given"),
    ROW(tokens, COUNT, 'n', "tokens", "N", .max = 1e15, .help = "to learn from, 20M; four passes unless given"),
    ROW(mix, F64, 0, "mix", "SHARE", .fallback = "0.9", .max = 1, .help = "weight of what the teacher says, not the text"),
    ROW(control, FLAG, 0, "control", NULL, .help = "train the same student without a teacher too, and compare"),
    ROW(draws, U64, 0, "draws", "N", .min = 1, .max = 255, .help = "ids that the teacher draws a token; 16 unless given"),
    ROW(window, U64, 0, "window", "N", .min = 2, .max = 1 << 20, .help = "tokens that see each other; 512 unless given"),
    ROW(batch, U64, 0, "batch", "N", .min = 1, .max = 1 << 16, .help = "windows of a step; so that there are 512 unless given"),
    ROW(rate, F64, 0, "rate", "RATE", .max = 1, .help = "of learning, at its peak; that of the student's size unless given"),
    ROW(schedule, TEXT, 0, "schedule", "NAME", .help = "cosine, wsd or constant"),
    ROW(bf16, FLAG, 0, "bf16", NULL, .help = "products of bf16 operands"),
    ROW(held_share, F64, 0, "held", "SHARE", .max = 0.9, .help = "of the documents, held out to compare; 0.05 unless given"),
    ROW(seed, U64, 0, "seed", "N", .help = "of weights, windows and draws"),
    ROW(to, TEXT, 0, "to", "FORMAT", .help = "number format of the student's matrices; f16 unless given"),
    ROW(prompt_tokens, U64, 0, "prompt-tokens", "N", .min = 1, .max = 1 << 20, .help = "of a document that a teacher goes on with; 32 unless given"),
    ROW(answer_tokens, U64, 0, "answer-tokens", "N", .min = 1, .max = 1 << 20, .help = "that the teacher writes at most; 256 unless given"),
    ROW(answers, U64, 0, "answers", "N", .min = 1, .max = 128, .help = "to each prompt"),
    ROW(temperature, F64, 0, "temperature", "T", .fallback = "0.8", .max = 100, .help = "of the teacher's writing"),
    ROW(unlikely_share, F64, 0, "drop-unlikely", "SHARE", .fallback = "0.05", .max = 0.99, .help = "of its answers, the least likely, that are left out"),
    ROW(verify, TEXT, 0, "verify", "COMMAND", .help = "keeps the answers with which it exits 0; docs/distill.md"),
    ROW(verify_seconds, F64, 0, "verify-seconds", "S", .min = 0.01, .max = 86400, .help = "that it may take; 10 unless given"),
    ROW(threads, U64, 't', "threads", "N", .min = 1, .max = 4096, .help = "threads; one per CPU unless given"),
    ROW(ram, BYTES, 0, "ram", "BYTES", .min = 1, .max = 1e18, .help = "all memory the process may take: 20G, 512M"),
    ROW(cpu, CHOICE, 0, "cpu", "auto|" TL_CPU_LEVELS, .help = "instruction set; changes no answer"),
    ROW(kv, CHOICE, 0, "kv", "f32|f16|bf16|q8_0", .help = "format of the teacher's keys and values"),
    ROW(activations, CHOICE, 0, "activations", "auto|f32", .help = "what the teacher's activations are rounded to"),
    ROW(io, CHOICE, 0, "io", "auto|uring|pread", .help = "how the drive is read"),
    ROW(policy, CHOICE, 0, "policy", "auto|lru|lfru", .help = "which experts stay in memory"),
    ROW(lookahead, CHOICE, 0, "lookahead", "auto|on|off", .help = "read what the next layer will probably need"),
    ROW(forecast, FLAG, 0, "forecast", NULL, .help = "only says what it would take"),
    ROW(state, FILE, 0, "state", "DIR", .help = "folder of the ledger and of what was measured here"),
    ROW(config, FILE, 0, "config", "DIR", .help = "folder of machine.json: watts and prices"),
    ROW(json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
    ROW(home, FILE, 0, "home", "DIR", .help = "folder of models, settings and state, instead of the usual ones"),
    ROW(unrecorded, FLAG, 0, "no-ledger", NULL, .help = "keep nothing of this run; trill ledger --off: of none"),
    ROW(quiet, FLAG, 'q', "quiet", NULL, .help = "no figures and no progress on standard error"),
};

static const struct tl_command_word words[] = {{"TEACHER", offsetof(struct settings, teacher)}, {"STUDENT", offsetof(struct settings, student)}};

#define AMOUNT(kind, value) tl_amount_of_##kind(value, (char[TL_AMOUNT_BYTES]){0})

/* --- the forecast ------------------------------------------------------------------------------------------------- */

static double number(const struct tl_flat *flat, const char *prefix, const char *path) { return tl_flat_number(flat, prefix, path); }

static void note_survey(const struct tl_flat *f)
{
    const char *p = "survey.";
    tl_output_note("%s teaches %s, %s parameters, with %s\n", tl_flat_text(f, p, "teacher"), tl_flat_text(f, p, "student"),
                   AMOUNT(count, number(f, p, "student_parameters")),
                   number(f, p, "same_vocabulary") > 0 ? "the same vocabulary" : "another vocabulary");
    if (number(f, p, "documents") > 0)
        tl_output_note("%s documents: %s tokens to learn, %s held out\n", AMOUNT(count, number(f, p, "documents")),
                       AMOUNT(count, number(f, p, "corpus_tokens")), AMOUNT(count, number(f, p, "held_tokens")));
    if (number(f, p, "writes") > 0)
        tl_output_note("the teacher writes %s answers at most %s tokens long in all\n", AMOUNT(count, number(f, p, "requests")),
                       AMOUNT(count, number(f, p, "write_tokens")));
    tl_output_note("at most %s on the disk\n", AMOUNT(bytes, number(f, p, "disk_bytes")));
}

static void note_cost(const struct tl_flat *f, const char *prefix, const char *name, double tokens)
{
    tl_output_note("  %-8s %9s", name, AMOUNT(seconds, number(f, prefix, "seconds")));
    tl_output_note(" (%s - %s)", AMOUNT(seconds, number(f, prefix, "low_seconds")), AMOUNT(seconds, number(f, prefix, "high_seconds")));
    tl_output_note("  %s J  %s money", AMOUNT(number, number(f, prefix, "joules")), AMOUNT(number, number(f, prefix, "price")));
    if (tokens > 0)
        tl_output_note("  %s tokens", AMOUNT(count, tokens));
    tl_output_note("\n");
}

static int note_forecast(const char *report, const void *context)
{
    const struct settings *settings = context;
    struct tl_flat flat;
    char prefix[48];
    if (settings->quiet)
        return 0;
    int r = tl_flat_read("forecast", report, &flat);
    if (r < 0)
        return r;
    note_survey(&flat);
    for (int i = 0;; i++) {
        snprintf(prefix, sizeof prefix, "stages.%d.", i);
        if (!tl_flat_has(&flat, prefix, "stage"))
            break;
        const char *name = tl_flat_text(&flat, prefix, "stage");
        double tokens = number(&flat, prefix, "work.tokens");
        snprintf(prefix, sizeof prefix, "stages.%d.work.total.", i);
        note_cost(&flat, prefix, name, tokens);
    }
    note_cost(&flat, "", "in all", 0);
    tl_flat_done(&flat);
    return 0;
}

/* --- the report --------------------------------------------------------------------------------------------------- */

static void line_of(const struct tl_flat *f, const char *object, const char *name, struct tl_buffer *out)
{
    char prefix[24];
    snprintf(prefix, sizeof prefix, "%s.", object);
    if (!tl_flat_has(f, prefix, "perplexity"))
        return;
    tl_buffer_printf(out, "%-12s %10.3f", name, number(f, prefix, "perplexity"));
    if (tl_flat_has(f, prefix, "perplexity_se"))
        tl_buffer_printf(out, " ± %-8.3f", number(f, prefix, "perplexity_se"));
    if (tl_flat_has(f, prefix, "kl"))
        tl_buffer_printf(out, " %10.4f ± %-8.4f", number(f, prefix, "kl"), number(f, prefix, "kl_se"));
    tl_buffer_printf(out, "\n");
}

static void gain_of(const struct tl_flat *f, const char *object, const char *name, struct tl_buffer *out)
{
    char prefix[40];
    snprintf(prefix, sizeof prefix, "against_control.%s.", object);
    if (!tl_flat_has(f, prefix, "gain"))
        return;
    const char *better = tl_flat_text(f, prefix, "better");
    tl_buffer_printf(out, "%s: %s; control - student = %.4f ± %.4f nats a token, %.1f standard errors\n", name,
                     !strcmp(better, "student") ? "the distilled student is better" : !strcmp(better, "control") ? "the control is better" : "neither is better",
                     number(f, prefix, "gain"), number(f, prefix, "se"), number(f, prefix, "standard_errors"));
}

static void written_of(const struct tl_flat *f, struct tl_buffer *out)
{
    static const char *const whys[] = {"failed", "short", "cut", "loops", "unlikely", "duplicate", "near_duplicate", "unverified"};
    if (!tl_flat_has(f, "written.", "kept"))
        return;
    tl_buffer_printf(out, "written: %.0f kept", number(f, "written.", "kept"));
    for (size_t i = 0; i < TL_COUNT(whys); i++)
        if (number(f, "written.", whys[i]) > 0)
            tl_buffer_printf(out, ", %.0f %s", number(f, "written.", whys[i]), whys[i]);
    tl_buffer_printf(out, "\n");
}

static int tell(const char *report, const void *context)
{
    const struct settings *settings = context;
    struct tl_flat flat;
    struct tl_buffer out;
    int r = tl_flat_read("report", report, &flat);
    if (r < 0)
        return r;
    tl_buffer_init(&out, 0);
    written_of(&flat, &out);
    if (tl_flat_has(&flat, "student.", "perplexity"))
        tl_buffer_printf(&out, "%-12s %21s%s\n", "held out", "perplexity", tl_flat_has(&flat, "student.", "kl") ? "     KL(teacher || student)" : "");
    line_of(&flat, "teacher", "teacher", &out);
    line_of(&flat, "start", "before", &out);
    line_of(&flat, "student", "student", &out);
    line_of(&flat, "control", "control", &out);
    gain_of(&flat, "kl", "KL", &out);
    gain_of(&flat, "nll", "perplexity", &out);
    tl_job_note_warnings(&flat);
    if (!settings->quiet)
        tl_output_note("%s: %s parameters; what was made on the way lies in %s%s and may be removed\n", settings->output,
                       AMOUNT(count, number(&flat, "survey.", "student_parameters")), settings->work ? settings->work : settings->output, settings->work ? "" : ".work");
    r = tl_output_buffer(&out);
    tl_buffer_done(&out);
    tl_flat_done(&flat);
    return r;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

struct places { char *teacher, *student, *folders[2]; };

/* A student that is no model in the cache is left to the library, which knows geometries and sizes. */
static int find(struct settings *s, struct places *places)
{
    int r = s->teacher && s->student ? 0 : tl_fail(TL_E_USAGE, "%s is missing: trill distill TEACHER STUDENT --text DIR -o OUT.gguf",
                                                   s->teacher ? "STUDENT" : "TEACHER");
    if (r >= 0 && !s->output)
        r = tl_fail(TL_E_USAGE, "no place for the student: -o OUT.gguf");
    if (r >= 0)
        r = tl_place_model(s->teacher, s->home, &places->teacher);
    if (r < 0)
        return r;
    s->teacher = places->teacher;
    if (tl_place_model(s->student, s->home, &places->student) >= 0)
        s->student = places->student;
    tl_place_folders(s->home, &s->state, &s->config, places->folders);
    return 0;
}

static int carry_out(const struct settings *settings, bool forecast)
{
    struct settings own = *settings;
    own.forecast = forecast;
    return tl_job_carry_out(&(struct tl_job_order){
        .kind = "distill", .options = options, .n_options = TL_COUNT(options), .settings = &own, .quiet = own.quiet,
        .json = own.json && forecast == settings->forecast, .tell = forecast ? note_forecast : tell});
}

static int run(const void *context)
{
    struct settings settings = *(const struct settings *)context;
    struct places places = {0};
    int r = find(&settings, &places);
    if (r >= 0 && (settings.forecast || !settings.quiet))
        r = carry_out(&settings, true);
    if (r >= 0 && !settings.forecast) {
        struct tl_setup setup = {.model = settings.teacher, .state = settings.state, .config = settings.config, .quiet = settings.quiet,
                                 .no_ledger = settings.unrecorded};
        struct trill_account *account = tl_account_open("distill", &setup);
        r = carry_out(&settings, false);
        tl_account_close(account, NULL, r);
        if (r == TL_E_CANCEL && !settings.quiet)
            tl_output_note("the same command goes on from there\n");
    }
    tl_free(places.teacher);
    tl_free(places.student);
    tl_free(places.folders[0]);
    tl_free(places.folders[1]);
    return r;
}

const struct tl_command_body tl_distill_command = {
    .about = "Makes a small model from a large one and documents. Where both have the same words, the teacher is\n"
             "swept once over the very windows that the student learns from; what the student learns are ids\n"
             "drawn from its distribution, mixed with the text itself. Where they do not, or prompts are given,\n"
             "the teacher writes first, and what it wrote is filtered: loops, duplicates, what it finds unlikely\n"
             "itself, what a verifier does not pass. With --control a student without a teacher is trained on as\n"
             "many tokens, and the report says which is better. A run that is stopped or killed goes on when the\n"
             "same command is given again. docs/distill.md says more.",
    .examples = "trill distill smollm2-135m-instruct 10M --text notes/ -o small.gguf --control\n"
                "trill distill GIANT small.gguf --text corpus/ --tokens 200M -o better.gguf --forecast\n"
                "trill distill GIANT small.gguf --prompts ask.jsonl --verify 'python3 check.py' -o new.gguf\n",
    .options = options, .n_options = TL_COUNT(options),
    .words = words, .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings), .run = run,
};
