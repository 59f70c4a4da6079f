/* SPDX-License-Identifier: MIT */
/* Lists and tuples. They grow only while they are built; `+` continues the left one on its shelf where there is room,
 * as strings do. */
#include <string.h>

#include "base/error.h"
#include "text/jinja.h"

int tl_jinja_list_new(struct tl_jinja *j, enum tl_jinja_kind kind, size_t cap, struct tl_jinja_value *ret)
{
    struct tl_jinja_list *list;
    struct tl_jinja_shelf *shelf;
    int r = tl_jinja_take(j, 1, sizeof *list, &list);
    if (r < 0 || (r = tl_jinja_take(j, 1, sizeof *shelf, &shelf)) < 0 ||
        (r = tl_jinja_take(j, cap, sizeof *shelf->item, &shelf->item)) < 0)
        return r;
    shelf->cap = cap;
    *list = (struct tl_jinja_list){.item = shelf->item, .shelf = shelf};
    *ret = (struct tl_jinja_value){.kind = (uint8_t)kind, .list = list};
    return 0;
}

/* Room for n more items behind those of `list`, which ends where its shelf does. */
static int reserve(struct tl_jinja *j, struct tl_jinja_list *list, size_t n)
{
    struct tl_jinja_shelf *shelf = list->shelf;
    if (n <= shelf->cap - shelf->n)
        return 0;
    size_t cap = 2 * (shelf->n + n) + 4;
    int r = tl_jinja_take(j, cap, sizeof *shelf->item, &shelf->item);
    if (r < 0)
        return r;
    if (list->n)
        memcpy(shelf->item, list->item, list->n * sizeof *list->item);
    list->item = shelf->item;
    shelf->cap = cap;
    return 0;
}

int tl_jinja_list_push(struct tl_jinja *j, struct tl_jinja_value *value, const struct tl_jinja_value *item)
{
    struct tl_jinja_list *list = (struct tl_jinja_list *)value->list;
    int r = reserve(j, list, 1);
    if (r < 0)
        return r;
    list->item[list->n++] = *item;
    list->shelf->n++;
    return tl_jinja_step(j, 1);
}

int tl_jinja_list_concat(struct tl_jinja *j, const struct tl_jinja_value *a, const struct tl_jinja_value *b, struct tl_jinja_value *ret)
{
    const struct tl_jinja_list *left = a->list, *right = b->list;
    struct tl_jinja_list *joined;
    struct tl_jinja_shelf *shelf = left->shelf;
    int r = tl_jinja_step(j, right->n / 16 + 1);
    if (r < 0)
        return r;
    if (shelf && left->item + left->n == shelf->item + shelf->n && right->n <= shelf->cap - shelf->n) {
        if ((r = tl_jinja_take(j, 1, sizeof *joined, &joined)) < 0)
            return r;
        *joined = *left;
    } else {
        size_t n = left->n + right->n;
        if ((r = tl_jinja_step(j, left->n / 16)) < 0 ||
            (r = tl_jinja_list_new(j, TL_JINJA_LIST, left->n >= 4 ? 2 * n : n, ret)) < 0)
            return r;
        joined = (struct tl_jinja_list *)ret->list;
        if (left->n)
            memcpy(joined->item, left->item, left->n * sizeof *left->item);
        joined->n = joined->shelf->n = left->n;
    }
    if (right->n)
        memcpy(joined->item + joined->n, right->item, right->n * sizeof *right->item);
    joined->n += right->n;
    joined->shelf->n += right->n;
    *ret = (struct tl_jinja_value){.kind = a->kind, .user = a->user || b->user, .list = joined};
    return 0;
}

/* Merges the sorted runs [0, half) and [half, n) of `order`, numbers of keys. Equal keys stay in their order, also when
 * reversed. */
static int merge(struct tl_jinja *j, size_t *order, size_t half, size_t n, size_t *spare, const struct tl_jinja_value *key, bool reverse)
{
    size_t a = 0, b = half, to = 0;
    memcpy(spare, order, n * sizeof *order);
    while (a < half && b < n) {
        int cmp;
        int r = tl_jinja_value_order(j, &key[spare[b]], &key[spare[a]], &cmp);
        if (r < 0)
            return r;
        order[to++] = (reverse ? cmp > 0 : cmp < 0) ? spare[b++] : spare[a++];
    }
    while (a < half)
        order[to++] = spare[a++];
    while (b < n)
        order[to++] = spare[b++];
    return 0;
}

int tl_jinja_list_sort(struct tl_jinja *j, struct tl_jinja_value *item, const struct tl_jinja_value *key, size_t n, bool reverse)
{
    size_t *order, *spare;
    struct tl_jinja_value *copy;
    int r = tl_jinja_take(j, n, sizeof *order, &order);
    if (r < 0 || (r = tl_jinja_take(j, n, sizeof *spare, &spare)) < 0 || (r = tl_jinja_take(j, n, sizeof *copy, &copy)) < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t width = 1; width < n; width *= 2)
        for (size_t at = 0; at + width < n; at += 2 * width) {
            size_t run = n - at < 2 * width ? n - at : 2 * width;
            if ((r = merge(j, order + at, width, run, spare, key, reverse)) < 0)
                return r;
        }
    if (n)
        memcpy(copy, item, n * sizeof *item);
    for (size_t i = 0; i < n; i++)
        item[i] = copy[order[i]];
    return 0;
}
