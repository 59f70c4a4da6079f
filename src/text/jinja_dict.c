/* SPDX-License-Identifier: MIT */
/* Dicts and namespaces: pairs in order of insertion, a hash index from nine pairs on. Probes are paid for in steps, so
 * that keys chosen to collide end in an error and not in a long wait. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "text/jinja.h"
#include "text/jinja_text.h"

enum { INDEX_FROM = 9 };

int tl_jinja_dict_new(struct tl_jinja *j, enum tl_jinja_kind kind, size_t cap, struct tl_jinja_value *ret)
{
    struct tl_jinja_dict *dict;
    int r = tl_jinja_take(j, 1, sizeof *dict, &dict);
    if (r < 0 || (r = tl_jinja_take(j, cap, sizeof *dict->pair, &dict->pair)) < 0)
        return r;
    dict->cap = cap;
    *ret = (struct tl_jinja_value){.kind = (uint8_t)kind, .dict = dict};
    return 0;
}

static uint64_t mix(uint64_t a)
{
    a = (a ^ a >> 31) * 0x9E3779B97F4A7C15;
    return a ^ a >> 29;
}

/* Equal values have equal hashes: 1, 1.0 and true are one key, as in Python. */
static int hash_value(struct tl_jinja *j, const struct tl_jinja_value *v, uint64_t *ret)
{
    int r = 0;
    switch (v->kind) {
    case TL_JINJA_STRING: case TL_JINJA_BIG:
        *ret = tl_jinja_text_hash(v->text);
        return 0;
    case TL_JINJA_BOOL: case TL_JINJA_INT:
        *ret = mix((uint64_t)(v->kind == TL_JINJA_BOOL ? v->boolean : v->integer));
        return 0;
    case TL_JINJA_FLOAT:
        if (v->number == floor(v->number) && fabs(v->number) < 0x1p63)
            *ret = mix((uint64_t)(int64_t)v->number);
        else
            memcpy(ret, &v->number, sizeof *ret);
        return 0;
    case TL_JINJA_TUPLE:
        *ret = mix(v->list->n);
        if ((r = tl_jinja_enter(j)) < 0)
            return r;
        for (size_t i = 0; i < v->list->n; i++) {
            uint64_t hash;
            if ((r = hash_value(j, &v->list->item[i], &hash)) < 0)
                return r;
            *ret = mix(*ret ^ hash);
        }
        j->depth--;
        return 0;
    case TL_JINJA_LIST: case TL_JINJA_DICT: case TL_JINJA_VIEW:
        return tl_jinja_fail(j, TL_E_USAGE, "a %s cannot be a key", tl_jinja_kind_name(v));
    case TL_JINJA_UNDEFINED: case TL_JINJA_NONE: case TL_JINJA_MISSING:
        *ret = mix(v->kind);
        return 0;
    default:
        *ret = mix((uint64_t)(uintptr_t)v->object);
        return 0;
    }
}

/* The number of the pair with this key, or SIZE_MAX; *ret_slot is where its index entry is or belongs. */
static int find_pair(struct tl_jinja *j, const struct tl_jinja_dict *dict, const struct tl_jinja_value *key, uint64_t hash,
                     size_t *ret_pair, size_t *ret_slot)
{
    size_t mask = dict->n_slots - 1;
    *ret_pair = SIZE_MAX;
    *ret_slot = hash & mask;
    for (size_t i = 0;; i++) {
        size_t at = i;
        if (dict->n_slots) {
            if (!dict->slot[*ret_slot])
                return tl_jinja_step(j, i / 8);
            at = dict->slot[*ret_slot] - 1;
        } else if (i == dict->n) {
            return 0;
        }
        int same = dict->pair[at].hash == hash ? tl_jinja_value_equal(j, &dict->pair[at].key, key) : 0;
        if (same < 0)
            return same;
        if (same) {
            *ret_pair = at;
            return 0;
        }
        *ret_slot = (*ret_slot + 1) & mask;
    }
}

int tl_jinja_dict_find(struct tl_jinja *j, const struct tl_jinja_dict *dict, const struct tl_jinja_value *key,
                       const struct tl_jinja_value **ret_value)
{
    uint64_t hash;
    size_t pair, slot;
    int r = hash_value(j, key, &hash);
    if (r < 0 || (r = find_pair(j, dict, key, hash, &pair, &slot)) < 0)
        return r;
    if (pair == SIZE_MAX)
        return 0;
    *ret_value = &dict->pair[pair].value;
    return 1;
}

static int build_index(struct tl_jinja *j, struct tl_jinja_dict *dict)
{
    size_t n_slots = 64;
    while (n_slots < 4 * dict->n)
        n_slots *= 2;
    int r = tl_jinja_take(j, n_slots, sizeof *dict->slot, &dict->slot);
    if (r < 0)
        return r;
    dict->n_slots = n_slots;
    for (size_t i = 0; i < dict->n; i++) {
        size_t at = dict->pair[i].hash & (n_slots - 1);
        while (dict->slot[at])
            at = (at + 1) & (n_slots - 1);
        dict->slot[at] = (uint32_t)i + 1;
    }
    return tl_jinja_step(j, dict->n / 8);
}

static int grow(struct tl_jinja *j, struct tl_jinja_dict *dict)
{
    struct tl_jinja_pair *pair;
    size_t cap = 2 * dict->cap + 4;
    int r = cap < UINT32_MAX ? tl_jinja_take(j, cap, sizeof *pair, &pair) : TL_E_NOMEM;
    if (r < 0)
        return r;
    if (dict->n)
        memcpy(pair, dict->pair, dict->n * sizeof *pair);
    dict->pair = pair;
    dict->cap = cap;
    return 0;
}

int tl_jinja_dict_put(struct tl_jinja *j, struct tl_jinja_dict *dict, const struct tl_jinja_value *key, const struct tl_jinja_value *value)
{
    uint64_t hash;
    size_t pair, slot;
    int r = hash_value(j, key, &hash);
    if (r < 0 || (r = find_pair(j, dict, key, hash, &pair, &slot)) < 0)
        return r;
    if (pair != SIZE_MAX) {
        dict->pair[pair].value = *value;
        return 0;
    }
    if (dict->n == dict->cap && (r = grow(j, dict)) < 0)
        return r;
    dict->pair[dict->n++] = (struct tl_jinja_pair){*key, *value, hash};
    if (dict->n_slots && 2 * dict->n < dict->n_slots)
        dict->slot[slot] = (uint32_t)dict->n;
    else if (dict->n >= INDEX_FROM)
        return build_index(j, dict);
    return 0;
}

/* One more pair, given as a list of two. */
static int put_item(struct tl_jinja *j, struct tl_jinja_dict *dict, const struct tl_jinja_value *item)
{
    struct tl_jinja_value pair;
    int r = tl_jinja_stream_list(j, item, TL_JINJA_LIST, &pair);
    if (r < 0)
        return r;
    if (pair.list->n != 2)
        return tl_jinja_fail(j, TL_E_USAGE, "a dict is made of pairs, found %zu items", pair.list->n);
    return tl_jinja_dict_put(j, dict, &pair.list->item[0], &pair.list->item[1]);
}

int tl_jinja_dict_update(struct tl_jinja *j, struct tl_jinja_dict *dict, const struct tl_jinja_value *from)
{
    struct tl_jinja_stream *stream;
    struct tl_jinja_value item;
    int r = 0;
    if (from->kind == TL_JINJA_DICT) {
        for (size_t i = 0; i < from->dict->n && r >= 0; i++)
            r = tl_jinja_dict_put(j, dict, &from->dict->pair[i].key, &from->dict->pair[i].value);
        return r;
    }
    if ((r = tl_jinja_stream_open(j, from, &stream)) < 0)
        return r;
    while ((r = tl_jinja_stream_next(j, stream, &item)) > 0)
        if ((r = put_item(j, dict, &item)) < 0)
            break;
    return r;
}
