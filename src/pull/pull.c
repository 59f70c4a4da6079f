/* SPDX-License-Identifier: MIT */
/* One pull: ask, choose, see that there is room, fetch, say what is there. */
#include "pull/pull.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "pull/choose.h"
#include "pull/fetch.h"

static const char usual_endpoint[] = "https://huggingface.co";

enum { CONNECTIONS = 4, STALL_S = 30 };
#define SPARE_BYTES (UINT64_C(16) << 20)     /* for notes, links and what else is written meanwhile */

struct pull {
    const struct tl_pull_order *order;
    const char *endpoint;
    struct tl_progress *progress;
    struct tl_pull_name name;
    struct tl_web *web;
    struct tl_hub_repository repository;
    struct tl_choice choice;
    struct tl_layout layout;
    uint64_t needed_bytes, fetched_bytes;
    double seconds;
};

/* --- before ------------------------------------------------------------------------------------------------------- */

/* On the drive already: in the cache, or taken for what is on its way. */
static uint64_t bytes_taken(const struct pull *p, const struct tl_hub_file *file)
{
    static const char *const endings[] = {"", ".trill.incomplete", ".incomplete"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        struct stat facts;
        TL_AUTO char *path = tl_layout_blob(&p->layout, file->hash, endings[i]);
        if (path && stat(path, &facts) == 0)
            return (uint64_t)facts.st_blocks * 512;
    }
    return 0;
}

static int check_room(struct pull *p)
{
    uint64_t missing = 0, room;
    for (uint64_t i = 0; i < p->repository.n_files; i++) {
        const struct tl_hub_file *file = &p->repository.files[i];
        uint64_t taken = file->needed ? bytes_taken(p, file) : 0;
        if (!file->needed)
            continue;
        if (file->bytes > UINT64_MAX / 2 - p->needed_bytes)
            return tl_fail(TL_E_FILE, "%s: its files are too large", p->name.repository);
        p->needed_bytes += file->bytes;
        missing += file->bytes > taken ? file->bytes - taken : 0;
    }
    if (p->order->list || missing == 0)
        return 0;
    int r = tl_file_room(p->layout.blobs, &room);
    if (r < 0 || (room >= SPARE_BYTES && missing <= room - SPARE_BYTES))
        return r;
    return tl_file_no_room(p->order->cache, missing, room, "; --cache DIR names another folder");
}

static int prepare(struct pull *p)
{
    const struct tl_pull_order *order = p->order;
    int r = tl_pull_name_parse(order->name, p->endpoint, &p->name);
    if (r >= 0 && order->revision) {
        if (!tl_pull_revision_is_good(order->revision))
            return tl_fail(TL_E_USAGE, "%.200s: no revision", order->revision);
        snprintf(p->name.revision, sizeof p->name.revision, "%s", order->revision);
    }
    if (r >= 0)
        r = tl_web_open(&(struct tl_web_options){.endpoint = p->endpoint, .token = order->token, .authorities = order->authorities,
                                                 .stall_s = order->stall_s ? order->stall_s : STALL_S}, &p->web);
    if (r >= 0)
        r = tl_hub_ask(p->web, p->endpoint, &p->name, order->token != NULL, p->progress, &p->repository);
    if (r >= 0)
        r = tl_choose(&p->repository, &p->name, order->patterns, order->n_patterns, &p->choice);
    if (r < 0 && order->list && p->repository.n_files && r != TL_E_NOMEM)
        r = 0;                                           /* a list helps to say what was meant */
    if (r >= 0)
        r = tl_layout_init(order->cache, p->name.repository, p->repository.commit, &p->layout);
    return r < 0 ? r : check_room(p);
}

static int fetch(struct pull *p)
{
    const struct tl_pull_order *order = p->order;
    uint64_t began_ns = tl_clock_ns();
    int r = tl_fetch(&(struct tl_fetch_order){
        .web = p->web, .endpoint = p->endpoint, .name = &p->name, .layout = &p->layout, .commit = p->repository.commit,
        .has_token = order->token != NULL, .connections = order->connections ? order->connections : CONNECTIONS, .progress = p->progress},
        p->repository.files, p->repository.n_files, &p->fetched_bytes);
    p->seconds = tl_clock_seconds(began_ns);
    return r < 0 ? r : tl_layout_set_ref(&p->layout, p->name.revision, p->repository.commit);
}

/* --- the report --------------------------------------------------------------------------------------------------- */

/* The name that finds it again. */
static int put_model(const struct pull *p, struct tl_buffer *text)
{
    bool file = p->choice.kind == TL_CHOICE_FILES;
    tl_buffer_printf(text, "%s", p->name.repository);
    if (strcmp(p->name.revision, "main") != 0)
        tl_buffer_printf(text, "@%s", p->name.revision);
    if (file)
        tl_buffer_printf(text, "/%s", p->choice.path);
    else if (p->choice.kind == TL_CHOICE_GGUF)
        tl_buffer_printf(text, ":%s", p->choice.quant);
    return text->status;
}

static int put_path(const struct pull *p, struct tl_buffer *text)
{
    return tl_buffer_printf(text, "%s%s%s", p->layout.snapshot, p->choice.path ? "/" : "", p->choice.path ? p->choice.path : "");
}

/* Is there something that a command can open? */
static bool is_model(const struct pull *p)
{
    return !p->order->list && (p->choice.kind != TL_CHOICE_FILES || (p->choice.path && tl_text_ends(p->choice.path, ".gguf")));
}

static int put_place(const struct pull *p, struct tl_buffer *report)
{
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    int r = is_model(p) ? put_model(p, &text) : 0;
    tl_buffer_json_member(report, "model", text.len ? text.data : NULL);
    tl_buffer_clear(&text);
    if (r >= 0)
        r = p->order->list ? 0 : put_path(p, &text);
    tl_buffer_json_member(report, "path", text.len ? text.data : NULL);
    tl_buffer_done(&text);
    return r;
}

static void put_file(const struct pull *p, const struct tl_hub_file *file, struct tl_buffer *report)
{
    tl_buffer_printf(report, "{");
    tl_buffer_json_member(report, "path", file->path);
    tl_buffer_printf(report, ",\"bytes\":%" PRIu64, file->bytes);
    tl_buffer_json_member(report, "hash", file->hash);
    tl_buffer_printf(report, ",\"needed\":%s,\"there\":%s}", file->needed ? "true" : "false", tl_layout_has(&p->layout, file->hash) ? "true" : "false");
}

static int put_report(const struct pull *p, struct tl_buffer *report)
{
    const struct tl_hub_repository *repository = &p->repository;
    bool first = true;
    tl_buffer_printf(report, "{");
    tl_buffer_json_member(report, "name", p->name.repository);
    int r = put_place(p, report);
    tl_buffer_json_member(report, "revision", p->name.revision);
    tl_buffer_json_member(report, "commit", repository->commit);
    tl_buffer_json_member(report, "licence", repository->licence[0] ? repository->licence : NULL);
    tl_buffer_printf(report, ",\"gated\":%s,\"bytes\":%" PRIu64 ",\"fetched_bytes\":%" PRIu64 ",\"seconds\":%.3f,\"files\":[",
                     repository->gated ? "true" : "false", p->needed_bytes, p->fetched_bytes, p->seconds);
    for (uint64_t i = 0; i < repository->n_files; i++) {
        if (!p->order->list && !repository->files[i].needed)
            continue;
        tl_buffer_printf(report, first ? "" : ",");
        put_file(p, &repository->files[i], report);
        first = false;
    }
    tl_buffer_printf(report, "]}");
    return r < 0 ? r : report->status;
}

int tl_pull(const struct tl_pull_order *order, struct tl_progress *progress, struct tl_buffer *report)
{
    struct pull p = {.order = order, .progress = progress, .endpoint = order->endpoint ? order->endpoint : usual_endpoint};
    int r = prepare(&p);
    if (r >= 0 && !order->list)
        r = fetch(&p);
    if (r >= 0)
        r = put_report(&p, report);
    tl_web_close(p.web);
    tl_hub_done(&p.repository);
    tl_layout_done(&p.layout);
    return r;
}
