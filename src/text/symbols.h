/* SPDX-License-Identifier: MIT */
/* Pieces of a word that are merged in order of priority: a linked list in an array, and a heap of the neighbours that
 * could merge. The loop is the same for merges by rank and by score; it takes O(n log n) steps for n symbols. */
#ifndef TL_TEXT_SYMBOLS_H
#define TL_TEXT_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TL_SYMBOL_NONE UINT32_MAX

struct tl_symbol { uint32_t start, n_bytes, prev, next; int32_t id; };   /* n_bytes 0: merged into another */

/* `key`: priority in the upper half, the left symbol in the lower; the smallest is first. n_bytes: of both symbols then,
 * which is how an item is known to be out of date. */
struct tl_candidate { uint64_t key; uint32_t n_bytes; int32_t id; };

struct tl_symbols {
    struct tl_symbol *symbol;
    size_t count, capacity;
    struct tl_candidate *heap;
    size_t n_heap;
};

int tl_symbols_reserve(struct tl_symbols *symbols, size_t count);     /* and empties them */
void tl_symbols_done(struct tl_symbols *symbols);

static inline void tl_symbols_add(struct tl_symbols *symbols, uint32_t start, uint32_t n_bytes, int32_t id)
{
    uint32_t at = (uint32_t)symbols->count++;
    symbols->symbol[at] = (struct tl_symbol){start, n_bytes, at - 1, TL_SYMBOL_NONE, id};
    if (at)
        symbols->symbol[at - 1].next = at;
}

static inline void tl_symbols_push(struct tl_symbols *symbols, struct tl_candidate item)
{
    size_t at = symbols->n_heap++;
    for (; at > 0 && symbols->heap[(at - 1) / 2].key > item.key; at = (at - 1) / 2)
        symbols->heap[at] = symbols->heap[(at - 1) / 2];
    symbols->heap[at] = item;
}

static inline struct tl_candidate tl_symbols_pop(struct tl_symbols *symbols)
{
    struct tl_candidate *heap = symbols->heap, top = heap[0], last = heap[--symbols->n_heap];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < symbols->n_heap; at = child) {
        if (child + 1 < symbols->n_heap && heap[child + 1].key < heap[child].key)
            child++;
        if (last.key <= heap[child].key)
            break;
        heap[at] = heap[child];
    }
    heap[at] = last;
    return top;
}

/* May these neighbours merge, with which priority and into which id? */
typedef bool (*tl_symbols_rule)(const void *context, const struct tl_symbol *left, const struct tl_symbol *right,
                                uint32_t *ret_priority, int32_t *ret_id);

static inline __attribute__((always_inline)) void tl_symbols_consider(struct tl_symbols *symbols, tl_symbols_rule rule,
                                                                      const void *context, uint32_t left)
{
    const struct tl_symbol *symbol = symbols->symbol;
    uint32_t right = symbol[left].next, priority;
    int32_t id;
    if (right != TL_SYMBOL_NONE && rule(context, symbol + left, symbol + right, &priority, &id))
        tl_symbols_push(symbols, (struct tl_candidate){(uint64_t)priority << 32 | left,
                                                       symbol[left].n_bytes + symbol[right].n_bytes, id});
}

/* Merges until nothing may. Each merge takes one symbol away and adds two candidates at most, so the heap never holds
 * more than two items a symbol. */
static inline __attribute__((always_inline)) void tl_symbols_merge(struct tl_symbols *symbols, tl_symbols_rule rule,
                                                                   const void *context)
{
    struct tl_symbol *symbol = symbols->symbol;
    for (uint32_t i = 0; i + 1 < symbols->count; i++)
        tl_symbols_consider(symbols, rule, context, i);
    while (symbols->n_heap) {
        struct tl_candidate item = tl_symbols_pop(symbols);
        uint32_t left = (uint32_t)item.key, right = symbol[left].next;
        if (symbol[left].n_bytes == 0 || right == TL_SYMBOL_NONE || symbol[left].n_bytes + symbol[right].n_bytes != item.n_bytes)
            continue;
        symbol[left].n_bytes = item.n_bytes;
        symbol[left].id = item.id;
        symbol[left].next = symbol[right].next;
        symbol[right].n_bytes = 0;
        if (symbol[left].next != TL_SYMBOL_NONE)
            symbol[symbol[left].next].prev = left;
        tl_symbols_consider(symbols, rule, context, left);
        if (left)
            tl_symbols_consider(symbols, rule, context, symbol[left].prev);
    }
}

#endif
