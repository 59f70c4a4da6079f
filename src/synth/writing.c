/* SPDX-License-Identifier: MIT */
/* Rounds of pieces: one piece of each round is the writing of the round before. Which thread fills what is free; what is
 * filled depends on the entry and the place alone. */
#include "synth/writing.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"

enum { PIECES = 16, PIECE_BYTES = 1 << 20, ROOM = PIECE_BYTES + (1 << 17) };

struct piece { struct tl_fill fill; uint64_t from; size_t n_bytes; };

struct round { struct piece piece[PIECES]; uint32_t n; uint8_t *memory; };

struct writing {
    struct tl_writer *writer;
    const struct tl_entries *entries;
    struct tl_filler *filler;
    struct round rounds[2];
    struct round *filled, *written;      /* being filled; being written */
    uint64_t entry, from;                /* where the next piece begins */
    uint64_t done_bytes;
    int status;                          /* of writing, which is one piece of a round */
    char text[512];
};

int tl_writing_declare(struct tl_writer *writer, const struct tl_entries *entries)
{
    int r = 0;
    for (uint64_t i = 0; i < entries->n && r >= 0; i++) {
        const struct tl_entry *e = &entries->entry[i];
        if (e->kind == TL_ENTRY_CODES || (e->kind == TL_ENTRY_SCALES && e->type))
            r = tl_writer_codes(writer, e->name, e->type, e->n_dims, e->shape);
        else
            r = tl_writer_tensor(writer, e->name, e->kind == TL_ENTRY_SCALES ? tl_number(e->number->apart->scale) : e->number, e->n_dims, e->shape);
    }
    return r;
}

/* A router's rows have lengths that only one router at a time can have. */
static int plan_round(struct writing *writing)
{
    struct round *round = writing->filled;
    bool router = false;
    round->n = 0;
    while (round->n < PIECES && writing->entry < writing->entries->n) {
        const struct tl_entry *entry = &writing->entries->entry[writing->entry];
        struct piece *piece = &round->piece[round->n];
        if (tl_filler_rows_differ(entry) && writing->from == 0 && router)
            break;
        router = router || tl_filler_rows_differ(entry);
        int r = tl_filler_begin(writing->filler, entry, &piece->fill);
        if (r < 0)
            return r;
        uint64_t most = PIECE_BYTES / piece->fill.unit_bytes * piece->fill.unit_bytes, left = entry->n_bytes - writing->from;
        piece->from = writing->from;
        piece->n_bytes = (size_t)(left < most ? left : most);
        writing->from += piece->n_bytes;
        round->n += piece->n_bytes > 0;
        if (writing->from == entry->n_bytes) {
            writing->entry++;
            writing->from = 0;
        }
    }
    return 0;
}

static void write_round(struct writing *writing)
{
    for (uint32_t i = 0; i < writing->written->n && writing->status >= 0; i++) {
        writing->status = tl_writer_bytes(writing->writer, writing->written->memory + (size_t)i * ROOM, writing->written->piece[i].n_bytes);
        writing->done_bytes += writing->written->piece[i].n_bytes;
    }
    if (writing->status < 0)
        strncpy(writing->text, tl_error_text(), sizeof(writing->text) - 1);
}

static void work(void *context, uint32_t index, uint32_t thread)
{
    struct writing *writing = context;
    (void)thread;
    if (index == 0) {
        write_round(writing);
        return;
    }
    const struct piece *piece = &writing->filled->piece[index - 1];
    tl_fill_piece(&piece->fill, piece->from, piece->n_bytes, writing->filled->memory + (size_t)(index - 1) * ROOM);
}

static int run_rounds(struct writing *writing, struct tl_pool *pool, struct tl_progress *progress)
{
    int r = tl_progress_begin(progress, "writing weights", 0, writing->entries->stored_bytes, "bytes");
    for (uint32_t turn = 0; r >= 0; turn++) {
        writing->filled = &writing->rounds[turn % 2];
        writing->written = &writing->rounds[1 - turn % 2];
        if ((r = plan_round(writing)) < 0 || (writing->filled->n == 0 && writing->written->n == 0))
            break;
        tl_pool_run(pool, 1 + writing->filled->n, work, writing);
        writing->written->n = 0;
        r = writing->status < 0 ? tl_error_set(writing->status, writing->text) : tl_progress_move(progress, writing->done_bytes);
    }
    return r;
}

int tl_writing_run(struct tl_writer *writer, const struct tl_entries *entries, struct tl_filler *filler, uint32_t threads,
                    struct tl_progress *progress)
{
    struct tl_pool *pool = NULL;
    TL_AUTO uint8_t *memory = tl_alloc(2, (size_t)PIECES * ROOM);
    TL_AUTO struct writing *writing = tl_alloc(1, sizeof(*writing));
    if (!memory || !writing)
        return TL_E_NOMEM;
    writing->writer = writer;
    writing->entries = entries;
    writing->filler = filler;
    writing->rounds[0].memory = memory;
    writing->rounds[1].memory = memory + (size_t)PIECES * ROOM;
    int r = tl_pool_new(threads, &pool);
    if (r >= 0)
        r = run_rounds(writing, pool, progress);
    tl_pool_free(pool);
    return r;
}
