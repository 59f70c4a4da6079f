/* SPDX-License-Identifier: MIT */
/* Arenas over one anonymous mapping.
 *
 * Large mappings begin at a border of 2 MiB, so that the system can back them with huge pages. The size that a counting
 * arena adds up is exactly the size that a real one needs: both run through the same arithmetic. */
#include "base/arena.h"

#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

static const uint64_t huge_bytes = UINT64_C(2) << 20;

void tl_arena_count(struct tl_arena *arena)
{
    *arena = (struct tl_arena){0};
}

static uint64_t mapped_bytes(uint64_t size_bytes)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), mapped;
    return tl_checked_align(size_bytes ? size_bytes : 1, page, &mapped) ? mapped : UINT64_MAX;
}

static uint8_t *map(uint64_t n_bytes)
{
    if (n_bytes > SIZE_MAX)
        return NULL;
    void *memory = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* Maps one huge page more than asked for and gives back what lies outside the aligned range. */
static uint8_t *map_aligned(uint64_t n_bytes)
{
    uint64_t larger;
    uint8_t *memory = tl_checked_add(n_bytes, huge_bytes, &larger) ? map(larger) : NULL;
    if (!memory)
        return NULL;
    uint64_t front = (huge_bytes - (uintptr_t)memory % huge_bytes) % huge_bytes, back = huge_bytes - front;
    if (front)
        munmap(memory, front);
    if (back)
        munmap(memory + front + n_bytes, back);
    madvise(memory + front, n_bytes, MADV_HUGEPAGE);     /* a wish: without it only speed is lost */
    return memory + front;
}

int tl_arena_init(struct tl_arena *arena, uint64_t size_bytes)
{
    uint64_t n_bytes = mapped_bytes(size_bytes);
    uint8_t *memory = NULL;
    if (tl_memory_permit())
        memory = n_bytes >= huge_bytes ? map_aligned(n_bytes) : map(n_bytes);
    *arena = (struct tl_arena){.base = memory, .size_bytes = memory ? size_bytes : 0};
    if (!memory)
        return tl_fail(TL_E_NOMEM, "out of memory: %" PRIu64 " bytes asked for in one arena", size_bytes);
    return 0;
}

void tl_arena_done(struct tl_arena *arena)
{
    if (!arena)
        return;
    if (arena->base)
        munmap(arena->base, mapped_bytes(arena->size_bytes));
    *arena = (struct tl_arena){0};
}

void *tl_arena_take(struct tl_arena *arena, uint64_t count, uint64_t elem_bytes)
{
    uint64_t n_bytes, start, end;
    if (!tl_checked_mul(count, elem_bytes, &n_bytes) ||
        !tl_checked_align(arena->used_bytes, TL_ARENA_ALIGN, &start) ||
        !tl_checked_add(start, n_bytes, &end) || (arena->base && end > arena->size_bytes)) {
        arena->overflow = true;
        return NULL;
    }
    arena->used_bytes = end;
    return arena->base ? arena->base + start : NULL;
}
