/* SPDX-License-Identifier: MIT */
/* Heap allocation for cold code. Every allocation of the program goes through here or through an arena, so that tests
 * can make the N-th one fail and count what a decode step allocates (it must be none).
 * All record a sentence and return NULL when memory is out; sizes are checked for wrapping. */
#ifndef TL_BASE_MEMORY_H
#define TL_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *tl_alloc(size_t count, size_t elem_bytes);                      /* zeroed */
void *tl_realloc(void *memory, size_t count, size_t elem_bytes);      /* growth is not zeroed; on failure `memory` stays valid */
/* Makes an array of *cap elements one of n at least: just n, or half as many again where that is more. < 0: as it was. */
int tl_reserve(void **array, uint64_t n, uint64_t *cap, size_t elem_bytes);
/* Room for one more behind the first n. */
static inline int tl_grow(void **array, uint64_t n, uint64_t *cap, size_t elem_bytes) { return tl_reserve(array, n + 1, cap, elem_bytes); }
char *tl_strdup(const char *text);
char *tl_strndup(const char *text, size_t n_bytes);                   /* just so many, zero bytes among them too; NUL behind */
void tl_free(void *memory);

/* For tests: the countdown-th allocation from now fails (0 = the next); -1 = none. Process-wide. */
void tl_memory_fail_after(long countdown);
uint64_t tl_memory_allocations(void);                                 /* calls so far, arenas included */

/* Counts one allocation; false when a test wants it to fail. Called by everything that obtains memory. */
bool tl_memory_permit(void);

/* Frees at the end of the scope:  TL_AUTO char *text = NULL; */
static inline void tl_memory_auto_(void *slot) { tl_free(*(void **)slot); }
#define TL_AUTO __attribute__((cleanup(tl_memory_auto_)))

#endif
