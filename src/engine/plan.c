/* SPDX-License-Identifier: MIT */
/* From what an engine is asked for to what room plan fits into the budget, and what sessions and scoring take besides the
 * model. */
#include "base/cpu.h"
#include "base/error.h"
#include "engine/engine.h"
#include "engine/prefix.h"
#include "engine/taps.h"
#include "engine/teacher.h"
#include "engine/windows.h"

enum { STEP_TOKEN_BYTES = 64, SWEEP_TOKEN_BYTES = 16 };      /* the scheduler's lists, a token; a sweep's */
enum { TEXT_TOKEN_BYTES = 24 };                              /* of a text: id, value, a share of the text itself */

static uint64_t scoring_bytes(const struct tl_engine_options *options, const struct tl_model *model, const struct tl_model_limits *limits)
{
    uint64_t window = sizeof(struct tl_window) + sizeof(struct tl_span) + sizeof(struct tl_state) + 3 * sizeof(void *) +
                      TL_MAX_GROUPS * (limits->context / TL_PAGE_TOKENS + 1) * sizeof(void *);
    uint64_t teacher = (uint64_t)TL_TEACHER_ROWS * (16 + 9 * TL_TEACHER_DRAWS + tl_model_geometry(model)->vocab / 32);
    return limits->sessions * window + limits->chunk * (uint64_t)SWEEP_TOKEN_BYTES + options->score_tokens * TEXT_TOKEN_BYTES + teacher +
           tl_taps_bytes(model, options->score_taps);
}

static uint64_t drafts_bytes(const struct tl_engine_options *options, const struct tl_model *model, const struct tl_model_limits *limits)
{
    struct tl_draft_choice choice;
    return tl_drafts_choose(options->drafts, options->draft_model, &choice) < 0 ? 0 : tl_drafts_bytes(&choice, model, limits);
}

static uint64_t users(void *context, const struct tl_model *model, const struct tl_model_limits *limits)
{
    uint32_t vocab = tl_model_geometry(model)->vocab;
    uint64_t session = tl_sampler_bytes(vocab) + vocab * sizeof(float) + limits->context * sizeof(int32_t);
    uint64_t bytes = limits->sweep ? scoring_bytes(context, model, limits)
                                   : limits->sessions * session + tl_prefix_bytes(limits) + drafts_bytes(context, model, limits);
    return bytes + limits->chunk * (uint64_t)STEP_TOKEN_BYTES;
}

int tl_engine_fit(struct tl_model *model, const struct tl_engine_options *o, struct tl_fit *ret_fit)
{
    struct tl_engine_options copy = *o;                  /* the callback's */
    struct tl_fit_wish wish = {
        .threads = o->threads, .context = o->context, .sessions = o->sessions, .chunk = o->chunk, .block = o->block, .frames = o->frames,
        .better_chunk = o->better_chunk, .ram_bytes = o->ram_bytes, .trunk_bytes = o->trunk_bytes, .score_tokens = o->score_tokens, .fewer_sessions = o->fewer_sessions,
        .shorter_context = o->shorter_context, .process_bytes = o->process_bytes ? o->process_bytes : tl_cpu_rss(), .machine = o->machine,
        .users = users, .users_context = &copy,
    };
    return tl_fit_make(model, &wish, ret_fit);
}
