/* SPDX-License-Identifier: MIT */
/* Opens what a plan is of, and plans it by the code that the engine obeys; trill_model_plan. */
#include "api/plan.h"

#include <dirent.h>

#include "base/array.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { SCORED_TOKENS = 1 << 20, LONGEST = 1 << 30 };

#define ROW(...) TL_OPTION_ROW(struct tl_plan_options, __VA_ARGS__)
const struct tl_option tl_plan_option_rows[] = {
    ROW(model, TEXT, "model", "MODEL|GEOMETRY"),
    ROW(like, LIST, "like", "NAME"),
    ROW(machine, LIST, "machine", "FILE"),
    ROW(purposes, LIST, "for", "JOB"),
    ROW(to, TEXT, "to", "FORMAT"),
    ROW(experts, TEXT, "experts", "FORMAT"),
    ROW(trunk, TEXT, "trunk", "FORMAT"),
    ROW(embed, TEXT, "embed", "FORMAT"),
    ROW(head, TEXT, "head", "FORMAT"),
    ROW(kv, TEXT, "kv", "FORMAT"),
    ROW(activations, TEXT, "activations", "auto|f32"),
    ROW(context, U64, "context", "N", .min = 1, .max = LONGEST),
    ROW(chunk, U64, "chunk", "N", .min = 1, .max = 1 << 20),
    ROW(prompt, U64, "prompt-tokens", "N", .min = 1, .max = LONGEST),
    ROW(answer, U64, "tokens", "N", .min = 1, .max = LONGEST),
    ROW(batch, U64, "batch", "N", .min = 1, .max = 4096),
    ROW(models, FILE, "models", "DIR"),
    ROW(state, FILE, "state", "DIR"),
    ROW(config, FILE, "config", "DIR"),
#define FACT(id, n, unit, usual, meaning) ROW(facts[TL_FACT_##id], TEXT, n, "VALUE"),
#include "plan/machine.def"
#undef FACT
};
const size_t tl_plan_option_count = TL_COUNT(tl_plan_option_rows);

int tl_plan_machine(const struct tl_plan_options *options, const char *file, struct tl_machine *ret_machine)
{
    int status = tl_machine_here(file ? NULL : options->state, options->config, options->models, ret_machine);
    if (status >= 0 && file)
        status = tl_machine_read(file, true, ret_machine);
    if (status == TL_E_FILE)
        return tl_error_set(TL_E_USAGE, tl_error_text());                /* no model file, so not its fault */
    for (int i = 0; i < TL_FACTS && status >= 0; i++)
        if (options->facts[i])
            status = tl_machine_say(ret_machine, (enum tl_fact)i, options->facts[i]);
    if (status >= 0)
        tl_machine_finish(ret_machine);
    return status;
}

/* --- what a model of a plan is asked to hold ---------------------------------------------------------------------- */

struct asked { const struct tl_plan_options *options; struct tl_engine_options engine; };

static int fit(void *context, struct tl_model *model, const struct tl_plan_wish *wish, enum tl_work work, struct tl_fit *ret_fit)
{
    const struct asked *asked = context;
    struct tl_engine_options o = asked->engine;
    if (work == TL_WORK_SCORE) {
        o.score_tokens = SCORED_TOKENS;
        o.context = o.chunk = 0;
    } else if (work == TL_WORK_BATCH) {
        o.sessions = wish->batch;
        o.context = wish->prompt + wish->answer;
        o.fewer_sessions = true;
        if (o.context > tl_model_geometry(model)->context)
            return TL_E_BUDGET;
    }
    return tl_engine_fit(model, &o, ret_fit);
}

static int make(const struct asked *asked, struct tl_planned *p)
{
    const struct tl_plan_options *o = asked->options;
    struct tl_plan_wish wish = {
        .machine = &p->machine, .prompt = (uint32_t)o->prompt, .answer = (uint32_t)o->answer, .batch = (uint32_t)o->batch,
        .fit = fit, .context = (void *)asked,
    };
    return tl_plan_make(p->model, &wish, &p->plan);
}

static struct asked ask(const struct tl_plan_options *o, const struct tl_machine *machine)
{
    return (struct asked){
        .options = o,
        .engine = {
            .context = (uint32_t)o->context, .chunk = (uint32_t)o->chunk, .kv = o->kv, .exact = o->activations && !strcmp(o->activations, "f32"),
            .ram_bytes = machine->source[TL_FACT_RAM] == TL_SOURCE_SAID ? (uint64_t)machine->value[TL_FACT_RAM] : 0,
            .threads = machine->source[TL_FACT_THREADS] == TL_SOURCE_SAID ? (uint32_t)machine->value[TL_FACT_THREADS] : 0,
            .machine = machine, .plan_only = true, .process_bytes = tl_cpu_rss(),
        },
    };
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static bool ends(const char *text, const char *tail)
{
    size_t n = strlen(text), m = strlen(tail);
    return n > m && !strcmp(text + n - m, tail);
}

/* Has a folder a model, or only its configuration? */
static bool has_weights(const char *folder)
{
    bool found = false;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir)) && !found;)
        found = ends(entry->d_name, ".safetensors") || ends(entry->d_name, ".gguf") || ends(entry->d_name, ".safetensors.index.json");
    if (dir)
        closedir(dir);
    return found;
}

static bool is_model_file(const char *name)
{
    if (!tl_file_exists(name))
        return false;
    return tl_file_is_folder(name) ? has_weights(name) : !ends(name, ".json") || ends(name, ".safetensors.index.json");
}

static int open_file(struct tl_planned *p, struct asked *asked)
{
    const struct tl_plan_options *o = asked->options;
    const char *formats[] = {o->to, o->experts, o->trunk, o->embed, o->head};
    for (size_t i = 0; i < TL_COUNT(formats); i++)
        if (formats[i])
            return tl_fail(TL_E_USAGE, "%s is a model file, which has its formats; \"%s\" is for geometries", p->subject.name, formats[i]);
    asked->engine.process_bytes = 0;
    int status = tl_engine_open(p->subject.name, &asked->engine, &p->engine);
    if (status < 0)
        return status;
    asked->engine.process_bytes = p->engine->fit.process_bytes;
    p->model = p->engine->model;
    return 0;
}

/* --- geometries --------------------------------------------------------------------------------------------------- */

static const uint64_t entry_bytes = 180;         /* that a token of a vocabulary takes in memory, merges included */

static int open_outline(struct tl_planned *p, struct asked *asked, const char *format)
{
    const struct tl_plan_options *o = asked->options;
    struct tl_recipe_names names = {.to = format ? format : o->to, .experts = o->experts, .trunk = o->trunk, .embed = o->embed, .head = o->head};
    struct tl_outline_sizes whole = {0};
    struct tl_model_choices choices = {.exact = asked->engine.exact};
    if (o->kv && !(choices.kv = tl_number_by_name(o->kv)))
        return tl_fail(TL_E_USAGE, "keys and values cannot be kept as \"%.40s\" (there are: f32 f16 bf16 q8_0)", o->kv);
    if (!tl_file_exists(p->subject.name) && !tl_known_find(p->subject.name))
        return TL_E_USAGE;
    int status = tl_outlined_open(p->subject.name, &whole, &names, &choices, &p->outlined);
    if (status < 0)
        return status;
    asked->engine.process_bytes += tl_model_geometry(p->outlined->model)->vocab * entry_bytes;
    p->model = p->outlined->model;
    p->subject.known = p->outlined->outline->known;
    return 0;
}

int tl_planned_open(const struct tl_plan_options *options, const char *name, const char *format, const struct tl_machine *machine,
                    struct tl_planned *ret_planned)
{
    bool file = is_model_file(name);
    struct tl_planned planned = {.subject = {.name = name, .source = file ? "file" : "geometry"}, .machine = *machine};
    struct asked asked = ask(options, machine);
    int status = file && !format ? open_file(&planned, &asked) : open_outline(&planned, &asked, format);
    if (status >= 0)
        status = make(&asked, &planned);
    if (status < 0) {
        tl_planned_close(&planned);
        return status;
    }
    *ret_planned = planned;
    return 0;
}

void tl_planned_close(struct tl_planned *planned)
{
    tl_engine_close(planned->engine);
    tl_outlined_close(planned->outlined);
    *planned = (struct tl_planned){0};
}

/* --- of a model that is open -------------------------------------------------------------------------------------- */

static int plan_open(struct tl_engine *engine, const struct tl_plan_options *options, struct tl_buffer *json)
{
    struct tl_machine machine;
    struct tl_plan plan;
    struct tl_plan_subject subject = {.name = tl_modelfile_path(engine->file), .source = "open"};
    int status = tl_plan_machine(options, NULL, &machine);
    if (status < 0)
        return status;
    struct tl_plan_wish wish = {.machine = &machine, .prompt = (uint32_t)options->prompt, .answer = (uint32_t)options->answer};
    tl_engine_enter(engine);
    tl_plan_placed(engine->model, &wish, &engine->fit, &plan);
    tl_plan_write(&plan, engine->model, &subject, &machine, json);
    tl_engine_leave(engine);
    return json->status;
}

int trill_model_plan(struct trill_model *model, const char *options_json, char **ret_json)
{
    struct tl_plan_options options = {0};
    struct tl_buffer json;
    char *texts = NULL;
    const char *given = options_json ? options_json : "{}";
    if (!model->engine->model)
        return tl_fail(TL_E_USAGE, "a plan needs a model that was opened with its weights");
    int status = tl_options_read_json(tl_plan_option_rows, tl_plan_option_count, given, strlen(given), &options, &texts);
    tl_buffer_init(&json, 0);
    if (status >= 0)
        status = plan_open(model->engine, &options, &json);
    char *text = status >= 0 ? tl_buffer_take(&json, NULL) : NULL;
    tl_buffer_done(&json);
    tl_free(texts);
    if (status < 0)
        return status;
    *ret_json = text;
    return 0;
}
