/* SPDX-License-Identifier: MIT */
/* Opens the model for a command. What the library logs goes to stderr as it comes, and a bar where loading takes long. */
#include "cli/setup.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/parse.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/progress.h"
#include "cli/tuning.h"

struct load {
    struct tl_progress_bar bar;
    uint64_t started_ns;
    const struct tl_setup_needs *needs;
};

static void log_line(void *context, int level, const char *text)
{
    struct load *load = context;
    if (level < TRILL_LOG_WARNING)
        return;
    tl_progress_erase(&load->bar);
    tl_output_note("warning: %s\n", text);
}

static void draw_bar(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
    struct load *load = context;
    double seconds = tl_clock_seconds(load->started_ns);
    if (load->needs->progress)
        load->needs->progress(load->needs->progress_context, done_bytes, total_bytes);
    tl_progress_draw(&load->bar, &(struct trill_progress){
        .size = sizeof(struct trill_progress), .stage = "loading", .done = done_bytes, .total = total_bytes, .unit = "bytes",
        .seconds = seconds, .seconds_left = -1 });
}

static void fill(struct trill_model_options *options, const struct tl_setup *setup, const struct tl_setup_needs *needs)
{
    trill_model_options_init(options, sizeof *options);
    options->threads = (uint32_t)setup->threads;
    options->ram_bytes = setup->ram_bytes;
    options->context = setup->context ? (uint32_t)setup->context : needs->context;
    options->sessions = needs->sessions;
    options->chunk = (uint32_t)setup->chunk;
    options->cpu = setup->cpu;
    options->kv = setup->kv;
    options->activations = setup->activations;
    options->io = setup->io;
    options->policy = setup->policy;
    options->lookahead = setup->lookahead;
    options->order = setup->order;
    options->drafts = setup->drafts;
    options->draft_model = setup->draft_model;
    options->vocabulary_only = needs->vocabulary_only;
    options->fewer_sessions = needs->fewer_sessions;
    options->shorter_context = needs->shorter_context && !setup->context;
    options->score_text = needs->score_text;
    options->score_tokens = needs->score_tokens;
    options->score_statistics = needs->score_statistics;
    options->prefix_folder = needs->prefix_folder;
    options->prefix_bytes = needs->prefix_bytes;
    options->cancel = tl_interrupt_flag();
    options->log = log_line;
}

/* What was measured to be best for this model here, where nothing else is said. */
static void fill_tuned(struct trill_model_options *options, const struct tl_tuning *tuning)
{
    options->threads = options->threads ? options->threads : (uint32_t)tuning->threads;
    options->better_chunk = (uint32_t)tuning->chunk;
    options->io = options->io ? options->io : tuning->io;
    options->policy = options->policy ? options->policy : tuning->policy;
    options->lookahead = options->lookahead ? options->lookahead : tuning->lookahead;
}

int tl_setup_check(const struct tl_setup *setup)
{
    if (setup->model)
        return 0;
    return tl_fail(TL_E_USAGE, "MODEL is missing: a file, a folder, or a name in the cache folder");
}

static int read_adapters(const struct tl_setup *setup, struct trill_adapter adapters[TL_OPTION_LIST_MAX], char *paths[TL_OPTION_LIST_MAX])
{
    for (size_t i = 0; i < setup->lora.count; i++) {
        double scale = 1;
        paths[i] = tl_strndup(setup->lora.items[i], tl_parse_scaled(setup->lora.items[i], &scale));
        if (!paths[i])
            return TL_E_NOMEM;
        adapters[i] = (struct trill_adapter){paths[i], (float)scale};
    }
    return 0;
}

/* What the budget holds, and why. */
static int explain(struct trill_model *model)
{
    char *text;
    int r = tl_command_status(trill_model_explain(model, &text));
    if (r < 0)
        return r;
    tl_output_note("%s", text);
    trill_free(text);
    return 0;
}

int tl_setup_open(const struct tl_setup *setup, const struct tl_setup_needs *needs, struct trill_model **ret_model)
{
    TL_AUTO char *path = NULL, *state = NULL, *config = NULL;
    int r = tl_setup_check(setup);
    if (r >= 0)
        r = tl_place_model(setup->model, setup->home, &path);
    if (r < 0)
        return r;
    struct load load = {.bar = {.quiet = setup->quiet}, .started_ns = tl_clock_ns(), .needs = needs};
    struct trill_model_options options;
    struct tl_tuning tuning = {0};
    struct trill_adapter adapters[TL_OPTION_LIST_MAX];
    char *paths[TL_OPTION_LIST_MAX] = {0};
    fill(&options, setup, needs);
    options.adapters = adapters;
    options.n_adapters = setup->lora.count;
    if (!needs->vocabulary_only)
        tl_tuning_read(path, setup->home, &tuning);
    fill_tuned(&options, &tuning);
    if (tl_place_state(setup->home, &state) >= 0 && tl_place_config(setup->home, &config) >= 0) {    /* where there is no home, nothing was said */
        options.state = state;
        options.config = config;
    }
    options.context_pointer = &load;
    options.progress = draw_bar;
    r = read_adapters(setup, adapters, paths);
    if (r >= 0)
        r = tl_command_status(trill_model_open(path, &options, ret_model));
    for (size_t i = 0; i < setup->lora.count; i++)
        tl_free(paths[i]);
    tl_progress_erase(&load.bar);
    if (r >= 0 && setup->explain && (r = explain(*ret_model)) < 0)
        trill_model_close(*ret_model);
    if (r >= 0 && setup->explain && (tuning.threads || tuning.chunk || tuning.io || tuning.policy || tuning.lookahead))
        tl_output_note("%-10s What trill tune found here is used where nothing else is said; --show tells it.\n", "tuned");
    tl_tuning_done(&tuning);
    return r;
}
