/* SPDX-License-Identifier: MIT */
/* The loop: idle lines take pieces, requests move on, files of which all is there are finished. */
#include "pull/fetch.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "pull/fetch_impl.h"

enum { WAIT_MS = 100 };
#define FORECAST_AFTER_S 2

static uint64_t bytes_there(const struct tl_fetch *fetch)
{
    uint64_t bytes = fetch->bytes_before;
    for (uint64_t i = fetch->first_open; i < fetch->n_items; i++)
        bytes += fetch->items[i].state == TL_FETCH_OPEN ? fetch->items[i].part.bytes : 0;
    return bytes;
}

/* Files that are complete, one look at each. */
static int finish_files(struct tl_fetch *fetch)
{
    int r = 0;
    for (uint64_t i = fetch->first_open; i < fetch->n_items && r >= 0; i++) {
        struct tl_fetch_item *item = &fetch->items[i];
        if (item->state == TL_FETCH_OPEN && item->part.bytes == item->part.size && !tl_fetch_item_is_taken(item))
            r = tl_fetch_item_finish(fetch, item);
    }
    while (fetch->first_open < fetch->n_items && fetch->items[fetch->first_open].state == TL_FETCH_DONE)
        fetch->first_open++;
    return r;
}

/* What is left at the speed of the wire: what was there from before took no time. */
static int tell(struct tl_fetch *fetch)
{
    struct tl_progress *progress = fetch->order->progress;
    uint64_t there = bytes_there(fetch);
    double seconds = tl_clock_seconds(fetch->began_ns);
    bool works = fetch->fetched_bytes == 0;
    for (unsigned i = 0; i < fetch->n_lines; i++)
        works = works || fetch->lines[i].item;
    if (progress) {
        progress->stage = works || there == fetch->total_bytes ? "fetching" : "checking, or waiting for another process";
        progress->left_seconds = seconds > FORECAST_AFTER_S && fetch->fetched_bytes ? seconds * (double)(fetch->total_bytes - there) / (double)fetch->fetched_bytes : 0;
    }
    return tl_progress_move(progress, there);
}

static int step(struct tl_fetch *fetch)
{
    struct tl_web_request *ended = NULL;
    int r = 0;
    for (unsigned i = 0; i < fetch->n_lines && r >= 0; i++)
        r = tl_fetch_line_move(&fetch->lines[i]);
    int wait_ms = fetch->n_done == fetch->n_items ? 0 : WAIT_MS;
    while (r >= 0 && (r = tl_web_wait(fetch->order->web, wait_ms, &ended)) >= 0 && ended) {
        r = tl_fetch_line_ended(ended->context);
        wait_ms = 0;
    }
    if (r >= 0)
        r = finish_files(fetch);
    return r < 0 ? r : tell(fetch);
}

static void leave(struct tl_fetch *fetch)
{
    for (unsigned i = 0; i < fetch->n_lines; i++)
        tl_fetch_line_leave(&fetch->lines[i]);
    for (uint64_t i = 0; i < fetch->n_items; i++)
        tl_fetch_item_close(fetch, &fetch->items[i]);
    tl_verifier_close(fetch->verifier);
    tl_free(fetch->items);
    tl_buffer_done(&fetch->url);
}

static int fill(struct tl_fetch *fetch, const struct tl_hub_file *files, uint64_t n_files)
{
    fetch->items = tl_alloc((size_t)n_files + 1, sizeof *fetch->items);
    if (!fetch->items)
        return TL_E_NOMEM;
    for (uint64_t i = 0; i < n_files; i++)
        if (files[i].needed)
            fetch->items[fetch->n_items++] = (struct tl_fetch_item){.file = &files[i], .lock = -1, .part.fd = -1};
    fetch->n_lines = fetch->order->connections < TL_FETCH_LINES ? fetch->order->connections : TL_FETCH_LINES;
    for (unsigned i = 0; i < fetch->n_lines; i++)
        fetch->lines[i].fetch = fetch;
    return tl_verifier_open(fetch->order->web, &fetch->verifier);
}

int tl_fetch(const struct tl_fetch_order *order, const struct tl_hub_file *files, uint64_t n_files, uint64_t *ret_bytes)
{
    TL_AUTO struct tl_fetch *fetch = tl_alloc(1, sizeof *fetch);
    if (!fetch)
        return TL_E_NOMEM;
    fetch->order = order;
    tl_buffer_init(&fetch->url, 0);
    int r = fill(fetch, files, n_files);
    for (uint64_t i = 0; i < fetch->n_items; i++)
        fetch->total_bytes += fetch->items[i].file->bytes;
    fetch->began_ns = tl_clock_ns();
    if (r >= 0)
        r = tl_progress_begin(order->progress, "fetching", 0, fetch->total_bytes, "bytes");
    while (r >= 0 && fetch->n_done < fetch->n_items)
        r = step(fetch);
    *ret_bytes = fetch->fetched_bytes;
    leave(fetch);
    return r < 0 ? r : 0;
}
