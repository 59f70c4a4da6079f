/* SPDX-License-Identifier: MIT */
/* The job "train": a model that learns texts (room train), written as a GGUF file, with its costs in the ledger; with
 * "forecast" only what it would be. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/account.h"
#include "api/job.h"
#include "api/train_report.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "kernel/peak.h"
#include "model/arch.h"
#include "plan/loss.h"
#include "train/train_work.h"

enum { HELD_WINDOWS = 64, NOTES = 4 };
static const double seconds_of_hour = 3600, f32_share = 0.5, peak_seconds = 0.15, held_cost = 0.03;

struct job {
    struct tl_job_run *run;
    struct tl_train_options options;
    struct tl_train_facts facts;
    uint64_t told;
    struct tl_modelfile *words;          /* of --vocab */
    struct tl_student *student;
    struct tl_corpus *corpus;
    struct tl_train_work work;
    struct trill_account *account;
    char *checkpoint;                    /* where nobody names one */
    char source[32], stage[96];          /* the size that was chosen; what progress says */
};

static void warn(void *context, const char *text)
{
    const struct job *job = context;
    tl_job_warn(job->run, text);
}

/* --- what is trained ---------------------------------------------------------------------------------------------- */

/* Half of the peak that the machine is known to have: it is not measured here, so that the same command means the same. */
static int choose_size(struct job *job)
{
    const struct tl_train_options *o = &job->options;
    struct tl_tokenizer *tokenizer;
    struct tl_machine machine;
    struct tl_student_choice choice;
    if (!job->words)
        return tl_fail(TL_E_USAGE, "--size auto: name a model whose words it takes (--vocab MODEL)");
    int status = tl_tokenizer_new(job->words, &tokenizer);
    if (status < 0)
        return status;
    if (tl_machine_here(o->state, o->config, NULL, &machine) < 0)
        warn(job, tl_error_text());
    tl_machine_finish(&machine);
    double operations = o->hours * seconds_of_hour * f32_share * machine.value[TL_FACT_F32];
    tl_student_choose(tl_tokenizer_size(tokenizer), operations, job->facts.tokens, &choice);
    tl_tokenizer_free(tokenizer);
    snprintf(job->source, sizeof(job->source), choice.size >= 1e9 ? "%.1fB" : choice.size >= 1e7 ? "%.0fM" : choice.size >= 1e6 ? "%.1fM" : "%.0fk",
             choice.size * (choice.size >= 1e9 ? 1e-9 : choice.size >= 1e6 ? 1e-6 : 1e-3));
    job->facts.expected_tokens = choice.tokens;
    return 0;
}

static int open_student(struct job *job)
{
    struct tl_train_options *o = &job->options;
    struct tl_train_facts *f = &job->facts;
    int status = o->vocab ? tl_modelfile_open(o->vocab, &job->words) : 0;
    f->source = o->model ? o->model : o->size;
    f->expected_tokens = f->tokens;
    if (status >= 0 && o->size && strcmp(o->size, "auto") == 0) {
        status = choose_size(job);
        f->source = job->source;
    }
    if (status >= 0 && o->lora_rank)
        status = tl_student_open_base(f->source, &job->student);
    else if (status >= 0)
        status = tl_student_open(f->source, job->words, &job->student);
    if (status < 0)
        return status;
    const struct tl_geometry *geometry = tl_model_geometry(job->student->model);
    f->student = job->student;
    f->parameters = tl_model_program(job->student->model)->parameters;
    if (f->expected_tokens > 0 && job->student->drawn)
        f->predicted_loss = tl_loss((double)f->parameters, f->expected_tokens);
    if (o->window > geometry->context)
        return tl_fail(TL_E_USAGE, "windows of %" PRIu64 " tokens; the model takes at most %u", o->window, geometry->context);
    return 0;
}

/* --- training ----------------------------------------------------------------------------------------------------- */

static void told(void *context, const struct tl_train_step *step)
{
    struct job *job = context;
    struct tl_ledger_row *row = tl_account_row(job->account);
    double joules = row->value[TL_LEDGER_JOULES].real;
    if (!job->told++)
        job->facts.resumed_tokens = step->tokens - job->options.batch * job->options.window;
    const char *unit = joules < 1e4 ? "J" : joules < 1e7 ? "kJ" : "MJ";
    tl_ledger_set_count(row, TL_LEDGER_TRAINED, step->tokens - job->facts.resumed_tokens);
    snprintf(job->stage, sizeof(job->stage), "loss %.3f, %.0f tok/s, %.0f %s", step->loss, step->tokens_per_s,
             joules * (joules < 1e4 ? 1 : joules < 1e7 ? 1e-3 : 1e-6), unit);
    job->run->progress.stage = job->stage;
}

/* So seldom that looking costs a few hundredths of the time; a window without its way back costs a third of one with it. */
static uint64_t held_every(const struct tl_train_options *o)
{
    uint64_t every = (uint64_t)(HELD_WINDOWS / 3.0 / held_cost / (double)o->batch);
    return every < 10 ? 10 : every;
}

static int order(struct job *job)
{
    struct tl_train_options *o = &job->options;
    struct tl_schedule schedule = {.kind = job->facts.how.schedule.kind, .least = 0.1, .decay_share = 0.2, .warmup = o->warmup};
    if (!o->checkpoint && !(job->checkpoint = tl_file_beside(o->output, ".checkpoint")))
        return TL_E_NOMEM;
    schedule.peak = o->rate > 0 ? o->rate : tl_student_rate(job->facts.parameters, job->student->drawn || o->lora_rank);
    job->facts.how = (struct tl_train_how){
        .batch = (uint32_t)o->batch, .window = (uint32_t)o->window, .tokens = (uint64_t)job->facts.tokens, .seconds = o->hours * seconds_of_hour,
        .seed = o->seed, .ram_bytes = o->ram, .threads = (uint32_t)o->threads, .bf16 = o->bf16, .schedule = schedule,
        .adamw = {.decay = o->decay > 0 ? (float)o->decay : -1, .clip = o->clip > 0 ? (float)o->clip : -1},
        .checkpoint = o->checkpoint ? o->checkpoint : job->checkpoint, .checkpoint_seconds = o->interval, .anew = o->force,
        .held_every = held_every(o), .held_windows = HELD_WINDOWS, .plan = &job->facts.plan, .progress = &job->run->progress,
        .told = told, .warn = warn, .context = job,
    };
    return 0;
}

static int read_corpus(struct job *job)
{
    const struct tl_train_options *o = &job->options;
    uint64_t taken = tl_cpu_rss();
    struct tl_corpus_how how = {
        .tokenizer = job->student->tokenizer, .template = job->student->template, .window = (uint32_t)o->window, .held_share = o->held,
        .ram_bytes = !o->ram ? 0 : o->ram > taken ? o->ram - taken : 1, .progress = &job->run->progress,
    };
    int status = tl_corpus_read(o->text, &how, &job->corpus);
    if (status < 0)
        return status;
    tl_corpus_count(job->corpus, &job->facts.counts);
    if (job->facts.counts.left_out) {
        char text[128];
        snprintf(text, sizeof(text), "%" PRIu64 " files are no text and were left out", job->facts.counts.left_out);
        warn(job, text);
    }
    if (o->held > 0 && !job->facts.counts.held_documents)
        warn(job, "a single document: nothing is held out, so that nobody knows how much was learnt by heart");
    return 0;
}

static int make_work(struct job *job)
{
    struct tl_train_options *o = &job->options;
    const struct tl_lora_how lora = {.rank = (uint32_t)o->lora_rank, .alpha = o->lora_alpha, .targets = o->lora_targets, .seed = o->seed};
    int status = tl_train_work_init(&job->work, job->student, o->lora_rank ? &lora : NULL, &job->facts.how);
    if (status < 0)
        return status;
    job->facts.plan = job->work.plan;
    if (o->lora_rank) {
        const struct tl_weights *weights = job->work.weights;
        o->lora_alpha = weights->lora->alpha;
        job->facts.adapter_parameters = weights->n_values;
        job->facts.adapter_matrices = weights->lora->n_pairs;
    }
    return 0;
}

/* What the file says of itself; nothing in it depends on when or where. */
static int write_model(struct job *job)
{
    const struct tl_train_options *o = &job->options;
    uint8_t digest[TL_SHA256_BYTES];
    char hex[2 * TL_SHA256_BYTES + 1], recipe[256], name[128];
    const char *base = strrchr(job->facts.source, '/');
    if (o->lora_rank)
        return tl_lora_write(job->work.weights, base ? base + 1 : job->facts.source, o->output);
    tl_corpus_digest(job->corpus, digest);
    tl_sha256_hex(digest, hex);
    snprintf(name, sizeof(name), "%s, trained", base ? base + 1 : job->facts.source);
    snprintf(recipe, sizeof(recipe), "{\"tokens\":%" PRIu64 ",\"steps\":%" PRIu64 ",\"window\":%" PRIu64 ",\"batch\":%" PRIu64 ",\"seed\":%" PRIu64
             ",\"rate\":%.9g,\"schedule\":\"%s\"}", job->facts.trained.last.tokens, job->facts.trained.last.step, o->window, o->batch, o->seed,
             job->facts.how.schedule.peak, tl_schedules[job->facts.how.schedule.kind].name);
    const struct tl_weights_note notes[NOTES] = {
        {"general.name", name}, {"trill.train.corpus_sha256", hex}, {"trill.train.recipe", recipe}, {"trill.train.from", job->student->drawn ? "drawn" : "weights"},
    };
    return tl_weights_write(job->work.weights, job->facts.format, job->student->vocabulary, notes, NOTES, o->output, &job->run->progress);
}

/* What was learnt before a loss was not finite is written too, and said. */
static int save_rest(struct job *job, int status)
{
    TL_AUTO char *sentence = tl_strdup(tl_error_text());
    if (status != TL_E_FAIL || job->facts.trained.last.step == 0 || !sentence)
        return status;
    status = write_model(job);
    return status < 0 ? status : tl_fail(TL_E_FAIL, "%s; %s holds them", sentence, job->options.output);
}

static int train(struct job *job)
{
    struct tl_train_facts *f = &job->facts;
    bool adapts = job->options.lora_rank;
    uint64_t read_bytes = adapts ? tl_meter_get(job->student->meters, TL_METER_DRIVE_BYTES) : 0;
    int status = tl_train(job->work.weights, job->corpus, &f->how, &f->trained);
    f->read_bytes = adapts ? tl_meter_get(job->student->meters, TL_METER_DRIVE_BYTES) - read_bytes : 0;
    if (status < 0)
        return save_rest(job, status);
    tl_ledger_set_count(tl_account_row(job->account), TL_LEDGER_TRAINED, f->trained.run_tokens);
    status = write_model(job);
    if (status >= 0)
        tl_train_forget(&f->how);
    return status;
}

static void measure(struct job *job)
{
    struct tl_pool *pool;
    if (tl_pool_new(job->facts.plan.threads, &pool) < 0)
        return;
    job->facts.f32_peak = tl_peak_arithmetic(pool, tl_kernel_best(), tl_peak_f32_flops, peak_seconds);
    tl_pool_free(pool);
}

/* --- the job ------------------------------------------------------------------------------------------------------ */

static int open_account(struct job *job)
{
    const struct tl_train_options *o = &job->options;
    const struct trill_account_options facts = {
        .size = sizeof(facts), .command = "train", .model = job->facts.source, .state = o->state, .config = o->config, .unrecorded = o->unrecorded,
    };
    int status = trill_account_open(&facts, &job->account);
    if (status >= 0) {
        tl_ledger_set_count(tl_account_row(job->account), TL_LEDGER_PARAMETERS, job->facts.parameters);
        tl_ledger_set_text(tl_account_row(job->account), TL_LEDGER_ARCHITECTURE, tl_model_geometry(job->student->model)->arch->name);
    }
    return status;
}

static int learn(struct job *job)
{
    int status = open_account(job);
    if (status >= 0)
        status = read_corpus(job);
    if (status >= 0)
        status = order(job);
    if (status >= 0)
        status = make_work(job);
    if (status >= 0)
        status = train(job);
    if (status >= 0) {
        job->facts.row = *tl_account_row(job->account);
        measure(job);
    }
    trill_account_close(job->account, status);
    return status;
}

static void done(struct job *job)
{
    tl_train_work_done(&job->work);
    tl_corpus_free(job->corpus);
    tl_student_close(job->student);
    tl_modelfile_close(job->words);
    tl_free(job->checkpoint);
    tl_free(job);
}

int tl_job_train(struct tl_job_run *run)
{
    struct job *job = tl_alloc(1, sizeof(*job));
    if (!job)
        return TL_E_NOMEM;
    job->run = run;
    int status = tl_train_options_read(run, &job->options, &job->facts);
    if (status >= 0)
        status = open_student(job);
    if (status >= 0 && !job->options.forecast)
        status = learn(job);
    if (status >= 0)
        tl_train_report(&job->options, &job->facts, run);
    done(job);
    return status;
}
