/* SPDX-License-Identifier: MIT */
/* Room for symbols and their candidates. */
#include "text/symbols.h"

#include "base/error.h"
#include "base/memory.h"

int tl_symbols_reserve(struct tl_symbols *symbols, size_t count)
{
    symbols->count = symbols->n_heap = 0;
    if (count <= symbols->capacity)
        return 0;
    size_t capacity = count + count / 2 + 64;
    struct tl_symbol *symbol = tl_realloc(symbols->symbol, capacity, sizeof *symbol);
    if (!symbol)
        return TL_E_NOMEM;
    symbols->symbol = symbol;
    struct tl_candidate *heap = tl_realloc(symbols->heap, 2 * capacity, sizeof *heap);
    if (!heap)
        return TL_E_NOMEM;
    symbols->heap = heap;
    symbols->capacity = capacity;
    return 0;
}

void tl_symbols_done(struct tl_symbols *symbols)
{
    tl_free(symbols->symbol);
    tl_free(symbols->heap);
    *symbols = (struct tl_symbols){0};
}
