/* SPDX-License-Identifier: MIT */
/* Lays out the memory of a forward step. Streams that cross segments have room for a chunk, all others for a block. */
#include "model/step.h"

#include "base/error.h"

/* Logits take a bounded piece of memory: 4 to 64 rows, about 16 MB; in a sweep, which wants those of all tokens, enough rows
 * for the head's products to be ones of many tokens, about 64 MB. */
static uint32_t out_rows(const struct tl_geometry *g, bool sweep)
{
    uint32_t rows = (sweep ? 16u << 20 : 4u << 20) / g->vocab, least = sweep ? 64 : 4, most = sweep ? TL_OUT_ROWS : 64;
    return rows < least ? least : rows > most ? most : rows;
}

static float *take(const struct tl_step *step, enum tl_stream stream, struct tl_arena *arena)
{
    uint64_t tokens = step->program->wide[stream] ? step->max_tokens : step->max_block;
    return tl_arena_take(arena, tokens * tl_stream_width(step->geometry, stream), sizeof(float));
}

/* Streams of attention, of a delta net and of the dense unit never live at the same time, where they do not cross segments. */
static void lay_streams(struct tl_step *step, struct tl_arena *arena)
{
    enum { SIDES = 3 };
    static const enum tl_stream sharing[SIDES][9] = { { TL_S_Q, TL_S_K, TL_S_V, TL_S_A, TL_S_QA, TL_S_QB, TL_S_KA, TL_S_AV, TL_S_QG },
                                                      { TL_S_DF, TL_S_DI, TL_S_DC, TL_S_DZ, TL_S_DG, TL_S_DB, TL_S_DA, TL_S_DO },
                                                      { TL_S_G, TL_S_U } };
    static const uint32_t n_sharing[SIDES] = { 9, 8, 2 };
    const struct tl_geometry *g = step->geometry;
    bool shares[TL_STREAM_COUNT] = { false };
    uint64_t used[SIDES] = { 0 }, at[TL_STREAM_COUNT] = { 0 }, most = 0;
    for (int side = 0; side < SIDES; side++) {
        for (uint32_t i = 0; i < n_sharing[side]; i++) {
            enum tl_stream stream = sharing[side][i];
            shares[stream] = !step->program->wide[stream];
            at[stream] = used[side];
            used[side] += shares[stream] ? step->max_block * tl_stream_width(g, stream) : 0;
        }
        most = used[side] > most ? used[side] : most;
    }
    float *shared = tl_arena_take(arena, most, sizeof(float));
    for (int stream = 0; stream < TL_S_OUT; stream++)
        step->base[stream] = !shares[stream] ? take(step, (enum tl_stream)stream, arena) : shared ? shared + at[stream] : NULL;
    step->base[TL_S_OUT] = tl_arena_take(arena, (uint64_t)step->max_out * g->width, sizeof(float));
    step->base[TL_S_LOGITS] = tl_arena_take(arena, (uint64_t)step->max_out * g->vocab, sizeof(float));
}

/* Rounded inputs of products, and of products of each head. */
static void lay_acts(struct tl_step *step, struct tl_arena *arena)
{
    uint32_t rows = step->max_block > step->max_out ? step->max_block : step->max_out, head_rows = step->max_block * step->geometry->n_heads;
    for (int form = 0; form < TL_ACTS_FORMS; form++) {
        uint32_t cols = step->program->acts_cols[form], head_cols = step->program->head_cols[form];
        step->acts[form] = (struct tl_acts){ .form = (enum tl_acts_form)form, .cols = cols, .max_tokens = rows };
        step->head_acts[form] = (struct tl_acts){ .form = (enum tl_acts_form)form, .cols = head_cols, .max_tokens = head_rows };
        if (cols)
            step->acts[form].data = tl_arena_take(arena, 1, tl_acts_bytes((enum tl_acts_form)form, rows, cols));
        if (head_cols)
            step->head_acts[form].data = tl_arena_take(arena, 1, tl_acts_bytes((enum tl_acts_form)form, head_rows, head_cols));
    }
}

static void lay_tokens(struct tl_step *step, struct tl_arena *arena)
{
    const struct tl_geometry *g = step->geometry;
    for (int i = 0; i < TL_ROPES; i++)
        step->rope[i] = tl_arena_take(arena, (uint64_t)step->max_tokens * g->n_rot, sizeof(float));
    step->token_span = tl_arena_take(arena, step->max_tokens, sizeof(uint32_t));
    step->token_position = tl_arena_take(arena, step->max_tokens, sizeof(uint32_t));
    step->span_first = tl_arena_take(arena, step->max_tokens, sizeof(uint32_t));
    uint64_t most_items = (uint64_t)step->max_block * (1 + g->n_heads / g->n_kv_heads);
    step->items = tl_arena_take(arena, most_items, sizeof(*step->items));
}

int tl_step_layout(struct tl_step *step, const struct tl_geometry *g, const struct tl_program *program,
                   const struct tl_model_limits *limits, struct tl_arena *arena)
{
    uint32_t block = limits->block ? limits->block : TL_BLOCK_TOKENS;
    step->geometry = g;
    step->program = program;
    step->max_tokens = limits->chunk;
    step->max_block = block < limits->chunk ? block : limits->chunk;
    step->max_out = out_rows(g, limits->sweep);
    step->n_threads = limits->threads;
    lay_streams(step, arena);
    lay_acts(step, arena);
    tl_experts_layout(step, program, arena);
    tl_lookahead_layout(step, arena);
    lay_tokens(step, arena);
    step->segment_weight = tl_arena_take(arena, program->segment_ops, sizeof(*step->segment_weight));
    step->segment_bias = tl_arena_take(arena, program->segment_ops, sizeof(*step->segment_bias));
    step->product_scratch_bytes = (tl_product_scratch_bytes() + 4095) & ~(uint64_t)4095;
    step->attend_scratch_bytes = (tl_attend_scratch_bytes(tl_attend_rows(g), limits->context) + 4095) & ~(uint64_t)4095;
    step->product_scratch = tl_arena_take(arena, limits->threads, step->product_scratch_bytes);
    step->attend_scratch = tl_arena_take(arena, limits->threads, step->attend_scratch_bytes);
    return arena->overflow ? tl_fail(TL_E_NOMEM, "the memory of a step of %u tokens does not fit", limits->chunk) : 0;
}
