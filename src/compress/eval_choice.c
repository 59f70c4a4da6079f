/* SPDX-License-Identifier: MIT */
/* Multiple choice: every choice behind its prompt is a text of its own, and its tokens are those behind what the prompt and
 * the two together begin with alike. The winner has the greatest sum of ln p, as it is or for each byte of the choice; of
 * equal ones it is the first. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "compress/eval_impl.h"
#include "engine/chat.h"

struct choices {
    int32_t *ids;
    uint64_t *starts, *from, *item;      /* [n]; starts [n + 1]; from: the choice's first token; item: which */
    uint64_t n, n_ids, cap_ids, cap_starts, cap_from, cap_item;
};

static void choices_done(struct choices *c)
{
    tl_free(c->ids);
    tl_free(c->starts);
    tl_free(c->from);
    tl_free(c->item);
}

/* --- ids ---------------------------------------------------------------------------------------------------------- */

static int grow(struct choices *c, size_t n_ids)
{
    int status = tl_reserve((void **)&c->ids, c->n_ids + n_ids, &c->cap_ids, sizeof(*c->ids));
    if (status >= 0)
        status = tl_grow((void **)&c->starts, c->n + 1, &c->cap_starts, sizeof(*c->starts));
    if (status >= 0)
        status = tl_grow((void **)&c->from, c->n, &c->cap_from, sizeof(*c->from));
    return status < 0 ? status : tl_grow((void **)&c->item, c->n, &c->cap_item, sizeof(*c->item));
}

static int add(struct choices *c, uint64_t item, const int32_t *ids, size_t n_ids, size_t from)
{
    int status = grow(c, n_ids);
    if (status < 0)
        return status;
    memcpy(c->ids + c->n_ids, ids, n_ids * sizeof(*ids));
    c->starts[c->n] = c->n_ids;
    c->from[c->n] = c->n_ids + from;
    c->item[c->n++] = item;
    c->n_ids += n_ids;
    c->starts[c->n] = c->n_ids;
    return 0;
}

/* Behind a text: both are encoded together, as they would be read. */
static int add_behind_text(struct choices *c, uint64_t at, const struct tl_engine *engine, const char *prompt, const char *choice,
                           const int32_t *before, size_t n_before)
{
    struct tl_buffer both;
    int32_t *ids = NULL;
    size_t n = 0, from = 0;
    tl_buffer_init(&both, 0);
    tl_buffer_append(&both, prompt, strlen(prompt));
    int status = tl_buffer_append(&both, choice, strlen(choice));
    if (status >= 0)
        status = tl_tokenizer_encode(engine->tokenizer, both.data, both.len, TL_ENCODE_BOS, &ids, &n);
    while (from < n_before && from + 1 < n && ids[from] == before[from])
        from++;
    if (status >= 0)
        status = n < 2 ? tl_fail(TL_E_USAGE, "prompt and choice are fewer than two tokens") : add(c, at, ids, n, from ? from : 1);
    tl_buffer_done(&both);
    tl_free(ids);
    return status;
}

/* Behind a template's text, which it does not change. */
static int add_behind_chat(struct choices *c, uint64_t at, const struct tl_engine *engine, const char *choice, const int32_t *before, size_t n_before)
{
    int32_t *ids = NULL;
    size_t n = 0;
    int status = tl_tokenizer_encode(engine->tokenizer, choice, strlen(choice), TL_ENCODE_CONTINUE, &ids, &n);
    TL_AUTO int32_t *both = status < 0 ? NULL : tl_alloc(n_before + n + 1, sizeof(*both));
    if (status >= 0 && !both)
        status = TL_E_NOMEM;
    if (status >= 0 && (!n || !n_before))
        status = tl_fail(TL_E_USAGE, "the choice or what stands before it has no tokens");
    if (status >= 0) {
        memcpy(both, before, n_before * sizeof(*both));
        memcpy(both + n_before, ids, n * sizeof(*both));
        status = add(c, at, both, n_before + n, n_before);
    }
    tl_free(ids);
    return status;
}

static int add_item(struct choices *c, uint64_t at, const struct tl_eval_item *item, bool chat, const struct tl_engine *engine)
{
    TL_AUTO char *messages = NULL;
    int32_t *before = NULL;
    size_t n_before = 0;
    int status = tl_eval_item_messages(item, chat, &messages);
    if (status >= 0 && messages)
        status = tl_chat_tokenize(engine, &(struct tl_chat){ .messages = messages, .now = 1 }, &before, &n_before);
    else if (status >= 0)
        status = tl_tokenizer_encode(engine->tokenizer, item->prompt, strlen(item->prompt), TL_ENCODE_BOS, &before, &n_before);
    for (uint32_t i = 0; i < item->choices.n && status >= 0; i++)
        status = messages ? add_behind_chat(c, at, engine, item->choices.text[i], before, n_before)
                          : add_behind_text(c, at, engine, item->prompt, item->choices.text[i], before, n_before);
    tl_free(before);
    return status < 0 ? tl_eval_item_fail(item, status) : 0;
}

static int build(const struct tl_eval_run *run, const struct tl_engine *engine, struct choices *c)
{
    int status = 0;
    for (uint64_t i = 0; i < run->tasks.n && status >= 0; i++)
        if (run->tasks.item[i].kind == TL_EVAL_CHOICE)
            status = add_item(c, i, &run->tasks.item[i], run->order->chat, engine);
    return status;
}

int tl_eval_choice_count(const struct tl_eval_run *run, const struct tl_engine *engine, struct tl_eval_subject *subject)
{
    struct choices c = { 0 };
    int status = build(run, engine, &c);
    for (uint64_t i = 0; i < c.n; i++)
        if (c.starts[i + 1] - c.starts[i] > subject->longest_choice)
            subject->longest_choice = c.starts[i + 1] - c.starts[i];
    subject->choice_ids = c.n_ids;
    subject->work[TL_STAGE_CHOICES] = (double)c.n_ids;
    choices_done(&c);
    return status;
}

/* --- scoring ------------------------------------------------------------------------------------------------------ */

/* Choices [begin, end) are those of one item. */
static void decide(const struct tl_eval_item *item, const struct choices *c, uint64_t begin, uint64_t end, const float *nll,
                   struct tl_eval_answer *ret_answer)
{
    double best = -INFINITY, best_raw = -INFINITY;
    uint32_t raw = 0;
    for (uint64_t i = begin; i < end; i++) {
        double sum = 0;
        for (uint64_t k = c->from[i]; k < c->starts[i + 1]; k++)
            sum -= (double)nll[k];
        double by_bytes = sum / (double)strlen(item->choices.text[i - begin]);
        ret_answer->chosen = by_bytes > best || i == begin ? (int32_t)(i - begin) : ret_answer->chosen;
        raw = sum > best_raw || i == begin ? (uint32_t)(i - begin) : raw;
        best = by_bytes > best ? by_bytes : best;
        best_raw = sum > best_raw ? sum : best_raw;
    }
    ret_answer->right = (uint32_t)ret_answer->chosen == item->right;
    ret_answer->raw_right = raw == item->right;
}

static int score(struct tl_eval_run *run, struct tl_eval_subject *subject, struct tl_engine *engine, const struct choices *c)
{
    uint32_t window = (uint32_t)subject->longest_choice;
    struct tl_scored scored;
    uint64_t begin_ns = tl_clock_ns();
    struct tl_score how = { .window = window, .stride = window, .starts = c->starts, .n_texts = c->n, .progress = &run->progress };
    TL_AUTO float *nll = tl_alloc(c->n_ids + 1, sizeof(*nll));
    if (!nll)
        return TL_E_NOMEM;
    int status = tl_score(engine, c->ids, c->n_ids, &how, nll, &scored);
    if (status < 0)
        return status;
    subject->computed_tokens += scored.computed;
    subject->score_seconds += tl_clock_seconds(begin_ns);
    for (uint64_t i = 0, next; i < c->n; i = next) {
        for (next = i; next < c->n && c->item[next] == c->item[i];)
            next++;
        decide(&run->tasks.item[c->item[i]], c, i, next, nll, &subject->task[c->item[i]]);
    }
    return 0;
}

int tl_eval_choice_score(struct tl_eval_run *run, struct tl_eval_subject *subject, struct tl_engine *engine)
{
    struct choices c = { 0 };
    tl_eval_stage_begin(run, subject, TL_STAGE_CHOICES, engine);
    int status = build(run, engine, &c);
    if (status >= 0)
        status = score(run, subject, engine, &c);
    choices_done(&c);
    tl_eval_stage_end(run, engine);
    return status;
}
