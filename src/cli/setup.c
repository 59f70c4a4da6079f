/* SPDX-License-Identifier: MIT */
/* Opens the model for a command. What the library logs goes to stderr as it comes; the bar appears only on a terminal
 * and only when loading takes long enough to wonder. */
#include "cli/setup.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/place.h"

enum { BAR_CELLS = 40 };
#define BAR_AFTER_NS UINT64_C(500000000)
#define BAR_EVERY_NS UINT64_C(100000000)

struct load {
    bool bar;                /* the line on the terminal shows one */
    uint64_t started_ns, drawn_ns;
};

static void erase_bar(struct load *load)
{
    if (load->bar)
        tl_output_note("\r\033[K");
    load->bar = false;
}

static void log_line(void *context, int level, const char *text)
{
    struct load *load = context;
    if (level < TRILL_LOG_WARNING)
        return;
    erase_bar(load);
    tl_output_note("warning: %s\n", text);
}

static void draw_bar(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
    struct load *load = context;
    uint64_t now_ns = tl_clock_ns();
    if (now_ns - load->started_ns < BAR_AFTER_NS || now_ns - load->drawn_ns < BAR_EVERY_NS || total_bytes == 0)
        return;
    load->drawn_ns = now_ns;
    load->bar = true;
    double share = (double)done_bytes / (double)total_bytes;
    int cells = (int)(share * BAR_CELLS + 0.5);
    tl_output_note("\rloading [%.*s%*s] %3.0f %% of %.2f GB", cells, "########################################",
                   BAR_CELLS - cells, "", 100 * share, (double)total_bytes * 1e-9);
    fflush(stderr);
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
    options->vocabulary_only = needs->vocabulary_only;
    options->cancel = tl_interrupt_flag();
    options->log = log_line;
}

int tl_setup_check(const struct tl_setup *setup)
{
    if (setup->model)
        return 0;
    return tl_fail(TL_E_USAGE, "MODEL is missing: a file, a folder, or a name in the cache folder");
}

int tl_setup_open(const struct tl_setup *setup, const struct tl_setup_needs *needs, struct trill_model **ret_model)
{
    TL_AUTO char *path = NULL;
    int r = tl_setup_check(setup);
    if (r >= 0)
        r = tl_place_model(setup->model, setup->home, &path);
    if (r < 0)
        return r;
    struct load load = {.started_ns = tl_clock_ns()};
    struct trill_model_options options;
    fill(&options, setup, needs);
    options.context_pointer = &load;
    if (!setup->quiet && isatty(STDERR_FILENO))
        options.progress = draw_bar;
    r = tl_command_status(trill_model_open(path, &options, ret_model));
    erase_bar(&load);
    return r;
}
