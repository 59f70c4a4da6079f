/* SPDX-License-Identifier: MIT */
/* Opens a model: headers, vocabulary, plan, memory, weights; in that order, so that what cannot work fails early. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/chat.h"
#include "engine/language.h"
#include "engine/prefix.h"
#include "engine/texts.h"

static int open_text(struct tl_engine *engine, const struct tl_engine_options *options)
{
    const char *text;
    size_t n_bytes;
    int status = tl_tokenizer_new(engine->file, &engine->tokenizer);
    if (status < 0)
        return status;
    tl_modelfile_drop_tokenizer_json(engine->file);
    status = tl_meta_string(engine->file, "tokenizer.chat_template", &text, &n_bytes);
    if (status > 0 && tl_template_new(text, n_bytes, &engine->template) < 0) {
        char warning[600];
        snprintf(warning, sizeof(warning), "the model's chat template is not used: %s", tl_error_text());
        engine->template = NULL;
        if (options->log)
            options->log(options->context_pointer, 1, warning);
    }
    if (engine->template)
        tl_chat_look(engine);
    return status < 0 ? status : tl_languages_new(engine);
}

static int choose(const struct tl_engine_options *options, struct tl_engine *engine, struct tl_model_choices *ret_choices)
{
    bool automatic = !options->cpu || !strcmp(options->cpu, "auto");
    engine->kernel = automatic ? tl_kernel_best() : tl_kernel_level(options->cpu);
    if (!engine->kernel)
        return tl_fail(TL_E_USAGE, "CPU level \"%.40s\" is not available here (there are: %s)", options->cpu, tl_kernel_names());
    *ret_choices = (struct tl_model_choices){ .exact = options->exact, .io = options->io, .policy = options->policy,
                                              .lookahead = options->lookahead, .log = options->log,
                                              .log_context = options->context_pointer };
    if (options->kv && strcmp(options->kv, "auto") != 0) {
        const struct tl_number *kv = tl_number_by_name(options->kv);
        bool known = kv && (kv->id == TL_NUMBER_F32 || kv->id == TL_NUMBER_F16 || kv->id == TL_NUMBER_BF16 || kv->id == TL_NUMBER_Q8_0);
        if (!known)
            return tl_fail(TL_E_USAGE, "keys and values cannot be kept as \"%.40s\" (there are: f32 f16 bf16 q8_0)", options->kv);
        ret_choices->kv = kv;
    }
    return 0;
}

static int check_vocabulary(const struct tl_engine *engine)
{
    uint32_t tokens = tl_tokenizer_size(engine->tokenizer), rows = tl_model_geometry(engine->model)->vocab;
    if (tokens > rows)
        return tl_fail(TL_E_FILE, "%s: the tokenizer has %u tokens, the embedding only %u rows", tl_modelfile_path(engine->file), tokens, rows);
    return 0;
}

static int count_texts(struct tl_engine *engine, const struct tl_engine_options *options)
{
    struct tl_texts texts = { 0 };
    engine->score_tokens = options->score_tokens;
    engine->score_taps = options->score_taps;
    if (!options->score_text)
        return 0;
    int status = tl_texts_read(&texts, engine->tokenizer, options->score_text);
    if (status >= 0 && texts.n_ids > engine->score_tokens)
        engine->score_tokens = texts.n_ids;
    tl_texts_done(&texts);
    return status;
}

static int fit(struct tl_engine *engine, const struct tl_engine_options *options)
{
    struct tl_engine_options own = *options;
    if (engine->draft_side)
        own.process_bytes = (own.process_bytes ? own.process_bytes : tl_cpu_rss()) + engine->draft_side->bytes;
    own.score_tokens = engine->score_tokens;
    own.threads = engine->pool ? tl_pool_threads(engine->pool) : options->threads;
    int status = tl_engine_fit(engine->model, &own, &engine->fit);
    engine->fit.threads_asked = options->threads > 0;
    return status;
}

static int open_adapters(struct tl_engine *engine, const struct tl_engine_options *options, struct tl_adapter_choice *choices)
{
    int status = 0;
    engine->adapters = tl_alloc(options->n_adapters + 1, sizeof(*engine->adapters));
    if (!engine->adapters)
        return TL_E_NOMEM;
    for (uint32_t i = 0; i < options->n_adapters && status >= 0; i++) {
        status = tl_adapter_open(options->adapters[i].path, &engine->adapters[i]);
        engine->n_adapters += status >= 0;
        choices[i] = (struct tl_adapter_choice){ engine->adapters[i], options->adapters[i].scale };
        if (status >= 0 && !isfinite(choices[i].scale))
            status = tl_fail(TL_E_USAGE, "%s: the scale of an adapter must be finite", options->adapters[i].path);
    }
    return status;
}

/* Those that were asked for; else the CPUs, which whoever knows the machine has counted. 0: they are not counted yet. */
static uint32_t threads_of(const struct tl_engine_options *options)
{
    const struct tl_machine *machine = options->machine;
    bool counted = machine && machine->source[TL_FACT_THREADS] == TL_SOURCE_ASKED;
    return options->threads || !counted ? options->threads : (uint32_t)machine->value[TL_FACT_THREADS];
}

static int open_model(struct tl_engine *engine, const struct tl_engine_options *options)
{
    struct tl_model_choices choices;
    TL_AUTO struct tl_adapter_choice *adapters = tl_alloc(options->n_adapters + 1, sizeof(*adapters));
    int status = adapters ? choose(options, engine, &choices) : TL_E_NOMEM;
    choices.ahead = status >= 0 && engine->draft_choice.on[TL_DRAFT_heads];
    if (status >= 0 && options->n_adapters) {
        status = open_adapters(engine, options, adapters);
        choices.adapters = adapters;
        choices.n_adapters = options->n_adapters;
    }
    if (status >= 0 && !options->plan_only)
        status = tl_pool_new(threads_of(options), &engine->pool);
    if (status >= 0)
        status = tl_model_new(engine->file, &choices, &engine->meters, &engine->model);
    if (status >= 0)
        status = check_vocabulary(engine);
    if (status >= 0 && engine->draft_choice.on[TL_DRAFT_model])
        status = tl_draft_side_open(engine, options->draft_model, engine->pool ? tl_pool_threads(engine->pool) : 1, options->sessions,
                                    &engine->draft_side);
    if (status >= 0)
        status = count_texts(engine, options);
    return status < 0 ? status : fit(engine, options);
}

static void open_drafts(struct tl_engine *engine, const struct tl_engine_options *options)
{
    struct tl_drafts *drafts = &engine->drafts;
    drafts->engine = engine;
    drafts->context = engine->fit.limits.context;
    drafts->vocab = tl_model_geometry(engine->model)->vocab;
    drafts->replays = tl_model_cache(engine->model)->records.n_layers > 0;
    drafts->log = options->log;
    drafts->log_context = options->context_pointer;
    tl_drafts_open(drafts, &engine->draft_choice);
    drafts->log = NULL;                  /* it need not live longer */
}

/* Without its folder where that does not work. */
static int open_prefix(struct tl_engine *engine, const struct tl_engine_options *options)
{
    const char *folder = tl_model_limits(engine->model)->sweep ? NULL : options->prefix_folder;
    int status = tl_prefix_new(engine, folder, options->prefix_bytes, &engine->prefix);
    if (status != TL_E_IO)
        return status;
    char warning[600];
    snprintf(warning, sizeof(warning), "prefixes are not stored: %s", tl_error_text());
    if (options->log)
        options->log(options->context_pointer, 1, warning);
    return tl_prefix_new(engine, NULL, 0, &engine->prefix);
}

static int load_model(struct tl_engine *engine, const struct tl_engine_options *options)
{
    const struct tl_model_limits *limits = &engine->fit.limits;
    int status = tl_model_place(engine->model, limits);
    if (status >= 0)
        status = tl_model_load(engine->model, engine->pool, options->cancel, options->progress, options->context_pointer);
    engine->max_sessions = limits->sweep ? 0 : limits->sessions;
    if (status >= 0 && engine->max_sessions)
        open_drafts(engine, options);
    if (status >= 0)
        status = open_prefix(engine, options);
    return status < 0 ? status : tl_scheduler_new(engine, limits->chunk);
}

int tl_engine_open(const char *path, const struct tl_engine_options *options, struct tl_engine **ret_engine)
{
    struct tl_engine *engine = tl_alloc(1, sizeof(*engine));
    if (!engine)
        return TL_E_NOMEM;
    pthread_mutex_init(&engine->lock, NULL);
    pthread_cond_init(&engine->changed, NULL);
    engine->exact = options->exact;
    int status = tl_drafts_choose(options->drafts, options->draft_model, &engine->draft_choice);
    if (status >= 0)
        status = tl_modelfile_open(path, &engine->file);
    if (status >= 0 && tl_adapter_is(engine->file))
        status = tl_fail(TL_E_USAGE, "%s is an adapter and no model: open its base, and this with --lora", path);
    if (status >= 0)
        status = open_text(engine, options);
    uint64_t begin = tl_clock_ns();
    if (status >= 0 && !options->vocabulary_only)
        status = open_model(engine, options);
    if (status >= 0 && !options->vocabulary_only && !options->plan_only)
        status = load_model(engine, options);
    engine->load_seconds = tl_clock_seconds(begin);
    if (status < 0) {
        tl_engine_close(engine);
        return status;
    }
    *ret_engine = engine;
    return 0;
}

void tl_engine_close(struct tl_engine *engine)
{
    if (!engine)
        return;
    tl_prefix_free(engine->prefix);
    tl_scheduler_free(engine);
    tl_drafts_close(&engine->drafts);
    tl_draft_side_close(engine->draft_side);
    tl_model_free(engine->model);
    for (uint32_t i = 0; i < engine->n_adapters; i++)
        tl_adapter_close(engine->adapters[i]);
    tl_free(engine->adapters);
    tl_pool_free(engine->pool);
    tl_languages_free(engine);
    tl_template_free(engine->template);
    tl_tokenizer_free(engine->tokenizer);
    tl_modelfile_close(engine->file);
    pthread_cond_destroy(&engine->changed);
    pthread_mutex_destroy(&engine->lock);
    tl_free(engine);
}
