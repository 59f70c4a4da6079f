/* SPDX-License-Identifier: MIT */
/* A file's way into the cache: lock, pieces, check, place, link. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "pull/fetch_impl.h"

#define LOOK_AGAIN_NS UINT64_C(500000000)

static int done(struct tl_fetch *fetch, struct tl_fetch_item *item)
{
    int r = tl_layout_link(fetch->order->layout, item->file->path, item->file->hash);
    if (r < 0)
        return r;
    item->state = TL_FETCH_DONE;
    fetch->n_done++;
    fetch->bytes_before += item->file->bytes;
    return 1;
}

static int open_part(struct tl_fetch *fetch, struct tl_fetch_item *item)
{
    const struct tl_layout *layout = fetch->order->layout;
    TL_AUTO char *path = tl_layout_blob(layout, item->file->hash, ".trill.incomplete");
    TL_AUTO char *other = tl_layout_blob(layout, item->file->hash, ".incomplete");
    item->blob = tl_layout_blob(layout, item->file->hash, "");
    int r = path && other && item->blob ? tl_layout_make_folders(path) : TL_E_NOMEM;
    if (r >= 0)
        r = tl_part_open(path, other, item->file->bytes, &item->part);
    if (r < 0)
        return r;
    item->taken = tl_alloc(item->part.n_pieces + 1, 1);
    if (!item->taken)
        return TL_E_NOMEM;
    item->check.fd = item->part.fd;
    item->check.size = item->part.size;
    item->check.path = item->part.path;
    item->check.expected = item->file->hash;
    tl_verifier_add(fetch->verifier, &item->check);
    tl_verifier_ready(fetch->verifier, &item->check, tl_part_ready(&item->part));
    return 0;
}

int tl_fetch_item_open(struct tl_fetch *fetch, struct tl_fetch_item *item)
{
    const struct tl_layout *layout = fetch->order->layout;
    int r = tl_layout_lock(layout, item->file->hash, &item->lock);
    if (r < 0)
        return r;
    if (r == 0) {
        item->look_ns = tl_clock_ns() + LOOK_AGAIN_NS;
        return 0;
    }
    item->state = TL_FETCH_OPEN;
    if (tl_layout_has(layout, item->file->hash)) {
        tl_fetch_item_close(fetch, item);
        r = done(fetch, item);
        return r < 0 ? r : 0;
    }
    r = open_part(fetch, item);
    if (r < 0)
        tl_fetch_item_close(fetch, item);
    return r < 0 ? r : 1;
}

void tl_fetch_item_close(struct tl_fetch *fetch, struct tl_fetch_item *item)
{
    if (item->state != TL_FETCH_OPEN)
        return;
    tl_verifier_remove(fetch->verifier, &item->check);
    tl_part_close(&item->part);
    tl_layout_unlock(item->lock);
    tl_free(item->blob);
    tl_free(item->taken);
    tl_free(item->place);
    item->blob = item->place = NULL;
    item->taken = NULL;
    item->lock = -1;
    item->state = TL_FETCH_WAITS;
}

int tl_fetch_item_restart(struct tl_fetch *fetch, struct tl_fetch_item *item)
{
    tl_verifier_remove(fetch->verifier, &item->check);
    tl_free(item->place);
    item->place = NULL;
    int r = tl_part_forget(&item->part);
    if (r >= 0)
        tl_verifier_add(fetch->verifier, &item->check);
    return r;
}

/* Once may be an accident of what was there from before; twice is the hub's. */
static int take_wrong(struct tl_fetch *fetch, struct tl_fetch_item *item)
{
    if (!item->wrong_once) {
        item->wrong_once = true;
        return tl_fetch_item_restart(fetch, item);
    }
    const char *kind = item->check.content.git ? "git hash" : "SHA-256";
    TL_AUTO char *path = tl_strdup(item->part.path);
    int r = tl_fail(TL_E_FILE, "%s/%s: its %s is %s, expected %s; what was fetched is thrown away", fetch->order->name->repository, item->file->path,
                    kind, item->check.found, item->file->hash);
    (void)tl_part_forget(&item->part);
    if (path)
        (void)unlink(path);
    return r;
}

int tl_fetch_item_finish(struct tl_fetch *fetch, struct tl_fetch_item *item)
{
    switch (tl_verifier_ask(fetch->verifier, &item->check)) {
    case TL_VERDICT_NONE:   return 0;
    case TL_VERDICT_WRONG:  return take_wrong(fetch, item);
    case TL_VERDICT_FAILED: return tl_fail(TL_E_IO, "%s", item->check.problem);
    case TL_VERDICT_GOOD:   break;
    }
    if (rename(item->part.path, item->blob) < 0)
        return tl_fail(TL_E_IO, "%s: cannot be put in place: %m", item->blob);
    for (uint32_t i = 0; i < item->part.n_pieces; i++)
        item->part.noted[i] = item->part.got[i];             /* its notes are gone with its end */
    tl_fetch_item_close(fetch, item);
    return done(fetch, item);
}
