/* SPDX-License-Identifier: MIT */
/* Walking through lists, strings (by character), dicts (by key), views, ranges and generators. */
#include "base/error.h"
#include "text/jinja.h"
#include "text/jinja_text.h"

enum { MAX_DEPTH = 100 };                /* generators that feed generators */

static int next_nothing(struct tl_jinja *j, struct tl_jinja_stream *stream, struct tl_jinja_value *ret)
{
    (void)j, (void)stream, (void)ret;
    return 0;
}

static int next_item(struct tl_jinja *j, struct tl_jinja_stream *stream, struct tl_jinja_value *ret)
{
    const struct tl_jinja_list *list = stream->source.list;
    (void)j;
    if (stream->at >= list->n)
        return 0;
    *ret = list->item[stream->at++];
    return 1;
}

static int next_char(struct tl_jinja *j, struct tl_jinja_stream *stream, struct tl_jinja_value *ret)
{
    const struct tl_jinja_text *text = stream->source.text;
    size_t start = stream->at, end = start + 1;
    if (start >= text->n)
        return 0;
    while (end < text->n && ((unsigned char)text->bytes[end] & 0xC0) == 0x80)
        end++;
    stream->at = end;
    int r = tl_jinja_text_slice(j, text, start, end - start, ret);
    return r < 0 ? r : 1;
}

static int next_pair(struct tl_jinja *j, struct tl_jinja_stream *stream, struct tl_jinja_value *ret)
{
    struct tl_jinja_view view = stream->source.kind == TL_JINJA_VIEW ? *stream->source.view
                              : (struct tl_jinja_view){stream->source.dict, TL_JINJA_KEYS, false};
    if (stream->at >= view.dict->n)
        return 0;
    const struct tl_jinja_pair *pair = &view.dict->pair[stream->at++];
    if (view.kind != TL_JINJA_ITEMS) {
        *ret = view.kind == TL_JINJA_KEYS ? pair->key : pair->value;
        return 1;
    }
    int r = tl_jinja_list_new(j, TL_JINJA_TUPLE, 2, ret);
    ret->user = view.user;
    if (r < 0 || (r = tl_jinja_list_push(j, ret, &pair->key)) < 0 || (r = tl_jinja_list_push(j, ret, &pair->value)) < 0)
        return r;
    return 1;
}

static int next_number(struct tl_jinja *j, struct tl_jinja_stream *stream, struct tl_jinja_value *ret)
{
    const struct tl_jinja_range *range = stream->source.range;
    (void)j;
    if (stream->at >= range->n)
        return 0;
    *ret = tl_jinja_int(range->start + (int64_t)stream->at++ * range->step);
    return 1;
}

/* A generator that takes from what cannot be walked through fails only when it is asked for a value. */
static int next_fails(struct tl_jinja *j, struct tl_jinja_stream *stream, struct tl_jinja_value *ret)
{
    (void)ret;
    return tl_jinja_fail(j, TL_E_USAGE, "a %s cannot be walked through", tl_jinja_kind_name(&stream->source));
}

static struct tl_jinja_stream describe(const struct tl_jinja_value *v)
{
    struct tl_jinja_stream stream = {.source = *v, .next = next_fails};
    switch (v->kind) {
    case TL_JINJA_UNDEFINED: stream.next = next_nothing; break;
    case TL_JINJA_LIST: case TL_JINJA_TUPLE: stream.next = next_item; break;
    case TL_JINJA_STRING: stream.next = next_char; break;
    case TL_JINJA_DICT: case TL_JINJA_VIEW: stream.next = next_pair; break;
    case TL_JINJA_RANGE: stream.next = next_number; break;
    default: break;
    }
    return stream;
}

int tl_jinja_stream_open(struct tl_jinja *j, const struct tl_jinja_value *v, struct tl_jinja_stream **ret)
{
    struct tl_jinja_stream stream = describe(v);
    if (v->kind == TL_JINJA_STREAM) {
        *ret = v->stream;
        return 0;
    }
    if (stream.next == next_fails)
        return next_fails(j, &stream, NULL);
    int r = tl_jinja_take(j, 1, sizeof **ret, ret);
    if (r >= 0)
        **ret = stream;
    return r;
}

int tl_jinja_stream_next(struct tl_jinja *j, struct tl_jinja_stream *stream, struct tl_jinja_value *ret)
{
    int r = tl_jinja_step(j, 1);
    return r < 0 ? r : stream->next(j, stream, ret);
}

int tl_jinja_stream_filter(struct tl_jinja *j, const struct tl_jinja_value *v, void *context,
                           int (*next)(struct tl_jinja *j, struct tl_jinja_stream *stream, struct tl_jinja_value *ret),
                           struct tl_jinja_value *ret)
{
    struct tl_jinja_stream *stream, *from = NULL;
    int r = v->kind == TL_JINJA_STREAM ? tl_jinja_stream_open(j, v, &from) : tl_jinja_take(j, 1, sizeof *from, &from);
    if (r < 0 || (r = tl_jinja_take(j, 1, sizeof *stream, &stream)) < 0)
        return r;
    if (v->kind != TL_JINJA_STREAM)
        *from = describe(v);
    if (from->depth == MAX_DEPTH)
        return tl_jinja_fail(j, TL_E_FILE, "more than %d filters feed each other", MAX_DEPTH);
    *stream = (struct tl_jinja_stream){.next = next, .source = *v, .from = from, .depth = from->depth + 1, .context = context};
    *ret = (struct tl_jinja_value){.kind = TL_JINJA_STREAM, .user = v->user, .stream = stream};
    return 0;
}

int tl_jinja_stream_list(struct tl_jinja *j, const struct tl_jinja_value *v, enum tl_jinja_kind kind, struct tl_jinja_value *ret)
{
    struct tl_jinja_stream *stream;
    struct tl_jinja_value item, list;
    int r = tl_jinja_stream_open(j, v, &stream);
    if (r < 0 || (r = tl_jinja_list_new(j, kind, tl_jinja_is_list(v) ? v->list->n : 4, &list)) < 0)
        return r;
    list.user = v->user;
    while ((r = tl_jinja_stream_next(j, stream, &item)) > 0)
        if ((r = tl_jinja_list_push(j, &list, &item)) < 0)
            return r;
    *ret = list;
    return r;
}
