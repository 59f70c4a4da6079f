/* SPDX-License-Identifier: MIT */
/* The events of an answer as items in their order: reasoning, text, a call, each as long as nothing else comes between. */
#ifndef TL_WIRE_ITEMS_H
#define TL_WIRE_ITEMS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "wire/event.h"

struct tl_item {
    enum tl_event_kind kind;             /* TL_EVENT_REASONING, _CONTENT, _CALL */
    struct tl_buffer text;               /* of a call: its arguments */
    char *id, *name;                     /* of a call */
};

struct tl_items {
    struct tl_item *item;
    uint64_t n, room;
    char *stop;                          /* the stop string that ended it; NULL: none did */
    const char *finish;                  /* NULL: the answer has not ended */
    struct tl_usage usage;
    int64_t ended;                       /* seconds since 1970; 0: not known */
};

void tl_items_done(struct tl_items *items);
/* Would the event begin an item? Else it belongs to the last one, or to none. */
bool tl_items_begins(const struct tl_items *items, const struct tl_event *event);
int tl_items_add(struct tl_items *items, const struct tl_event *event);
/* The arguments of a call as JSON: an object even where they were cut. */
const char *tl_item_arguments(const struct tl_item *item);

#endif
