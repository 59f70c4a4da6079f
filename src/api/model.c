/* SPDX-License-Identifier: MIT */
/* trill_model: opening, figures, and the few calls without a handle. */
#include "api/api.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/arch.h"

const char *trill_version(void) { return TRILL_VERSION; }
const char *trill_error(void) { return tl_error_text(); }
int trill_exit_code(int status) { return tl_status_exit(status); }
void trill_free(void *memory) { tl_free(memory); }
const char *trill_drafts(void) { return tl_drafts_names(); }
const char *trill_cpu_levels(void) { return tl_kernel_names(); }

void trill_model_options_init(struct trill_model_options *options, size_t size)
{
    static const struct trill_model_options preset = { .size = sizeof(preset) };
    tl_api_out(options, size, &preset, sizeof(preset));
}

enum { TL_ADAPTERS = 64, LONGEST_CHUNK = 1 << 20 };

static int translate_order(const char *order, struct tl_engine_options *to)
{
    if (!order || strcmp(order, "auto") == 0)
        return 0;
    if (strcmp(order, "layer") == 0) {
        to->better_chunk = LONGEST_CHUNK;
        return 0;
    }
    if (strcmp(order, "token") != 0)
        return tl_fail(TL_E_USAGE, "order \"%.40s\" is not known (there are: auto token layer)", order);
    to->chunk = to->chunk ? to->chunk : 1;
    to->score_tokens = 0;
    to->score_text = NULL;
    return 0;
}

static int translate(const struct trill_model_options *from, struct tl_engine_adapter adapters[TL_ADAPTERS], struct tl_engine_options *to)
{
    const char *activations = from->activations ? from->activations : "auto";
    if (strcmp(activations, "auto") != 0 && strcmp(activations, "f32") != 0)
        return tl_fail(TL_E_USAGE, "activations \"%.40s\" are not known (there are: auto f32)", activations);
    if (from->n_adapters > TL_ADAPTERS)
        return tl_fail(TL_E_USAGE, "%zu adapters, at most %d are supported", from->n_adapters, TL_ADAPTERS);
    for (size_t i = 0; i < from->n_adapters; i++)
        adapters[i] = (struct tl_engine_adapter){ from->adapters[i].path, from->adapters[i].scale };
    *to = (struct tl_engine_options){
        .threads = from->threads, .context = from->context, .sessions = from->sessions, .chunk = from->chunk,
        .better_chunk = from->better_chunk,
        .ram_bytes = from->ram_bytes, .cpu = from->cpu, .kv = from->kv, .exact = !strcmp(activations, "f32"),
        .vocabulary_only = from->vocabulary_only, .log = from->log, .progress = from->progress,
        .context_pointer = from->context_pointer, .cancel = from->cancel, .io = from->io, .policy = from->policy,
        .lookahead = from->lookahead, .fewer_sessions = from->fewer_sessions, .shorter_context = from->shorter_context,
        .score_tokens = from->score_tokens, .score_text = from->score_text,
        .score_taps = from->score_statistics, .prefix_folder = from->prefix_folder, .prefix_bytes = from->prefix_bytes,
        .adapters = adapters, .n_adapters = (uint32_t)from->n_adapters, .drafts = from->drafts, .draft_model = from->draft_model,
    };
    return translate_order(from->order, to);
}

/* Facts of this machine; what cannot be read of them is as usual. */
static void know_machine(const struct trill_model_options *options, struct tl_machine *ret_machine)
{
    if (tl_machine_here(options->state, options->config, NULL, ret_machine) < 0 && options->log)
        options->log(options->context_pointer, TRILL_LOG_WARNING, tl_error_text());
    tl_machine_finish(ret_machine);
}

int trill_model_open(const char *path, const struct trill_model_options *options, struct trill_model **ret_model)
{
    struct trill_model_options known = { .size = sizeof(known) };
    struct tl_engine_options engine_options;
    struct tl_engine_adapter adapters[TL_ADAPTERS];
    struct tl_machine machine;
    tl_api_in(&known, sizeof(known), options);
    int status = translate(&known, adapters, &engine_options);
    if (status < 0)
        return status;
    if (!known.vocabulary_only) {
        know_machine(&known, &machine);
        engine_options.machine = &machine;
    }
    struct trill_model *model = tl_alloc(1, sizeof(*model));
    if (!model)
        return TL_E_NOMEM;
    status = tl_engine_open(path, &engine_options, &model->engine);
    if (status < 0) {
        tl_free(model);
        return status;
    }
    *ret_model = model;
    return 0;
}

void trill_model_close(struct trill_model *model)
{
    if (model)
        tl_engine_close(model->engine);
    tl_free(model);
}

static const char *widest_format(const struct tl_modelfile *file)
{
    uint64_t bytes[TL_NUMBERS] = { 0 };
    int widest = 0;
    for (uint64_t i = 0; i < tl_modelfile_tensors(file); i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(file, i);
        if (tensor->number)
            bytes[tensor->number->id] += tensor->n_bytes;
    }
    for (int i = 1; i < TL_NUMBERS; i++)
        widest = bytes[i] > bytes[widest] ? i : widest;
    return tl_number((enum tl_number_id)widest)->name;
}

static void fill_model(struct tl_engine *engine, struct trill_model_figures *f)
{
    const struct tl_geometry *g = tl_model_geometry(engine->model);
    const struct tl_model_limits *limits = tl_model_limits(engine->model);
    f->parameters = tl_model_program(engine->model)->parameters;
    f->active_parameters = tl_model_program(engine->model)->active_parameters;
    f->weight_bytes = tl_model_weight_bytes(engine->model);
    f->bytes_per_token = tl_model_program(engine->model)->product_bytes;
    f->kv_bytes_per_token = tl_cache_token_bytes(tl_model_cache(engine->model));
    f->context = limits->context;
    f->experts = tl_store_experts(tl_model_store(engine->model));
    f->expert_frames = limits->frames;
    f->expert_bytes = tl_store_frame_bytes(tl_model_store(engine->model));
    f->expert_hits = tl_meter_get(&engine->meters, TL_METER_EXPERT_HITS);
    f->expert_misses = tl_meter_get(&engine->meters, TL_METER_EXPERT_MISSES);
    f->drive_bytes = tl_meter_get(&engine->meters, TL_METER_DRIVE_BYTES);
    f->drive_busy_seconds = (double)tl_meter_get(&engine->meters, TL_METER_DRIVE_BUSY_NS) * 1e-9;
    f->stall_seconds = (double)tl_meter_get(&engine->meters, TL_METER_STALL_NS) * 1e-9;
    f->lookahead_reads = tl_meter_get(&engine->meters, TL_METER_AHEAD_READS);
    f->lookahead_uses = tl_meter_get(&engine->meters, TL_METER_AHEAD_USES);
    f->missed_bytes = tl_meter_get(&engine->meters, TL_METER_MISSED_BYTES);
    f->decode_missed_bytes = tl_meter_get(&engine->meters, TL_METER_DECODE_MISSED_BYTES);
    f->prefill_tokens = tl_meter_get(&engine->meters, TL_METER_PREFILL_TOKENS);
    f->decode_tokens = tl_meter_get(&engine->meters, TL_METER_DECODE_TOKENS);
    f->prefill_seconds = (double)tl_meter_get(&engine->meters, TL_METER_PREFILL_NS) * 1e-9;
    f->decode_seconds = (double)tl_meter_get(&engine->meters, TL_METER_DECODE_NS) * 1e-9;
    f->memory_bytes = tl_meter_get(&engine->meters, TL_METER_MEMORY_BYTES);
    f->passing_bytes = tl_store_passing_bytes(tl_model_store(engine->model));
    f->ring_bytes = tl_store_ring_bytes(tl_model_store(engine->model));
    f->threads = limits->threads;
    f->sessions = limits->sessions;
    f->trained_context = g->context;
    f->layers = g->n_layers;
    f->width = g->width;
    f->architecture = g->arch->name;
    f->cpu = engine->kernel->name;
    f->kv = tl_model_cache(engine->model)->format->name;
}

int trill_model_figures(struct trill_model *model, struct trill_model_figures *figures, size_t size)
{
    struct tl_engine *engine = model->engine;
    struct trill_model_figures f = {
        .size = sizeof(f), .budget_bytes = engine->fit.budget_bytes, .planned_bytes = engine->fit.planned_bytes,
        .peak_bytes = tl_cpu_peak_rss(), .read_bytes = tl_meter_get(&engine->meters, TL_METER_FILE_BYTES) + tl_meter_get(&engine->meters, TL_METER_DRIVE_BYTES),
        .load_seconds = engine->load_seconds, .vocabulary = tl_tokenizer_size(engine->tokenizer),
        .architecture = "", .cpu = "", .kv = "", .format = widest_format(engine->file), .activations = engine->exact ? "f32" : "auto",
    };
    if (engine->model) {
        fill_model(engine, &f);
        f.vocabulary = tl_model_geometry(engine->model)->vocab;
    }
    tl_api_out(figures, size, &f, sizeof(f));
    return 0;
}

int trill_model_explain(struct trill_model *model, char **ret_text)
{
    struct tl_buffer text;
    size_t n_bytes;
    tl_buffer_init(&text, 0);
    tl_buffer_append(&text, "", 0);
    if (model->engine->model)
        tl_fit_explain(&model->engine->fit, &text);
    int status = text.status;
    char *taken = tl_buffer_take(&text, &n_bytes);
    if (status >= 0 && !taken)
        status = TL_E_NOMEM;
    if (status < 0)
        return status;
    *ret_text = taken;
    return 0;
}
