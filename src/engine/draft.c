/* SPDX-License-Identifier: MIT */
/* The kinds of drafts of an engine, and the drafter of a session: asks them in turn, prices, and keeps the figures. */
#include "engine/draft.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/model.h"

struct row { const char *name; bool always; const struct tl_draft_kind *kind; };

static const struct row rows[TL_DRAFT_KINDS] = {
#define DRAFT(name, always, help) {#name, always, &tl_draft_##name},
#include "engine/drafts.def"
#undef DRAFT
};

static const double newest = 1.0 / 8;                    /* share of the newest measurement */

struct tl_drafter {
    struct tl_drafts *drafts;
    void *own[TL_DRAFT_KINDS];
    bool has[TL_DRAFT_KINDS];            /* started */
    struct tl_odds odds[TL_DRAFT_KINDS][TL_DRAFT_CLASSES];
    struct tl_patience patience[TL_DRAFT_KINDS];
    uint32_t kind, class, n_drafted;     /* of the draft that is in the step; n_drafted 0: none is */
};

/* --- which ---------------------------------------------------------------------------------------------------------------- */

const char *tl_drafts_names(void)
{
#define DRAFT(name, always, help) " " #name
    static const char names[] =
#include "engine/drafts.def"
        ;
#undef DRAFT
    return names + 1;
}

static int choose_one(const char *name, size_t n, struct tl_draft_choice *choice)
{
    for (size_t i = 0; i < TL_COUNT(rows); i++)
        if (strlen(rows[i].name) == n && !memcmp(rows[i].name, name, n))
            return (int)(choice->on[i] = true);
    if (n == strlen("always") && !memcmp(name, "always", n))
        return (int)(choice->always = true);
    return tl_fail(TL_E_USAGE, "there are no drafts of the kind \"%.*s\" (there are: %s; always; auto; off)", n > 40 ? 40 : (int)n, name,
                   tl_drafts_names());
}

static void choose_usual(struct tl_draft_choice *choice)
{
    for (size_t i = 0; i < TL_COUNT(rows); i++)
        choice->on[i] = rows[i].always;
}

int tl_drafts_choose(const char *names, const char *draft_model, struct tl_draft_choice *ret_choice)
{
    int status = 0;
    bool off = names && !strcmp(names, "off"), always = names && !strcmp(names, "always");
    *ret_choice = (struct tl_draft_choice){.always = always};
    if (off)
        return 0;
    if (!names || always || !strcmp(names, "auto"))
        choose_usual(ret_choice);
    else
        for (const char *at = names; at && status >= 0; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
            status = choose_one(at, strcspn(at, ","), ret_choice);
    if (status >= 0 && ret_choice->on[TL_DRAFT_model] && !draft_model)
        return tl_fail(TL_E_USAGE, "drafts of the kind model need a smaller model (--draft-model FILE)");
    ret_choice->on[TL_DRAFT_model] = draft_model != NULL;
    return status < 0 ? status : 0;
}

bool tl_drafts_any(const struct tl_drafts *drafts)
{
    bool any = false;
    for (size_t i = 0; i < TL_COUNT(rows); i++)
        any |= drafts->on[i];
    return any;
}

/* --- an engine's ------------------------------------------------------------------------------------------------------------ */

/* Takes down this thread's sentence. */
static void give_up(struct tl_drafts *drafts, size_t i)
{
    char text[700];
    drafts->on[i] = false;
    snprintf(text, sizeof(text), "drafts of the kind %s are off: %s", rows[i].name, tl_error_text());
    if (drafts->log)
        drafts->log(drafts->log_context, 1, text);
}

uint64_t tl_drafts_bytes(const struct tl_draft_choice *choice, const struct tl_model *model, const struct tl_model_limits *limits)
{
    uint64_t bytes = limits->sessions * (uint64_t)sizeof(struct tl_drafter);
    for (size_t i = 0; i < TL_COUNT(rows); i++)
        bytes += choice->on[i] && rows[i].kind->bytes ? rows[i].kind->bytes(model, limits) : 0;
    return bytes;
}

void tl_drafts_open(struct tl_drafts *drafts, const struct tl_draft_choice *choice)
{
    drafts->priced = !choice->always;
    for (size_t i = 0; i < TL_COUNT(rows); i++) {
        drafts->on[i] = choice->on[i];
        if (choice->on[i] && rows[i].kind->open && rows[i].kind->open(drafts, &drafts->shared[i]) < 0)
            give_up(drafts, i);
    }
}

void tl_drafts_close(struct tl_drafts *drafts)
{
    for (size_t i = 0; i < TL_COUNT(rows); i++)
        if (rows[i].kind->close)
            rows[i].kind->close(drafts->shared[i]);
    memset(drafts->shared, 0, sizeof(drafts->shared));
    tl_free(drafts->hidden);
    drafts->hidden = NULL;
}

void tl_drafts_stepped(struct tl_drafts *drafts, uint32_t n_sequences, uint32_t n_tokens, bool pure, double seconds)
{
    tl_draft_price_note(&drafts->price, &drafts->step);
    drafts->step = (struct tl_draft_step){0};
    if (pure)
        drafts->step = (struct tl_draft_step){.n_sequences = n_sequences, .n_tokens = n_tokens, .seconds = seconds, .own_seconds = drafts->own_seconds};
    drafts->own_seconds = drafts->expected = 0;
    drafts->n_sequences = drafts->n_tokens = n_sequences ? n_sequences : 1;
}

/* --- a session's ------------------------------------------------------------------------------------------------------------ */

int tl_drafter_new(struct tl_drafts *drafts, struct tl_drafter **ret_drafter)
{
    struct tl_drafter *d = tl_alloc(1, sizeof(*d));
    if (!d)
        return TL_E_NOMEM;
    d->drafts = drafts;
    for (size_t i = 0; i < TL_COUNT(rows); i++) {
        const struct tl_draft_kind *kind = rows[i].kind;
        d->has[i] = drafts->on[i] && (!kind->start || kind->start(drafts, drafts->shared[i], &d->own[i]) >= 0);
    }
    *ret_drafter = d;
    return 0;
}

void tl_drafter_free(struct tl_drafter *d)
{
    for (size_t i = 0; d && i < TL_COUNT(rows); i++)
        if (rows[i].kind->stop && d->own[i])
            rows[i].kind->stop(d->own[i]);
    tl_free(d);
}

void tl_drafter_begin(struct tl_drafter *d)
{
    memset(d->odds, 0, sizeof(d->odds));
    d->n_drafted = 0;
    for (size_t i = 0; i < TL_COUNT(rows); i++)
        if (d->has[i] && rows[i].kind->begin)
            rows[i].kind->begin(d->own[i]);
}

void tl_drafter_told(struct tl_drafter *d, uint32_t n_computed, uint32_t n_accepted, uint32_t n_given)
{
    struct tl_drafts *drafts = d->drafts;
    uint32_t n = n_computed < d->n_drafted ? n_computed : d->n_drafted;
    drafts->step.n_given += n_given;
    if (n) {
        tl_odds_note(&d->odds[d->kind][d->class], &drafts->odds[d->kind][d->class], n, n_accepted);
        drafts->figures[d->kind].drafted += n;
        drafts->figures[d->kind].accepted += n_accepted;
    }
    d->n_drafted = 0;
}

/* How many ids it shall draft. */
static uint32_t ask(struct tl_drafter *d, size_t i, const struct tl_draft_place *place, uint32_t room, float odds[TL_DRAFT_MOST])
{
    struct tl_drafts *drafts = d->drafts;
    uint32_t class = 0, most = rows[i].kind->look(d->own[i], place, room < TL_DRAFT_MOST ? room : TL_DRAFT_MOST, &class);
    d->class = class < TL_DRAFT_CLASSES ? class : TL_DRAFT_CLASSES - 1;
    tl_odds_read(&d->odds[i][d->class], &drafts->odds[i][d->class], rows[i].kind->prior[d->class], odds);
    if (!drafts->priced || most == 0)
        return most;
    struct tl_draft_ask question = {
        .n_sequences = drafts->n_sequences ? drafts->n_sequences : 1, .n_tokens = drafts->n_tokens ? drafts->n_tokens : 1,
        .expected = drafts->expected, .own_each = drafts->own_each[i], .odds = odds, .most = most, .replays = drafts->replays,
    };
    return tl_draft_price_choose(&drafts->price, &question, &d->patience[i]);
}

/* A smaller model may have more ids than are known. */
static int known_of(const struct tl_drafts *drafts, const int32_t *ids, int n_ids)
{
    int n = 0;
    while (n < n_ids && (!drafts->vocab || (ids[n] >= 0 && (uint32_t)ids[n] < drafts->vocab)))
        n++;
    return n;
}

static uint32_t draft(struct tl_drafter *d, size_t i, const struct tl_draft_place *place, uint32_t room, int32_t *ret_ids)
{
    struct tl_drafts *drafts = d->drafts;
    float odds[TL_DRAFT_MOST];
    uint64_t begin_ns = tl_clock_ns();
    uint32_t n = ask(d, i, place, room, odds);
    int given = n ? rows[i].kind->give(d->own[i], place, n, ret_ids) : 0;
    double seconds = tl_clock_seconds(begin_ns);
    drafts->own_seconds += n ? seconds : 0;
    drafts->figures[i].own_seconds += seconds;
    if (given < 0)
        give_up(drafts, i);
    given = known_of(drafts, ret_ids, given);
    if (given <= 0)
        return 0;
    drafts->own_each[i] += (seconds / given - drafts->own_each[i]) * (drafts->own_each[i] > 0 ? newest : 1);
    drafts->n_tokens += (uint32_t)given;
    drafts->expected += tl_draft_price_expected(odds, (uint32_t)given);
    return (uint32_t)given;
}

uint32_t tl_drafter_next(struct tl_drafter *d, const struct tl_draft_place *place, uint32_t room, int32_t *ret_ids)
{
    d->n_drafted = 0;
    for (size_t i = 0; i < TL_COUNT(rows); i++)
        if (d->drafts->on[i] && d->has[i] && rows[i].kind->follow)
            rows[i].kind->follow(d->own[i], place);
    if (d->drafts->priced && d->drafts->n_sequences >= TL_DRAFT_CROWD)
        return 0;
    for (size_t i = 0; i < TL_COUNT(rows) && d->n_drafted == 0 && room; i++)
        if (d->drafts->on[i] && d->has[i]) {
            d->n_drafted = draft(d, i, place, room, ret_ids);
            d->kind = (uint32_t)i;
        }
    return d->n_drafted;
}
