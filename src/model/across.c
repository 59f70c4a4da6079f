/* SPDX-License-Identifier: MIT */
/* Orders of rows in the two kinds of file. */
#include "model/across.h"

#include <math.h>

#include "model/arch.h"

/* --- heads that turn ---------------------------------------------------------------------------------------------- */

static uint64_t turn(const struct tl_geometry *to, uint64_t row)
{
    uint64_t head = to->head_dim, half = head / 2, at = row % head;
    return row - at + (to->format == TL_MODELFILE_GGUF ? at % 2 * half + at / 2 : at % half * 2 + at / half);
}

static bool turns(const struct tl_geometry *to, enum tl_role role)
{
    bool rotates = role == TL_R_Q || role == TL_R_K || role == TL_R_Q_BIAS || role == TL_R_K_BIAS;
    return rotates && !to->arch->halves && !to->kv_rank;
}

/* --- value heads of delta nets ------------------------------------------------------------------------------------ */

static uint64_t keys_of(const struct tl_geometry *g) { return (uint64_t)g->delta_k_heads * g->delta_k_dim; }
static uint64_t ratio_of(const struct tl_geometry *g) { return g->delta_v_heads / g->delta_k_heads; }

/* Rows of value heads, `each` of a head, from `first` on. */
static uint64_t tile(const struct tl_geometry *to, uint64_t first, uint64_t each, uint64_t row)
{
    uint64_t head = (row - first) / each, keys = to->delta_k_heads, ratio = ratio_of(to);
    if (row < first)
        return row;
    uint64_t other = to->delta_tiled ? head % keys * ratio + head / keys : head % ratio * keys + head / ratio;
    return first + other * each + (row - first) % each;
}

static uint64_t tile_role(const struct tl_geometry *to, enum tl_role role, uint64_t row)
{
    switch (role) {
    case TL_R_DELTA_QKV: case TL_R_DELTA_CONV: return tile(to, 2 * keys_of(to), to->delta_v_dim, row);
    case TL_R_DELTA_Z: return tile(to, 0, to->delta_v_dim, row);
    case TL_R_DELTA_BETA: case TL_R_DELTA_DECAY: case TL_R_DELTA_RATE: case TL_R_DELTA_BIAS: return tile(to, 0, 1, row);
    default: return row;
    }
}

/* --- what enters a delta net, in one matrix ----------------------------------------------------------------------- */

/* The runs of rows that a key head has in the fused matrix, and where each begins in its own. */
struct run { enum tl_role role; uint64_t first, rows; };

static void runs_of(const struct tl_geometry *g, struct run runs[4])
{
    uint64_t key = g->delta_k_dim, value = ratio_of(g) * g->delta_v_dim;
    runs[0] = (struct run){TL_R_DELTA_QKV, 0, key};
    runs[1] = (struct run){TL_R_DELTA_QKV, keys_of(g), key};
    runs[2] = (struct run){TL_R_DELTA_QKV, 2 * keys_of(g), value};
    runs[3] = (struct run){TL_R_DELTA_Z, 0, value};
}

static struct tl_across part_row(const struct tl_geometry *g, uint64_t row)
{
    struct run runs[4];
    runs_of(g, runs);
    uint64_t each = runs[0].rows + runs[1].rows + runs[2].rows + runs[3].rows, head = row / each, at = row % each;
    int i = 0;
    for (; i < 3 && at >= runs[i].rows; i++)
        at -= runs[i].rows;
    return (struct tl_across){runs[i].role, runs[i].first + head * runs[i].rows + at};
}

static struct tl_across fuse_row(const struct tl_geometry *g, enum tl_role role, uint64_t row)
{
    struct run runs[4];
    runs_of(g, runs);
    uint64_t each = runs[0].rows + runs[1].rows + runs[2].rows + runs[3].rows, before = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t end = runs[i].first + g->delta_k_heads * runs[i].rows;
        if (runs[i].role == role && row >= runs[i].first && row < end)
            return (struct tl_across){TL_R_DELTA_QKVZ, (row - runs[i].first) / runs[i].rows * each + before + (row - runs[i].first) % runs[i].rows};
        before += runs[i].rows;
    }
    return (struct tl_across){role, row};
}

/* ------------------------------------------------------------------------------------------------------------------ */

struct tl_across tl_across_row(const struct tl_geometry *to, const struct tl_geometry *from, enum tl_role role, uint64_t row)
{
    if (to->format != from->format && turns(to, role))
        row = turn(to, row);
    if (to->delta_tiled != from->delta_tiled)
        row = tile_role(to, role, row);
    if (to->delta_fused == from->delta_fused)
        return (struct tl_across){role, row};
    if (role == TL_R_DELTA_QKVZ)
        return part_row(to, row);
    return role == TL_R_DELTA_QKV || role == TL_R_DELTA_Z ? fuse_row(to, role, row) : (struct tl_across){role, row};
}

bool tl_across_turns_cols(const struct tl_geometry *to, const struct tl_geometry *from, enum tl_role role)
{
    return role == TL_R_DELTA_OUT && to->delta_tiled != from->delta_tiled;
}

uint64_t tl_across_col(const struct tl_geometry *to, const struct tl_geometry *from, enum tl_role role, uint64_t col)
{
    return tl_across_turns_cols(to, from, role) ? tile(to, 0, to->delta_v_dim, col) : col;
}

float tl_across_value(const struct tl_geometry *to, const struct tl_geometry *from, enum tl_role role, float value, float add)
{
    if (role == TL_R_DELTA_RATE && to->rate_log != from->rate_log)
        return (float)(to->rate_log ? log(-(double)value) : -exp((double)value));
    return value - add;
}
