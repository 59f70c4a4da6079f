/* SPDX-License-Identifier: MIT */
/* What the job "train" is asked for: its rows of options, and what of them goes together. */
#include <string.h>

#include "api/job.h"
#include "api/train_report.h"
#include "base/array.h"
#include "base/error.h"
#include "base/file.h"
#include "modelfile/adapter.h"

#define ROW(...) TL_OPTION_ROW(struct tl_train_options, __VA_ARGS__)
static const struct tl_option rows[] = {
    ROW(model, TEXT, "model", "PATH|GEOMETRY|SIZE"),
    ROW(size, TEXT, "size", "SIZE|auto"),
    ROW(vocab, FILE, "vocab", "PATH"),
    ROW(text, FILE, "text", "FILE|DIR"),
    ROW(output, FILE, "output", "FILE"),
    ROW(tokens, COUNT, "tokens", "N", .min = 1, .max = 1e15),
    ROW(hours, F64, "hours", "H", .max = 1e6),
    ROW(window, U64, "window", "N", .fallback = "512", .min = 2, .max = 1 << 20),
    ROW(batch, U64, "batch", "N", .fallback = "8", .min = 1, .max = 1 << 16),
    ROW(rate, F64, "rate", "RATE", .max = 1e30),
    ROW(schedule, TEXT, "schedule", "NAME", .fallback = "cosine"),
    ROW(warmup, U64, "warmup", "N", .max = 1e15),
    ROW(decay, F64, "decay", "D", .fallback = "0.1", .max = 1e3),
    ROW(clip, F64, "clip", "NORM", .fallback = "1", .max = 1e9),
    ROW(seed, U64, "seed", "N", .fallback = "0"),
    ROW(bf16, FLAG, "bf16", NULL),
    ROW(held, F64, "held", "SHARE", .fallback = "0.02", .max = 0.9),
    ROW(format, TEXT, "format", "FORMAT", .fallback = "f32"),
    ROW(lora_rank, U64, "lora-rank", "R", .max = TL_ADAPTER_MAX_RANK),
    ROW(lora_alpha, F64, "lora-alpha", "A", .max = 1e6),
    ROW(lora_targets, TEXT, "lora-targets", "NAME,..."),
    ROW(checkpoint, FILE, "checkpoint", "FILE"),
    ROW(interval, F64, "interval", "SECONDS", .fallback = "180", .max = 1e6),
    ROW(threads, U64, "threads", "N", .min = 1, .max = 4096),
    ROW(ram, BYTES, "ram", "BYTES", .min = 1, .max = 1e18),
    ROW(force, FLAG, "force", NULL),
    ROW(forecast, FLAG, "forecast", NULL),
    ROW(state, FILE, "state", "DIR"),
    ROW(config, FILE, "config", "DIR"),
    ROW(unrecorded, FLAG, "no-ledger", NULL),
};

static int check_output(const struct tl_train_options *o)
{
    if (!o->output || !*o->output)
        return tl_fail(TL_E_USAGE, "no place for the model: -o OUT.gguf");
    if (tl_file_is_folder(o->output) && (!o->lora_rank || !o->force))
        return tl_fail(TL_E_USAGE, "%s is a folder, expected a file's name", o->output);
    return tl_file_exists(o->output) && !o->force ? tl_fail(TL_E_USAGE, "%s is there already; --force replaces it", o->output) : 0;
}

static int check(const struct tl_train_options *o, struct tl_train_facts *f)
{
    int status = !o->tokens == !(o->hours > 0) ? tl_fail(TL_E_USAGE, "how long is one of the two: --tokens N or --hours H") : 0;
    f->tokens = (double)o->tokens;
    f->format = tl_number_by_name(o->format);
    if (status >= 0 && (!f->format || f->format->gguf_type < 0))
        status = tl_fail(TL_E_USAGE, "--format: \"%.40s\" is no number format of GGUF files (f32 f16 bf16 q8_0 ...)", o->format);
    if (status >= 0)
        status = tl_schedule_find(o->schedule, &f->how.schedule.kind);
    if (status >= 0 && !o->forecast && !o->text)
        status = tl_fail(TL_E_USAGE, "nothing to learn from: --text FILE|DIR");
    if (status >= 0 && !o->forecast)
        status = check_output(o);
    if (status >= 0 && !o->lora_rank && (o->lora_alpha > 0 || o->lora_targets))
        status = tl_fail(TL_E_USAGE, "adapters are trained where their rank is said: --lora-rank 8");
    if (status >= 0 && o->lora_rank && (o->size || o->forecast))
        status = tl_fail(TL_E_USAGE, "adapters are trained on a model that is there, and not forecast");
    if (status >= 0 && o->model && o->size)
        status = tl_fail(TL_E_USAGE, "%s and --size %s are two answers to one question", o->model, o->size);
    if (status >= 0 && !o->model && !o->size)
        status = tl_fail(TL_E_USAGE, "nothing to train: a model, a geometry, or --size 30M");
    return status;
}

int tl_train_options_read(struct tl_job_run *run, struct tl_train_options *ret_options, struct tl_train_facts *facts)
{
    int status = tl_job_options(run, rows, TL_COUNT(rows), ret_options);
    return status < 0 ? status : check(ret_options, facts);
}
