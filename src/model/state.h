/* SPDX-License-Identifier: MIT */
/* Sequence state: the keys and values of one sequence, in pages that sequences share, and the records of its recurrent
 * layers (record.h).
 *
 * Layers fall into groups of equal window; each group has a pool of pages of TL_PAGE_TOKENS positions (all its layers and
 * KV heads), and a state has a page table a group. Pages are counted by reference: a fork shares all of them, and a page
 * that is shared is copied when one side writes to it. Windowed groups give pages back once no position that can still be
 * computed sees them. All functions of one cache are called by one thread at a time (the scheduler's). */
#ifndef TL_MODEL_STATE_H
#define TL_MODEL_STATE_H

#include "base/arena.h"
#include "model/geometry.h"
#include "model/record.h"
#include "number/number.h"

enum { TL_MAX_GROUPS = 4 };

struct tl_page_group {
    uint32_t window;                     /* 0: full attention */
    uint32_t n_layers;
    uint64_t head_bytes, page_bytes;     /* of one KV head in one layer; of all */
    uint32_t n_pages, n_free;
    uint8_t *pages;                      /* [n_pages][page_bytes] */
    uint32_t *free;                      /* stack of page numbers */
    uint32_t *users;                     /* [n_pages] references */
};

/* The pools of one model. */
struct tl_cache {
    const struct tl_geometry *geometry;
    const struct tl_number *format;
    uint32_t context, slack;             /* most tokens of a state; positions that a windowed group keeps behind its window */
    uint32_t n_groups, table_pages;
    bool one_layer;                      /* all layers share one place: a state lives for one step (a sweep) */
    struct tl_page_group group[TL_MAX_GROUPS];
    uint8_t *layer_group;                /* [n_layers]; of layers with attention */
    uint16_t *layer_slot;                /* [n_layers] place in its group, or among the recurrent layers */
    struct tl_record_pool records;
    uint64_t packed_bytes;               /* that a position takes in layers that pack positions behind their window */
    uint64_t fingerprint;                /* of model and formats: what save writes and load demands */
};

struct tl_state {
    struct tl_cache *cache;
    uint32_t length;                     /* positions computed */
    uint32_t floor[TL_MAX_GROUPS];       /* first position whose page is still held */
    void **table[TL_MAX_GROUPS];         /* [table_pages] */
    struct tl_records records;
};

/* Facts first (heap, small), then the pools from an arena (or only their sizes, counting). */
int tl_cache_init(struct tl_cache *cache, const struct tl_geometry *geometry, const struct tl_number *format);
/* Before the layout. one_layer: a layer overwrites what the one before it kept, so that a step must hold whole sequences; the
 * sequences of a step together have at most `chunk` tokens. */
int tl_cache_share(struct tl_cache *cache, bool one_layer);
int tl_cache_layout(struct tl_cache *cache, uint32_t context, uint32_t sequences, uint32_t chunk, struct tl_arena *arena);
void tl_cache_done(struct tl_cache *cache);
uint64_t tl_cache_token_bytes(const struct tl_cache *cache);          /* that one more position takes, windows left out */

int tl_state_new(struct tl_cache *cache, struct tl_state **ret_state);
void tl_state_free(struct tl_state *state);

/* Makes room for positions length .. length + n_tokens - 1, owned by this state alone. TL_E_BUDGET: no pages left;
 * TL_E_USAGE: beyond the context. Nothing is lost on failure. */
int tl_state_reserve(struct tl_state *state, uint32_t n_tokens);
/* After the step that filled them. */
void tl_state_append(struct tl_state *state, uint32_t n_tokens);
/* Back to `length` positions, or to the nearest earlier position whose state is exact: all of its windows are held, and
 * with recurrent layers there is a record. Returns the new length, which its user computes on from. */
uint32_t tl_state_truncate(struct tl_state *state, uint32_t length);
uint32_t tl_state_nearest(const struct tl_state *state, uint32_t length);     /* that new length, with nothing changed */
/* A second state with the same positions. A snapshot is a fork that is put aside; restoring it is taking it back. */
int tl_state_fork(const struct tl_state *state, struct tl_state **ret_state);
uint64_t tl_state_bytes(const struct tl_state *state);                /* pages and records held, shared ones included */
/* Checked by length, fingerprint and checksum. load replaces the state's content. */
int tl_state_save(const struct tl_state *state, const int32_t *ids, uint32_t n_ids, const char *path);
int tl_state_load(struct tl_state *state, const char *path, int32_t **ret_ids, uint32_t *ret_count);

/* The same in steps, of which only room touches what states share: open (headers and ids, all numbers checked), check (the checksum:
 * then everything in it can be believed), room in a state, which it empties, read into that. A state whose file could not be
 * read whole is to be truncated to 0. */
struct tl_state_file;
int tl_state_file_open(const struct tl_cache *cache, const char *path, struct tl_state_file **ret_file);
void tl_state_file_close(struct tl_state_file *file);
const int32_t *tl_state_file_ids(const struct tl_state_file *file, uint32_t *ret_count, uint32_t *ret_length);  /* length: computed */
uint32_t tl_state_file_nearest(const struct tl_state_file *file, uint32_t length);   /* as tl_state_nearest of what it holds */
int tl_state_file_check(const struct tl_state_file *file);
int tl_state_file_room(const struct tl_state_file *file, struct tl_state *state);
int tl_state_file_read(const struct tl_state_file *file, struct tl_state *state);
/* Are all windows held that the next position behind `length` sees, where groups hold what begins at these floors? */
bool tl_cache_reaches(const struct tl_cache *cache, const uint32_t floor[TL_MAX_GROUPS], uint32_t length);

/* Values that a page keeps beside a key: none of latent attention, whose values are the keys' leading dimensions. */
static inline uint32_t tl_cache_v_dim(const struct tl_geometry *geometry)
{
    return geometry->kv_rank ? 0 : geometry->v_dim;
}

static inline uint64_t tl_cache_offset(const struct tl_cache *cache, uint32_t layer, uint32_t kv_head)
{
    const struct tl_page_group *group = &cache->group[cache->layer_group[layer]];
    return ((uint64_t)cache->layer_slot[layer] * cache->geometry->n_kv_heads + kv_head) * group->head_bytes;
}

#endif
