/* SPDX-License-Identifier: MIT */
/* Lays out the memory of a forward step. Streams whose lives do not meet share their place. */
#include "model/step.h"

#include "base/error.h"

/* Logits take a bounded piece of memory: 4 to 64 rows, about 16 MB. */
static uint32_t out_rows(const struct tl_geometry *g)
{
    uint32_t rows = (4u << 20) / g->vocab;
    return rows < 4 ? 4 : rows > 64 ? 64 : rows;
}

static void lay_streams(struct tl_step *step, struct tl_arena *arena)
{
    const struct tl_geometry *g = step->geometry;
    static const enum tl_stream attention[] = { TL_S_Q, TL_S_K, TL_S_V, TL_S_A, TL_S_QA, TL_S_QB, TL_S_KA, TL_S_AV };
    static const enum tl_stream unit[] = { TL_S_G, TL_S_U };
    enum { N = sizeof(attention) / sizeof(attention[0]) };
    uint64_t tokens = step->max_tokens, used = 0, widest = 0;
    for (int i = 0; i < N; i++)
        widest += tl_stream_width(g, attention[i]);
    if (widest < 2 * (uint64_t)g->ff)
        widest = 2 * (uint64_t)g->ff;
    step->stream[TL_S_X] = tl_arena_take(arena, tokens * g->width, sizeof(float));
    step->stream[TL_S_H] = tl_arena_take(arena, tokens * g->width, sizeof(float));
    float *shared = tl_arena_take(arena, tokens * widest, sizeof(float));
    for (int i = 0; i < N && shared; used += tokens * tl_stream_width(g, attention[i++]))
        step->stream[attention[i]] = shared + used;
    for (int i = 0; i < 2 && shared; i++)
        step->stream[unit[i]] = shared + i * tokens * g->ff;
    static const enum tl_stream expert[] = { TL_S_R, TL_S_M, TL_S_T, TL_S_SG, TL_S_SU, TL_S_S1 };
    for (int i = 0; i < 6; i++)
        step->stream[expert[i]] = tl_arena_take(arena, tokens * tl_stream_width(g, expert[i]), sizeof(float));
    step->stream[TL_S_OUT] = tl_arena_take(arena, (uint64_t)step->max_out * g->width, sizeof(float));
    step->stream[TL_S_LOGITS] = tl_arena_take(arena, (uint64_t)step->max_out * g->vocab, sizeof(float));
}

int tl_step_layout(struct tl_step *step, const struct tl_geometry *g, const struct tl_program *program,
                   const struct tl_model_limits *limits, struct tl_arena *arena)
{
    step->geometry = g;
    step->max_tokens = limits->chunk;
    step->max_out = out_rows(g);
    step->n_threads = limits->threads;
    uint32_t rows = step->max_tokens > step->max_out ? step->max_tokens : step->max_out;
    lay_streams(step, arena);
    for (int form = 0; form < TL_ACTS_FORMS; form++) {
        uint32_t cols = program->acts_cols[form];
        step->acts[form] = (struct tl_acts){ .form = (enum tl_acts_form)form, .cols = cols, .max_tokens = rows };
        if (cols)
            step->acts[form].data = tl_arena_take(arena, 1, tl_acts_bytes((enum tl_acts_form)form, rows, cols));
    }
    for (int form = 0; form < TL_ACTS_FORMS; form++) {
        uint32_t cols = program->head_cols[form], n_rows = limits->chunk * g->n_heads;
        step->head_acts[form] = (struct tl_acts){ .form = (enum tl_acts_form)form, .cols = cols, .max_tokens = n_rows };
        if (cols)
            step->head_acts[form].data = tl_arena_take(arena, 1, tl_acts_bytes((enum tl_acts_form)form, n_rows, cols));
    }
    tl_experts_layout(step, program, arena);
    tl_lookahead_layout(step, arena);
    step->program = program;
    for (int i = 0; i < TL_ROPES; i++)
        step->rope[i] = tl_arena_take(arena, (uint64_t)step->max_tokens * g->n_rot, sizeof(float));
    step->token_span = tl_arena_take(arena, step->max_tokens, sizeof(uint32_t));
    step->token_position = tl_arena_take(arena, step->max_tokens, sizeof(uint32_t));
    step->span_first = tl_arena_take(arena, step->max_tokens, sizeof(uint32_t));
    uint64_t most_items = (uint64_t)step->max_tokens * (1 + g->n_heads / g->n_kv_heads);
    step->items = tl_arena_take(arena, most_items, sizeof(*step->items));
    step->product_scratch_bytes = (tl_product_scratch_bytes() + 4095) & ~(uint64_t)4095;
    step->attend_scratch_bytes = (tl_attend_scratch_bytes(TL_ATTEND_ROWS, limits->context) + 4095) & ~(uint64_t)4095;
    step->product_scratch = tl_arena_take(arena, limits->threads, step->product_scratch_bytes);
    step->attend_scratch = tl_arena_take(arena, limits->threads, step->attend_scratch_bytes);
    return arena->overflow ? tl_fail(TL_E_NOMEM, "the memory of a step of %u tokens does not fit", limits->chunk) : 0;
}
