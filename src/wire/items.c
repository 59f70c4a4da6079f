/* SPDX-License-Identifier: MIT */
/* Items grow with their events. */
#include "wire/items.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

void tl_items_done(struct tl_items *items)
{
    for (uint64_t i = 0; i < items->n; i++) {
        tl_buffer_done(&items->item[i].text);
        tl_free(items->item[i].id);
        tl_free(items->item[i].name);
    }
    tl_free(items->item);
    tl_free(items->stop);
    *items = (struct tl_items){0};
}

bool tl_items_begins(const struct tl_items *items, const struct tl_event *event)
{
    if (event->kind == TL_EVENT_CALL)
        return true;
    if (event->kind != TL_EVENT_REASONING && event->kind != TL_EVENT_CONTENT)
        return false;
    return items->n == 0 || items->item[items->n - 1].kind != event->kind;
}

static int begin(struct tl_items *items, const struct tl_event *event)
{
    int r = tl_grow((void **)&items->item, items->n, &items->room, sizeof *items->item);
    if (r < 0)
        return r;
    struct tl_item *item = &items->item[items->n++];
    *item = (struct tl_item){.kind = event->kind};
    tl_buffer_init(&item->text, 0);
    if (event->kind != TL_EVENT_CALL)
        return 0;
    item->id = tl_strdup(event->id);
    item->name = tl_strdup(event->name);
    return item->id && item->name ? 0 : TL_E_NOMEM;
}

int tl_items_add(struct tl_items *items, const struct tl_event *event)
{
    int r = tl_items_begins(items, event) ? begin(items, event) : 0;
    if (r < 0)
        return r;
    if (event->kind == TL_EVENT_END) {
        items->finish = event->finish;
        items->ended = event->ended;
        if (event->stop && !items->stop && !(items->stop = tl_strdup(event->stop)))
            return TL_E_NOMEM;
        if (event->usage)
            items->usage = *event->usage;
    }
    bool text = event->kind == TL_EVENT_REASONING || event->kind == TL_EVENT_CONTENT || event->kind == TL_EVENT_ARGUMENTS;
    return text && items->n ? tl_buffer_append(&items->item[items->n - 1].text, event->text, event->n_bytes) : 0;
}

const char *tl_item_arguments(const struct tl_item *item)
{
    struct tl_json json;
    tl_json_init(&json, "arguments", item->text.data ? item->text.data : "", item->text.len);
    bool whole = tl_json_next(&json) == TL_JSON_OBJECT && tl_json_skip(&json) >= 0 && tl_json_next(&json) == TL_JSON_END;
    tl_json_done(&json);
    return whole ? item->text.data : "{}";
}
