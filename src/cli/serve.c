/* SPDX-License-Identifier: MIT */
/* trill serve: the options of the server, how it opens models, and what it says on standard error. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/account.h"
#include "cli/command.h"
#include "cli/decoding.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/setup.h"
#include "serve/serve.h"

struct settings {
    struct tl_setup setup;
    struct tl_decoding decoding;
    struct tl_option_list more, aliases, origins, hosts;
    const char *host, *key_file, *prefix_folder, *metrics_names;
    uint64_t port, sessions, queue, prefix_bytes;
    double ping_seconds, idle_seconds, request_seconds, stop_seconds;
    bool no_key, access_log, no_prefix_folder, no_conversations;
};

static const struct tl_option options[] = {
    TL_COMMAND_OPTION(struct settings, host, TEXT, 0, "host", "ADDRESS", .fallback = "127.0.0.1", .help = "address to listen on"),
    TL_COMMAND_OPTION(struct settings, port, U64, 0, "port", "N", .fallback = "8080", .min = 0, .max = 65535,
                      .help = "port to listen on; 0: any that is free"),
    TL_COMMAND_OPTION(struct settings, sessions, U64, 0, "sessions", "N", .min = 1, .max = 4096,
                      .help = "answers at a time; as many as fit, up to 4, unless given"),
    TL_COMMAND_OPTION(struct settings, queue, U64, 0, "queue", "N", .fallback = "128", .min = 1, .max = 1 << 20,
                      .help = "answers that may wait; more are refused with 429"),
    TL_COMMAND_OPTION(struct settings, aliases, LIST, 0, "alias", "NAME", .help = "another name of the first model; repeatable"),
    TL_COMMAND_OPTION(struct settings, key_file, FILE, 0, "key-file", "FILE",
                      .help = "keys, one a line, any of which a client must bring; as $TRILL_API_KEY"),
    TL_COMMAND_OPTION(struct settings, no_key, FLAG, 0, "no-key", NULL, .help = "other machines may come without a key"),
    TL_COMMAND_OPTION(struct settings, hosts, LIST, 0, "allow-host", "NAME",
                      .help = "a name of this machine by which clients call it; repeatable"),
    TL_COMMAND_OPTION(struct settings, origins, LIST, 0, "origin", "ORIGIN",
                      .help = "pages of this origin (https://example.org) may use it; repeatable"),
    TL_COMMAND_OPTION(struct settings, prefix_folder, FILE, 0, "prefix-folder", "DIR",
                      .help = "where states of prompts are kept; else in the cache folder"),
    TL_COMMAND_OPTION(struct settings, prefix_bytes, BYTES, 0, "prefix-bytes", "BYTES", .min = 1, .max = 1e18,
                      .help = "of these at most; 8G unless given"),
    TL_COMMAND_OPTION(struct settings, no_prefix_folder, FLAG, 0, "no-prefix-folder", NULL, .help = "states of prompts are kept in memory only"),
    TL_COMMAND_OPTION(struct settings, no_conversations, FLAG, 0, "no-conversations", NULL, .help = "the page keeps no conversations on this machine"),
    TL_COMMAND_OPTION(struct settings, ping_seconds, F64, 0, "ping", "SECONDS", .fallback = "10", .min = 0.05, .max = 86400,
                      .help = "a stream that is silent for so long gives a sign of life"),
    TL_COMMAND_OPTION(struct settings, idle_seconds, F64, 0, "idle-time", "SECONDS", .fallback = "60", .min = 0.1, .max = 86400,
                      .help = "that a client may be silent before and within a request"),
    TL_COMMAND_OPTION(struct settings, request_seconds, F64, 0, "request-time", "SECONDS", .fallback = "86400", .min = 0, .max = 1e9,
                      .help = "that a request may take; 0: no bound"),
    TL_COMMAND_OPTION(struct settings, stop_seconds, F64, 0, "stop-time", "SECONDS", .fallback = "10", .min = 0, .max = 1e6,
                      .help = "that answers may take to end when the server is stopped"),
    TL_COMMAND_OPTION(struct settings, metrics_names, CHOICE, 0, "metrics-names", "trill|vllm", .fallback = "trill",
                      .help = "how the metrics are named"),
    TL_COMMAND_OPTION(struct settings, access_log, FLAG, 0, "access-log", NULL, .help = "a line a request on standard error"),
#include "cli/decoding_options.def"
#define SETUP_MODEL
#define SETUP_THREADS
#define SETUP_MEANS
#include "cli/setup_options.def"
};

static const struct tl_command_word words[] = {{"MODEL", offsetof(struct settings, setup.model)}};

enum { USUAL_SESSIONS = 4, MOST_MODELS = TL_OPTION_LIST_MAX + 1, MOST_KEYS = 1024, LEAST_KEY_BYTES = 8 };

struct keys {
    char *text;                          /* that they point into */
    const char *list[MOST_KEYS];
    size_t n;
};

struct served {
    const struct settings *settings;
    const char *prefix_folder;
};

/* --- models --------------------------------------------------------------------------------------------------------------- */

static int open_model(void *context, const struct tl_serve_model *model, void (*progress)(void *, uint64_t, uint64_t), void *progress_context,
                      struct trill_model **ret_model, struct trill_account **ret_account)
{
    const struct served *served = context;
    const struct settings *settings = served->settings;
    struct tl_setup setup = settings->setup;
    struct tl_setup_needs needs = {
        .sessions = settings->sessions ? (uint32_t)settings->sessions : USUAL_SESSIONS, .fewer_sessions = !settings->sessions,
        .shorter_context = true, .prefix_folder = served->prefix_folder, .prefix_bytes = settings->prefix_bytes,
        .progress = progress, .progress_context = progress_context,
    };
    setup.model = model->path;
    *ret_account = tl_account_open_told("serve", &setup);
    int r = tl_setup_open(&setup, &needs, ret_model);
    if (r < 0)
        tl_account_close(*ret_account, NULL, r);
    return r;
}

static void close_model(void *context, struct trill_model *model, struct trill_account *account, int status)
{
    (void)context;
    tl_account_close(account, model, status);
}

/* The name of a path: its last part, without the ending of model files. */
static char *name_of(const char *path)
{
    size_t n = strlen(path), from;
    while (n > 1 && path[n - 1] == '/')
        n--;
    for (from = n; from > 0 && path[from - 1] != '/'; from--)
        continue;
    if (n - from > 5 && strncmp(path + n - 5, ".gguf", 5) == 0)
        n -= 5;
    return tl_strndup(path + from, n - from);
}

static int list_models(const struct settings *settings, struct tl_serve_model models[MOST_MODELS], size_t *ret_count)
{
    for (size_t i = 0; i < settings->more.count + 1; i++) {
        const char *typed = i ? settings->more.items[i - 1] : settings->setup.model;
        char *path = NULL;
        int r = tl_place_model(typed, settings->setup.home, &path);
        models[i].path = path;
        models[i].name = r < 0 ? NULL : name_of(typed);
        *ret_count = i + 1;
        if (!models[i].name)
            return r < 0 ? r : TL_E_NOMEM;
        for (size_t j = 0; j < i; j++)
            if (strcmp(models[i].name, models[j].name) == 0)
                return tl_fail(TL_E_USAGE, "two models are named %s; clients could not tell them apart", models[i].name);
    }
    return 0;
}

/* --- keys ----------------------------------------------------------------------------------------------------------------- */

static int add_key(struct keys *keys, const char *key, const char *where)
{
    if (keys->n == MOST_KEYS)
        return tl_fail(TL_E_USAGE, "%s: more than %d keys", where, MOST_KEYS);
    if (strlen(key) < LEAST_KEY_BYTES)
        return tl_fail(TL_E_USAGE, "%s: a key of fewer than %d characters can be guessed", where, LEAST_KEY_BYTES);
    keys->list[keys->n++] = key;
    return 0;
}

static int read_keys(const struct settings *settings, struct keys *keys)
{
    size_t n_bytes = 0;
    const char *key = tl_place_key();
    int r = key ? add_key(keys, key, "TRILL_API_KEY") : 0;
    if (r < 0 || !settings->key_file)
        return r;
    r = tl_input_text(settings->key_file, &keys->text, &n_bytes);
    if (r >= 0 && strlen(keys->text) != n_bytes)
        r = tl_fail(TL_E_USAGE, "%s: expected a key a line, found a zero byte", settings->key_file);
    for (char *rest = r < 0 ? NULL : keys->text, *line; r >= 0 && rest && (line = strsep(&rest, "\n"));) {
        line[strcspn(line, "\r")] = 0;
        if (*line && *line != '#')
            r = add_key(keys, line, settings->key_file);
    }
    if (r >= 0 && keys->n == (key != NULL))
        r = tl_fail(TL_E_USAGE, "%s: no keys are in it", settings->key_file);
    return r;
}

/* --- running -------------------------------------------------------------------------------------------------------------- */

static void ready(void *context, uint16_t port)
{
    const struct served *served = context;
    const char *host = served->settings->host;
    bool brackets = strchr(host, ':') != NULL;
    if (!served->settings->setup.quiet)
        tl_output_note("listening on http://%s%s%s:%u\n", brackets ? "[" : "", host, brackets ? "]" : "", port);
}

static void log_line(void *context, const char *line)
{
    (void)context;
    tl_output_note("%s\n", line);
}

static int serve(const struct settings *settings, const struct tl_serve_model *models, size_t n_models, const struct keys *keys)
{
    char *folders[2] = {NULL};
    const char *state = settings->setup.state, *config = settings->setup.config;
    TL_AUTO char *cache = NULL;
    TL_AUTO char *prefixes = NULL;
    struct tl_buffer defaults;
    tl_buffer_init(&defaults, 0);
    tl_place_folders(settings->setup.home, &state, &config, folders);
    if (!settings->prefix_folder && tl_place_cache(settings->setup.home, &cache) >= 0)
        prefixes = tl_file_join(cache, "prefixes");
    struct served served = {.settings = settings,
                            .prefix_folder = settings->no_prefix_folder ? NULL : settings->prefix_folder ? settings->prefix_folder : prefixes};
    int r = tl_decoding_json(&settings->decoding, settings->decoding.seed != 0, &defaults);
    struct tl_serve_options order = {
        .models = models, .n_models = n_models, .aliases = settings->aliases.items, .n_aliases = settings->aliases.count,
        .open = open_model, .close = close_model, .context = &served, .defaults = defaults.data, .vary_seed = settings->decoding.seed == 0, .host = settings->host,
        .port = (uint16_t)settings->port, .queue = (uint32_t)settings->queue, .keys = keys->list, .n_keys = keys->n,
        .keyless = settings->no_key, .origins = settings->origins.items, .n_origins = settings->origins.count,
        .hosts = settings->hosts.items, .n_hosts = settings->hosts.count, .state = settings->no_conversations ? NULL : state,
        .metrics_names = settings->metrics_names, .ping_seconds = settings->ping_seconds, .idle_seconds = settings->idle_seconds,
        .request_seconds = settings->request_seconds,
        .stop_seconds = settings->stop_seconds, .access_log = settings->access_log, .ready = ready, .log = log_line,
        .stop = tl_interrupt_flag(),
    };
    if (r >= 0)
        r = tl_serve(&order);
    tl_buffer_done(&defaults);
    tl_free(folders[0]);
    tl_free(folders[1]);
    return r;
}

static int run(const void *given)
{
    const struct settings *settings = given;
    struct tl_serve_model models[MOST_MODELS] = {0};
    TL_AUTO struct keys *keys = tl_alloc(1, sizeof(*keys));
    size_t n_models = 0;
    int r = keys ? tl_setup_check(&settings->setup) : TL_E_NOMEM;
    if (r >= 0)
        r = list_models(settings, models, &n_models);
    if (r >= 0)
        r = read_keys(settings, keys);
    if (r >= 0)
        r = serve(settings, models, n_models, keys);
    for (size_t i = 0; i < n_models; i++) {
        tl_free((char *)models[i].name);
        tl_free((char *)models[i].path);
    }
    if (keys)
        tl_free(keys->text);
    return r;
}

const struct tl_command_body tl_serve_command = {
    .about = "Answers clients over HTTP as OpenAI's API (chat completions, completions, responses, embeddings)\n"
             "and Anthropic's (messages) do; /health and /metrics tell how it is, and / is a page for people.\n"
             "Several models may be named: one is open at a time, and another one is opened when a request asks\n"
             "for it. What a request leaves unsaid, the options say. Without keys only this machine may come in.\n"
             "Ctrl-C lets running answers end; a second one does not.",
    .examples = "trill serve smollm2-135m-instruct\n"
                "trill serve MODEL --port 9000 --sessions 8 -c 8192\n"
                "trill serve MODEL --host 0.0.0.0 --key-file keys.txt --allow-host box.example.org\n",
    .options = options, .n_options = TL_COUNT(options),
    .words = words, .n_words = TL_COUNT(words), .rest_offset = offsetof(struct settings, more),
    .settings_bytes = sizeof(struct settings), .run = run,
};
