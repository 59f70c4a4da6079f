/* SPDX-License-Identifier: MIT */
/* The step of a batch: who takes part with how many tokens, one forward step for all, and what comes out of it. */
#include "engine/batch_loop.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/prefix.h"

/* --- refilling -------------------------------------------------------------------------------------------------------------- */

static int refill(struct tl_batch_loop *loop)
{
    loop->n_active = 0;
    for (uint32_t i = 0; i < loop->n_sequences; i++) {
        struct tl_batch_sequence *sequence = &loop->sequence[i];
        int status = sequence->answer || loop->open ? 0 : tl_batch_answer_next(loop, &loop->open);
        if (status < 0)
            return status;
        if (!sequence->answer && loop->open) {
            struct tl_batch_answer *answer = loop->open;
            if (answer->n_started + 1 == answer->n_choices)
                loop->open = NULL;
            status = tl_batch_sequence_begin(loop, sequence, answer);
        }
        loop->n_active += sequence->answer != NULL;
        if (status < 0)
            return status;
    }
    return 0;
}

static int share(struct tl_batch_loop *loop)
{
    int status = 0;
    for (uint32_t i = 0; i < loop->n_sequences && status >= 0; i++)
        if (loop->sequence[i].answer && loop->sequence[i].fresh)
            status = tl_batch_sequence_share(loop, &loop->sequence[i]);
    return status;
}

/* --- collecting ------------------------------------------------------------------------------------------------------------- */

static void take(struct tl_batch_loop *loop, uint32_t index, uint32_t room)
{
    struct tl_batch_sequence *sequence = &loop->sequence[index];
    uint32_t at = sequence->state->length, left = sequence->n_ids - at, n = left < room ? left : room;
    memcpy(loop->step_ids + loop->n_tokens, sequence->ids + at, n * sizeof(*loop->step_ids));
    memset(loop->wanted + loop->n_tokens, 0, n);
    sequence->n_now = n;
    loop->span[loop->n_spans] = (struct tl_span){sequence->state, n};
    loop->member[loop->n_spans++] = index;
    loop->n_tokens += n;
    if (n == left) {
        loop->wanted[loop->n_tokens - 1] = 1;
        loop->owner[loop->n_tokens - 1] = index;
    }
}

/* The oldest that takes part, has a prompt to compute and is not in the step yet; n_sequences: none. */
static uint32_t oldest_prompt(const struct tl_batch_loop *loop)
{
    uint32_t found = loop->n_sequences;
    for (uint32_t i = 0; i < loop->n_sequences; i++) {
        const struct tl_batch_sequence *s = &loop->sequence[i];
        if (s->answer && !s->waits && !s->n_now && (found == loop->n_sequences || s->age < loop->sequence[found].age))
            found = i;
    }
    return found;
}

/* Each that decodes has its token; prompts, the oldest first, fill what is left of the chunk. */
static void collect(struct tl_batch_loop *loop)
{
    uint32_t chunk = tl_model_limits(loop->engine->model)->chunk, index;
    loop->n_tokens = loop->n_spans = 0;
    for (uint32_t i = 0; i < loop->n_sequences; i++) {
        struct tl_batch_sequence *s = &loop->sequence[i];
        s->n_now = 0;
        if (s->answer && !s->waits && s->n_ids - s->state->length == 1)
            take(loop, i, 1);
    }
    while (loop->n_tokens < chunk && (index = oldest_prompt(loop)) < loop->n_sequences)
        take(loop, index, chunk - loop->n_tokens);
}

/* --- computing -------------------------------------------------------------------------------------------------------------- */

static void draw_row(void *context, uint32_t row, uint32_t thread)
{
    struct tl_batch_loop *loop = context;
    uint64_t vocab = tl_model_geometry(loop->engine->model)->vocab;
    (void)thread;
    tl_batch_sequence_draw(loop->engine, &loop->sequence[loop->owner[loop->rows_of[row]]], loop->rows + row * vocab);
}

static int on_logits(void *context, const uint32_t *tokens, uint32_t n_rows, float *rows)
{
    struct tl_batch_loop *loop = context;
    loop->rows_of = tokens;
    loop->rows = rows;
    tl_pool_run(loop->engine->pool, n_rows, draw_row, loop);
    return 0;
}

static bool stopped(void *context)
{
    const struct tl_batch_loop *loop = context;
    return loop->progress && loop->progress->cancel && *loop->progress->cancel;
}

static int compute(struct tl_batch_loop *loop)
{
    struct tl_batch batch = {.ids = loop->step_ids, .spans = loop->span, .wanted = loop->wanted, .logits = on_logits, .stop = stopped,
                             .context = loop};
    tl_engine_enter(loop->engine);
    int status = refill(loop);
    if (status >= 0)
        status = share(loop);
    if (status >= 0)
        collect(loop);
    for (uint32_t i = 0; i < loop->n_spans && status >= 0; i++)
        status = tl_prefix_reserve(loop->engine->prefix, loop->span[i].state, loop->span[i].n_tokens);
    batch.n_spans = loop->n_spans;
    if (status >= 0 && loop->n_active)
        status = tl_model_forward(loop->engine->model, loop->engine->pool, loop->engine->kernel, &batch);
    tl_engine_leave(loop->engine);
    return status;
}

/* --- what came out ---------------------------------------------------------------------------------------------------------- */

static int accept(struct tl_batch_loop *loop)
{
    int status = 0;
    for (uint32_t i = 0; i < loop->n_sequences && status >= 0; i++) {
        struct tl_batch_sequence *sequence = &loop->sequence[i];
        struct tl_batch_answer *answer = sequence->answer;
        if (!answer || sequence->drawn < 0)
            continue;
        status = tl_batch_sequence_accept(loop, sequence);
        if (status == 0 && answer->n_left == 0)
            status = tl_batch_answer_finish(loop, answer);
    }
    return status < 0 ? status : 0;
}

/* --- the forecast ----------------------------------------------------------------------------------------------------------- */

/* Answers end before their bound as often as those that ended. */
static double shortening(const struct tl_batch_loop *loop)
{
    return loop->bound_done ? (double)loop->tokens_done / (double)loop->bound_done : 1;
}

/* Lines that are not read yet count as those that were. */
static uint64_t tokens_expected(const struct tl_batch_loop *loop)
{
    double ended = shortening(loop);
    double read = (double)(loop->bound_left + loop->bound_done), lines = (double)(loop->input->n_lines - loop->report->resumed);
    double unread = (double)(loop->input->n_lines - loop->next_line), known = lines > unread ? lines - unread : 1;
    double expected = (double)loop->tokens_done + ended * ((double)loop->bound_left + read * unread / known);
    uint64_t tokens = loop->report->tokens + (loop->n_left > 0);
    return expected > (double)tokens ? (uint64_t)expected : tokens;
}

/* So many steps that give each sequence a token, but no fewer than the longest answer in work needs. */
static double steps_expected(const struct tl_batch_loop *loop)
{
    double steps = (double)(tokens_expected(loop) - loop->report->tokens) / loop->n_sequences, prompts = 0;
    for (uint32_t i = 0; i < loop->n_sequences; i++) {
        const struct tl_batch_sequence *s = &loop->sequence[i];
        if (!s->answer)
            continue;
        double left = (double)tl_batch_answer_bound(loop, s->answer, s->choice) * shortening(loop) - s->n_tokens;
        steps = left > steps ? left : steps;
        prompts += s->n_prompt > s->state->length ? s->n_prompt - s->state->length : 0;
    }
    return steps + prompts / tl_model_limits(loop->engine->model)->chunk;
}

static int move(struct tl_batch_loop *loop, uint64_t began_ns)
{
    double seconds = tl_clock_seconds(began_ns);
    loop->step_seconds = loop->report->steps++ ? 0.8 * loop->step_seconds + 0.2 * seconds : seconds;
    if (loop->progress) {
        loop->progress->total = tokens_expected(loop);
        loop->progress->left_seconds = loop->step_seconds * steps_expected(loop);
    }
    return tl_progress_move(loop->progress, loop->report->tokens);
}

int tl_batch_loop_step(struct tl_batch_loop *loop)
{
    uint64_t began_ns = tl_clock_ns();
    int status = compute(loop);
    if (status < 0 || loop->n_active == 0)
        return status < 0 ? status : 0;
    status = accept(loop);
    if (status >= 0)
        status = move(loop, began_ns);
    return status < 0 ? status : 1;
}
