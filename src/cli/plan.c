/* SPDX-License-Identifier: MIT */
/* trill plan: what a model will cost on a machine, before anything is loaded. The library makes the plan; here names are
 * found, and the report is told. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/job.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/plan_report.h"

struct settings {
    const char *model, *to, *experts, *trunk, *embed, *head, *kv, *activations, *home;
    struct tl_option_list like, machine, purposes;
    uint64_t context, chunk, prompt, answer, batch;
    const char *threads, *ram, *disk, *memory, *drive, *flops, *flops_bf16, *flops_f32, *watts, *price_kwh, *price_hour, *carbon, *pue;
    const char *svg;
    bool json, quiet, explain;
};

/* What the library gets besides: where things lie on this machine. */
struct order { struct settings settings; const char *models, *state, *config; };

#define ROW(...) TL_COMMAND_OPTION(struct settings, __VA_ARGS__)
#define JOB_ROWS                                                                                                        \
    ROW(model, TEXT, 'm', "model", "MODEL|GEOMETRY", .help = "a file, a folder, a name in the cache, a config.json, a known model"), \
    ROW(like, LIST, 0, "like", "NAME,...", .help = "others to be set beside it"),                                       \
    ROW(to, TEXT, 0, "to", "FORMAT,...", .help = "of geometries: formats of matrices, such as q4_k, compared"), \
    ROW(experts, TEXT, 0, "experts", "FORMAT", .help = "of geometries: that of routed experts alone"),                  \
    ROW(trunk, TEXT, 0, "trunk", "FORMAT", .help = "of geometries: that of all other matrices"),                        \
    ROW(embed, TEXT, 0, "embed", "FORMAT", .help = "of geometries: that of the embedding"),                             \
    ROW(head, TEXT, 0, "head", "FORMAT", .help = "of geometries: that of the head"),                                    \
    ROW(kv, CHOICE, 0, "kv", "f32|f16|bf16|q8_0", .help = "format of keys and values; f32 for f32 models, else f16, latents bf16"), \
    ROW(activations, CHOICE, 0, "activations", "auto|f32", .help = "what activations are rounded to; f32: not at all"),  \
    ROW(context, U64, 'c', "context", "N", .min = 1, .max = 1 << 30, .help = "tokens a sequence may hold; as many as are of use"), \
    ROW(chunk, U64, 0, "chunk", "N", .min = 1, .max = 1 << 20, .help = "tokens of a prompt that are computed together"), \
    ROW(prompt, U64, 'p', "prompt-tokens", "N", .fallback = "512", .min = 1, .max = 1 << 30, .help = "tokens of a request's prompt"), \
    ROW(answer, U64, 'n', "tokens", "N", .fallback = "128", .min = 1, .max = 1 << 30, .help = "tokens of its answer"),  \
    ROW(batch, U64, 0, "batch", "N", .fallback = "32", .min = 1, .max = 4096, .help = "requests that are answered together"), \
    ROW(machine, LIST, 0, "machine", "FILE", .help = "another machine, described in a file; several are compared"),     \
    ROW(purposes, LIST, 0, "for", "JOB", .help = "what a job costs: \"1 Mtok score\", \"distill 300M student 2B tokens\""), \
    ROW(threads, TEXT, 't', "threads", "N", .help = "threads that compute; one per CPU unless given"),                  \
    ROW(ram, TEXT, 0, "ram", "BYTES", .help = "all memory the process may take: 20G, 512M"),                            \
    ROW(disk, TEXT, 0, "disk", "BYTES", .help = "free space where models are kept"),                                    \
    ROW(memory, TEXT, 0, "memory", "RATE", .help = "what all threads read from memory: 80GB/s"),                        \
    ROW(drive, TEXT, 0, "drive", "RATE", .help = "what the drive gives: 7GB/s"),                                        \
    ROW(flops, TEXT, 0, "flops", "OPS", .help = "int8 operations a second: 2T; a multiply and an add are two"),       \
    ROW(flops_bf16, TEXT, 0, "flops-bf16", "OPS", .help = "the same in bf16; half as many unless given"),               \
    ROW(flops_f32, TEXT, 0, "flops-f32", "OPS", .help = "the same in f32; a quarter unless given"),                     \
    ROW(watts, TEXT, 0, "watts", "W", .help = "power of the whole machine at work"),                                    \
    ROW(price_kwh, TEXT, 0, "price-kwh", "PRICE", .help = "price of a kilowatt-hour"),                                  \
    ROW(price_hour, TEXT, 0, "price-hour", "PRICE", .help = "price of an hour of the machine, electricity apart"),      \
    ROW(carbon, TEXT, 0, "carbon", "GRAMS", .help = "CO2 equivalent of a kilowatt-hour"),                               \
    ROW(pue, TEXT, 0, "pue", "N", .help = "power drawn for each watt that computes")

static const struct tl_option options[] = {
    JOB_ROWS,
    ROW(json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
    ROW(svg, FILE, 0, "svg", "FILE", .help = "a picture too: the roofline of one, the costs of several"),
    ROW(explain, FLAG, 0, "explain", NULL, .help = "why it is held and cut as it is"),
    ROW(quiet, FLAG, 'q', "quiet", NULL, .help = "no progress on standard error"),
    ROW(home, FILE, 0, "home", "DIR", .help = "folder of models, settings and state, instead of the usual ones"),
};

static const struct tl_option job_options[] = {
    JOB_ROWS,
    TL_COMMAND_OPTION(struct order, models, FILE, 0, "models", "DIR"),
    TL_COMMAND_OPTION(struct order, state, FILE, 0, "state", "DIR"),
    TL_COMMAND_OPTION(struct order, config, FILE, 0, "config", "DIR"),
};

static const struct tl_command_word words[] = {{"MODEL", offsetof(struct settings, model)}};

/* Texts that live as long as the command. */
struct found { char *text[TL_OPTION_LIST_MAX + 8]; size_t n; };

static int keep(struct found *found, char *text, const char **ret_text)
{
    if (!text)
        return TL_E_NOMEM;
    found->text[found->n++] = text;
    *ret_text = text;
    return 0;
}

/* A name in the cache becomes its path; all else is left to the library, which knows geometries. */
static int resolve(struct found *found, const char *name, const char *home, const char **ret_name)
{
    char *path;
    *ret_name = name;
    if (tl_file_exists(name) || tl_place_model(name, home, &path) < 0)
        return 0;
    return keep(found, path, ret_name);
}

/* "a,b" in one option is as good as two of them; a path with a comma in it is one name. */
static int split(struct found *found, const char *text, const char *home, struct tl_option_list *list)
{
    char *copy = tl_strdup(text), *rest = copy;
    const char *kept;
    int r = keep(found, copy, &kept);
    for (char *part; r >= 0 && (part = tl_file_exists(text) ? rest : strsep(&rest, ","));) {
        if (!*part)
            return tl_fail(TL_E_USAGE, "--like: found nothing between two commas, expected names separated by commas");
        if (list->count == TL_OPTION_LIST_MAX / 2)
            return tl_fail(TL_E_USAGE, "--like: more than %d names", TL_OPTION_LIST_MAX / 2);
        r = resolve(found, part, home, &list->items[list->count]);
        list->count++;
        if (tl_file_exists(text))
            break;
    }
    return r;
}

static int find_names(struct found *found, struct order *order)
{
    struct settings *s = &order->settings;
    struct tl_option_list like = {.count = 0};
    int r = s->model ? resolve(found, s->model, s->home, &s->model) : 0;
    for (size_t i = 0; i < s->like.count && r >= 0; i++)
        r = split(found, s->like.items[i], s->home, &like);
    s->like = like;
    return r;
}

static int find_folders(struct found *found, struct order *order)
{
    const char *home = order->settings.home;
    char *folder;
    int r = tl_place_cache(home, &folder);
    if (r >= 0)
        r = keep(found, folder, &order->models);
    if (r >= 0 && (r = tl_place_state(home, &folder)) >= 0)
        r = keep(found, folder, &order->state);
    if (r >= 0 && (r = tl_place_config(home, &folder)) >= 0)
        r = keep(found, folder, &order->config);
    return r;
}

static int tell(const char *report, const void *context)
{
    const struct settings *settings = &((const struct order *)context)->settings;
    int r = settings->svg ? tl_plan_picture(report, settings->svg) : 0;
    if (r < 0 || !settings->json)
        return r < 0 ? r : tl_plan_report(report, settings->explain);
    r = tl_output_text(report);
    return r < 0 ? r : tl_output_text("\n");
}

static int run(const void *context)
{
    struct order order = {.settings = *(const struct settings *)context};
    struct found found = {.n = 0};
    int r = find_folders(&found, &order);
    if (r >= 0)
        r = find_names(&found, &order);
    if (r >= 0)
        r = tl_job_carry_out(&(struct tl_job_order){
            .kind = "plan", .options = job_options, .n_options = TL_COUNT(job_options), .settings = &order, .json = order.settings.json && !order.settings.svg,
            .quiet = order.settings.quiet, .tell = tell});
    for (size_t i = 0; i < found.n; i++)
        tl_free(found.text[i]);
    return r;
}

const struct tl_command_body tl_plan_command = {
    .about = "Says what a model will cost on this machine, or on one that is described, before anything is loaded:\n"
             "bytes and memory, what of it is kept and what is read again and again, tokens per second for each\n"
             "kind of work and what limits them, energy, money and carbon. Of a model file only headers are read;\n"
             "a geometry, such as kimi-k2, needs no file at all. Facts of the machine come from `trill doctor`,\n"
             "which measures them; what nobody measured or said is taken as usual, and marked so. Without a name:\n"
             "which of the known models suit this machine, in which format, and what they give.",
    .examples = "trill plan kimi-k2 --ram 24G\n"
                "trill plan model.gguf -c 8192 --json\n"
                "trill plan kimi-k2 --like deepseek-v3,glm-4.5,ten-trillion --drive 7GB/s\n"
                "trill plan qwen3-235b-a22b --to q4_k,q8_0,bf16    # formats side by side\n"
                "trill plan kimi-k2 --for \"distill 300M student 2B tokens\"\n"
                "trill plan --svg costs.svg    # what suits this machine\n"
                "trill plan ten-trillion --machine server.json --machine laptop.json\n",
    .options = options, .n_options = TL_COUNT(options),
    .words = words, .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings), .run = run,
};
