/* SPDX-License-Identifier: MIT */
/* A connection that takes one piece after another. A piece that fails is tried again, later and from where it is; the
 * place that a hub redirected to serves all pieces of its file, until it is no longer good. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "pull/fetch_impl.h"

enum { PROGRESS_BYTES = 256 << 10 };         /* so much between two failures, and the second is a first one */

/* --- taking a piece ----------------------------------------------------------------------------------------------- */

static bool piece_is_open(const struct tl_fetch_item *item, uint32_t piece)
{
    return !item->taken[piece] && item->part.got[piece] < tl_part_piece_bytes(&item->part, piece);
}

bool tl_fetch_item_is_taken(const struct tl_fetch_item *item)
{
    return memchr(item->taken, 1, item->part.n_pieces) != NULL;
}

/* A server without ranges sends all of it to one line. */
static bool take_from(struct tl_fetch_line *line, struct tl_fetch_item *item)
{
    if (item->whole && tl_fetch_item_is_taken(item))
        return false;
    for (uint32_t i = item->part.first_open; i < item->part.n_pieces; i++)
        if (piece_is_open(item, i)) {
            item->taken[i] = 1;
            line->item = item;
            line->piece = i;
            line->failures = 0;
            line->begin_ns = line->moved_bytes = 0;
            return true;
        }
    return false;
}

static int take(struct tl_fetch_line *line)
{
    struct tl_fetch *fetch = line->fetch;
    unsigned n_open = 0;
    for (uint64_t i = fetch->first_open; i < fetch->n_items && n_open < 2 * fetch->n_lines; i++) {
        struct tl_fetch_item *item = &fetch->items[i];
        if (item->state == TL_FETCH_WAITS && tl_clock_ns() >= item->look_ns) {
            int r = tl_fetch_item_open(fetch, item);
            if (r < 0)
                return r;
        }
        if (item->state == TL_FETCH_OPEN && take_from(line, item))
            return 0;
        n_open += item->state == TL_FETCH_OPEN;
    }
    return 0;
}

/* --- at work ------------------------------------------------------------------------------------------------------ */

/* Bytes go to the piece; where everything comes, to one piece after another. */
static int receive(struct tl_web_request *request, const char *bytes, size_t n_bytes)
{
    struct tl_fetch_line *line = request->context;
    struct tl_fetch_item *item = line->item;
    struct tl_part *part = &item->part;
    if (request->whole && !item->whole && !(request->from == 0 && request->n_bytes == part->size))
        return tl_fail(TL_E_FILE, "the server knows no ranges");
    while (n_bytes > 0) {
        uint32_t room = line->piece < part->n_pieces ? tl_part_piece_bytes(part, line->piece) - part->got[line->piece] : 0;
        if (room == 0 && item->whole && line->piece + 1 < part->n_pieces) {
            item->taken[line->piece++] = 0;
            item->taken[line->piece] = 1;
            continue;
        }
        if (room == 0)
            return tl_fail(TL_E_FILE, "the server sends more bytes than the file has");
        size_t n = n_bytes < room ? n_bytes : room;
        int r = tl_part_add(part, line->piece, bytes, n);
        if (r < 0)
            return r;
        bytes += n;
        n_bytes -= n;
        line->moved_bytes += n;
        line->fetch->fetched_bytes += n;
    }
    tl_verifier_ready(line->fetch->verifier, &item->check, tl_part_ready(part));
    return 0;
}

static int begin(struct tl_fetch_line *line)
{
    struct tl_fetch *fetch = line->fetch;
    const struct tl_fetch_order *order = fetch->order;
    struct tl_fetch_item *item = line->item;
    uint32_t got = item->part.got[line->piece];
    line->request.receive = receive;
    line->request.context = line;
    line->request.from = item->whole ? 0 : tl_part_offset(&item->part, line->piece) + got;
    line->request.n_bytes = item->whole ? 0 : tl_part_piece_bytes(&item->part, line->piece) - got;
    line->at_place = item->place != NULL;
    int r = line->at_place ? 0 : tl_hub_file_url(&fetch->url, order->endpoint, order->name->repository, order->commit, item->file->path);
    if (r >= 0)
        r = tl_web_begin(order->web, &line->request, line->at_place ? item->place : fetch->url.data);
    line->running = r >= 0;
    return r;
}

int tl_fetch_line_move(struct tl_fetch_line *line)
{
    int r = line->item ? 0 : take(line);
    if (r < 0 || !line->item || line->running || tl_clock_ns() < line->begin_ns)
        return r;
    return begin(line);
}

void tl_fetch_line_leave(struct tl_fetch_line *line)
{
    tl_web_drop(line->fetch->order->web, &line->request);
    line->running = false;
    if (line->item && line->item->taken && line->piece < line->item->part.n_pieces)
        line->item->taken[line->piece] = 0;
    line->item = NULL;
}

/* --- ended -------------------------------------------------------------------------------------------------------- */

/* What the hub says with the file must be what it said of it in the list. */
static bool is_contradicted(const struct tl_fetch_line *line)
{
    const struct tl_web_request *request = &line->request;
    const struct tl_hub_file *file = line->item->file;
    return (tl_content_is_hash(request->hash) && strlen(request->hash) == strlen(file->hash) && strcmp(request->hash, file->hash) != 0) ||
           (request->linked_bytes != UINT64_MAX && request->linked_bytes != file->bytes);
}

/* From the beginning, by one line alone. */
static int go_whole(struct tl_fetch_item *item, struct tl_fetch *fetch)
{
    for (unsigned i = 0; i < fetch->n_lines; i++)
        if (fetch->lines[i].item == item)
            tl_fetch_line_leave(&fetch->lines[i]);
    item->whole = true;
    return tl_fetch_item_restart(fetch, item);
}

/* Where it knows no ranges, from the beginning. */
static int begin_again(struct tl_fetch_line *line)
{
    struct tl_fetch_item *item = line->item;
    if (!item->whole)
        return 0;
    item->taken[line->piece] = 0;
    item->taken[line->piece = 0] = 1;
    return tl_fetch_item_restart(line->fetch, item);
}

static int try_again(struct tl_fetch_line *line)
{
    struct tl_web_request *request = &line->request;
    const struct tl_fetch_order *order = line->fetch->order;
    struct tl_fetch_item *item = line->item;
    if (line->moved_bytes >= PROGRESS_BYTES && !item->whole)
        line->failures = 0;
    line->moved_bytes = 0;
    double seconds = tl_web_patience(++line->failures, request->wait_s);
    if (seconds < 0)
        return tl_hub_fail(request, order->endpoint, order->name, item->file->path, order->has_token);
    line->begin_ns = tl_clock_ns() + (uint64_t)(seconds * 1e9);
    if (line->at_place) {
        tl_free(item->place);
        item->place = NULL;
    }
    tl_web_drop(order->web, request);
    return begin_again(line);
}

static void keep_place(struct tl_fetch_line *line)
{
    struct tl_web_request *request = &line->request;
    if (request->outcome != TL_WEB_GOOD || !request->place || line->item->place)
        return;
    line->item->place = request->place;
    request->place = NULL;
}

static bool is_complete(const struct tl_fetch_line *line)
{
    const struct tl_part *part = &line->item->part;
    return line->item->whole ? part->bytes == part->size : part->got[line->piece] == tl_part_piece_bytes(part, line->piece);
}

int tl_fetch_line_ended(struct tl_fetch_line *line)
{
    struct tl_web_request *request = &line->request;
    struct tl_fetch_item *item = line->item;
    const struct tl_fetch_order *order = line->fetch->order;
    line->running = false;
    if (!line->at_place && is_contradicted(line))
        return tl_fail(TL_E_FILE, "%s/%s: the hub lists %s, and sends something else", order->name->repository, item->file->path, item->file->hash);
    if (request->outcome == TL_WEB_REFUSED && request->whole && !item->whole)
        return go_whole(item, line->fetch);
    keep_place(line);
    if (request->outcome != TL_WEB_REFUSED && is_complete(line)) {
        tl_fetch_line_leave(line);
        return 0;
    }
    if (request->outcome == TL_WEB_GOOD) {
        request->outcome = TL_WEB_AGAIN;
        snprintf(request->problem, sizeof request->problem, "the server ends too early");
    }
    if (request->outcome == TL_WEB_AGAIN || (request->outcome == TL_WEB_BAD && line->at_place))
        return try_again(line);
    return tl_hub_fail(request, order->endpoint, order->name, item->file->path, order->has_token);
}
