/* SPDX-License-Identifier: MIT */
/* Inside fetch: files on their way, and the lines that fetch their pieces. */
#ifndef TL_PULL_FETCH_IMPL_H
#define TL_PULL_FETCH_IMPL_H

#include "pull/fetch.h"
#include "pull/part.h"
#include "pull/verify.h"

enum { TL_FETCH_LINES = 16 };

enum tl_fetch_state {
    TL_FETCH_WAITS,          /* nobody fetches it yet, or another process does */
    TL_FETCH_OPEN,           /* by us: locked, pieces are on their way */
    TL_FETCH_DONE,           /* in the cache and linked */
};

struct tl_fetch_item {
    const struct tl_hub_file *file;
    enum tl_fetch_state state;
    uint64_t look_ns;                    /* WAITS: not before this time */
    int lock;                            /* OPEN: descriptor */
    struct tl_part part;
    char *blob;                          /* where it goes */
    uint8_t *taken;                      /* of each piece: a line fetches it */
    struct tl_verify_file check;
    char *place;                         /* where the hub redirects to; NULL: ask the hub */
    bool whole;                          /* the server knows no ranges: one line, from the beginning */
    bool wrong_once;                     /* fetched once and found to be something else */
};

struct tl_fetch_line {
    struct tl_web_request request;
    struct tl_fetch *fetch;
    struct tl_fetch_item *item;          /* NULL: idle */
    uint32_t piece;
    bool running, at_place;              /* at_place: the request went to item->place */
    unsigned failures;                   /* in a row */
    uint64_t moved_bytes;                /* since the last failure */
    uint64_t begin_ns;                   /* not running: not before this time */
};

struct tl_fetch {
    const struct tl_fetch_order *order;
    struct tl_verifier *verifier;
    struct tl_fetch_item *items;
    uint64_t n_items, n_done, first_open;    /* first_open: those before it are done */
    struct tl_fetch_line lines[TL_FETCH_LINES];
    unsigned n_lines;
    uint64_t bytes_before, fetched_bytes;    /* of all items: in finished ones; over the wire */
    struct tl_buffer url;
    uint64_t began_ns, total_bytes;
};

/* fetch_item.c: opens one that waits: 1 open, 0 another process has it, done where the blob is there by now. */
int tl_fetch_item_open(struct tl_fetch *fetch, struct tl_fetch_item *item);
/* Looks at one of which all bytes are there: 1 done, 0 not yet or begun anew. */
int tl_fetch_item_finish(struct tl_fetch *fetch, struct tl_fetch_item *item);
int tl_fetch_item_restart(struct tl_fetch *fetch, struct tl_fetch_item *item);     /* no line is at work on it */
void tl_fetch_item_close(struct tl_fetch *fetch, struct tl_fetch_item *item);      /* what is there stays */

/* fetch_line.c */
bool tl_fetch_item_is_taken(const struct tl_fetch_item *item);        /* a line is at work on it */
int tl_fetch_line_move(struct tl_fetch_line *line);                   /* idle: takes a piece; paused: begins again when it is time */
int tl_fetch_line_ended(struct tl_fetch_line *line);                  /* its request has */
void tl_fetch_line_leave(struct tl_fetch_line *line);                 /* whatever it does */

#endif
