/* SPDX-License-Identifier: MIT */
/* What can be known of the models before any of them computes: that they are there and fit, that vocabularies are those of the
 * reference, how many tokens there are. So that hours are not lost to a typing error in the last model's name. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "compress/eval_impl.h"

enum { USUAL_WINDOW = 2048, SAMPLES = 4096, SAMPLE_BYTES = 256, LOOK_CONTEXT = 512 };

/* --- opening ------------------------------------------------------------------------------------------------------ */

int tl_eval_open(struct tl_eval_run *run, const struct tl_eval_subject *subject, const struct tl_engine_options *options, struct tl_engine **ret_engine)
{
    const struct tl_eval_host *host = run->order->host;
    struct tl_engine_options own = *options;
    own.cancel = run->progress.cancel;
    return host ? host->open(host->context, subject->path, &own, ret_engine) : tl_engine_open(subject->path, &own, ret_engine);
}

void tl_eval_close(struct tl_eval_run *run, struct tl_eval_subject *subject, struct tl_engine *engine, int status)
{
    const struct tl_eval_host *host = run->order->host;
    struct tl_eval_cost none = { 0 }, cost = tl_eval_cost_so_far(run, engine);
    tl_eval_cost_add(&subject->all, &none, &cost);
    if (host)
        host->close(host->context, engine, status);
    else
        tl_engine_close(engine);
}

struct tl_eval_cost tl_eval_cost_so_far(const struct tl_eval_run *run, struct tl_engine *engine)
{
    const struct tl_eval_host *host = run->order->host;
    struct tl_eval_cost cost = { 0 };
    if (host && engine)
        host->cost(host->context, engine, &cost);
    return cost;
}

void tl_eval_cost_add(struct tl_eval_cost *to, const struct tl_eval_cost *from, const struct tl_eval_cost *until)
{
    to->joules += until->joules - from->joules;
    to->money += until->money - from->money;
    to->seconds += until->seconds - from->seconds;
    to->measured = until->measured;
    to->known = to->known || until->known;
}

/* --- digests ------------------------------------------------------------------------------------------------------ */

char *tl_eval_store_path(const struct tl_eval_run *run, const char *kind, const uint8_t digest[TL_SHA256_BYTES], const char *extension)
{
    char hex[2 * TL_SHA256_BYTES + 1], name[64];
    tl_sha256_hex(digest, hex);
    snprintf(name, sizeof(name), "%s-%.16s.%s", kind, hex, extension);
    return tl_file_join(run->order->store, name);
}

/* Names, shapes and formats, and some bytes from the middle of each tensor: trained further, a model is another one. */
static int digest_model(const struct tl_engine *engine, uint8_t ret_digest[TL_SHA256_BYTES])
{
    uint64_t n = tl_modelfile_tensors(engine->file), step = n / SAMPLES + 1, fingerprint = tl_model_cache(engine->model)->fingerprint;
    uint8_t bytes[SAMPLE_BYTES];
    struct tl_sha256 sha;
    int status = 0;
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, &fingerprint, sizeof(fingerprint));
    for (uint64_t i = 0; i < n && status >= 0; i += step) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(engine->file, i);
        uint64_t size = tensor->n_bytes < SAMPLE_BYTES ? tensor->n_bytes : SAMPLE_BYTES, at = (tensor->n_bytes - size) / 2;
        status = size ? tl_modelfile_read(engine->file, tensor, at, bytes, size) : 0;
        if (status >= 0)
            tl_sha256_add(&sha, bytes, size);
    }
    tl_sha256_end(&sha, ret_digest);
    return status;
}

static void digest_words(const struct tl_tokenizer *tokenizer, uint8_t ret_digest[TL_SHA256_BYTES])
{
    struct tl_sha256 sha;
    const char *piece;
    size_t n;
    tl_sha256_init(&sha);
    for (uint32_t id = 0; id < tl_tokenizer_size(tokenizer); id++) {
        n = 0;
        if (tl_tokenizer_piece(tokenizer, (int32_t)id, true, &piece, &n) >= 0 && n)
            tl_sha256_add(&sha, piece, n);
        tl_sha256_add(&sha, &n, sizeof(n));
    }
    tl_sha256_end(&sha, ret_digest);
}

/* --- a model ------------------------------------------------------------------------------------------------------ */

/* "/models/kimi/model.gguf": kimi. */
static void set_name(struct tl_eval_subject *subject)
{
    static const char tail[] = "/model.gguf";
    size_t n = strlen(subject->path);
    tl_modelfile_name(subject->path, n > strlen(tail) && tl_text_ends(subject->path, tail) ? n - strlen(tail) : n, subject->name, sizeof(subject->name));
}

static int look_at(struct tl_eval_run *run, const struct tl_engine *engine, struct tl_eval_subject *subject)
{
    const struct tl_geometry *geometry = tl_model_geometry(engine->model);
    subject->vocab = geometry->vocab;
    subject->context = geometry->context;
    subject->weight_bytes = tl_model_weight_bytes(engine->model);
    subject->parameters = tl_model_program(engine->model)->parameters;
    subject->active_parameters = tl_model_program(engine->model)->active_parameters;
    digest_words(engine->tokenizer, subject->words);
    int status = digest_model(engine, subject->digest);
    if (status >= 0 && run->order->text)
        status = tl_eval_text_count(run, engine, subject);
    if (status >= 0 && !subject->is_reference)
        status = tl_eval_choice_count(run, engine, subject);
    return status < 0 ? status : tl_eval_answer_count(run, engine, subject);
}

int tl_eval_look(struct tl_eval_run *run, struct tl_eval_subject *subject)
{
    struct tl_engine_options options = run->order->engine;
    struct tl_engine *engine;
    options.plan_only = options.shorter_context = true;
    options.context = options.context ? options.context : LOOK_CONTEXT;
    set_name(subject);
    int status = tl_engine_open(subject->path, &options, &engine);
    if (status < 0)
        return status;
    status = look_at(run, engine, subject);
    tl_engine_close(engine);
    for (int i = 0; i < TL_EVAL_STAGES && status >= 0; i++) {
        subject->work[i] *= (double)subject->active_parameters;
        run->work_all += subject->work[i];
    }
    return status;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static int check_vocabulary(const struct tl_eval_subject *reference, const struct tl_eval_subject *subject)
{
    if (subject->vocab != reference->vocab)
        return tl_fail(TL_E_USAGE, "%s: a vocabulary of %u tokens, that of the reference %s has %u; they must be the same", subject->path,
                       subject->vocab, reference->path, reference->vocab);
    if (memcmp(subject->words, reference->words, sizeof(subject->words)) != 0)
        return tl_fail(TL_E_USAGE, "%s: its vocabulary of %u tokens is not that of the reference %s; they must be the same", subject->path,
                       subject->vocab, reference->path);
    if (memcmp(subject->text, reference->text, sizeof(subject->text)) != 0)
        return tl_fail(TL_E_USAGE, "%s: cuts the text into other tokens than the reference %s", subject->path, reference->path);
    return 0;
}

int tl_eval_look_together(struct tl_eval_run *run)
{
    const struct tl_eval_order *order = run->order;
    uint32_t least = UINT32_MAX;
    int status = 0;
    run->eval->same_vocabulary = true;
    for (uint32_t i = 0; i < run->n_subjects && status >= 0; i++) {
        struct tl_eval_subject *subject = &run->subject[i];
        least = subject->context && subject->context < least ? subject->context : least;
        run->eval->same_vocabulary &= memcmp(subject->text, run->subject[0].text, sizeof(subject->text)) == 0 &&
                                      memcmp(subject->words, run->subject[0].words, sizeof(subject->words)) == 0;
        if (run->reference && order->text && subject != run->reference)
            status = check_vocabulary(run->reference, subject);
    }
    uint32_t usual = order->engine.context ? order->engine.context : USUAL_WINDOW;
    run->window = order->window ? order->window : least < usual ? least : usual;
    run->stride = order->stride ? order->stride : run->window;
    if (status >= 0 && (run->window < 2 || run->stride > run->window))
        status = tl_fail(TL_E_USAGE, "windows of %u tokens every %u, expected windows of 2 or more and strides up to that", run->window, run->stride);
    return status;
}
