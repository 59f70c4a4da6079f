/* SPDX-License-Identifier: MIT */
/* For each geometry: the format by a rule from its list of tensors, then one fit and some costs of that.
 * The rule: the widest format that stays in memory and is fast enough to read along; else the narrowest that stays there;
 * else the narrowest of all. */
#include "plan/suits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/arch.h"
#include "plan/outlined.h"

const char *const tl_pace_names[TL_PACES] = {"talk", "patience", "night"};

enum { USUAL_CONTEXT = 4096, FORMATS = 4 };

static const double read_along = 8, in_minutes = 0.5;     /* tokens a second */
static const double scored = 1e6;
static const struct tl_outline_sizes whole = {0};

/* From wide to narrow; the vendor's own goes first. */
static const char *const narrower[] = {"q8_0", "q4_k"};

struct candidate { const char *to; uint64_t weight_bytes, token_bytes; const struct tl_number *number; };

/* --- formats ------------------------------------------------------------------------------------------------------ */

static int list(const struct tl_outline *outline, const char *to, struct candidate *ret)
{
    static _Thread_local struct tl_geometry geometry;
    struct tl_recipe_names names = {.to = to};
    struct tl_recipe recipe;
    struct tl_listing listing;
    enum tl_modelfile_format format = tl_recipe_format(&names, outline->known);
    tl_geometry_as(&outline->geometry, format, &geometry);
    int status = tl_recipe_make(&names, format, outline->known, geometry.n_experts > 0, &recipe);
    if (status >= 0)
        status = tl_listing_make(&geometry, outline->file, &recipe, &listing);
    if (status < 0)
        return status;
    *ret = (struct candidate){.to = to, .weight_bytes = tl_listing_bytes(&listing, NULL), .token_bytes = listing.program.product_bytes,
                              .number = geometry.n_experts ? recipe.experts : recipe.trunk};
    tl_listing_done(&listing);
    return 0;
}

static int choose_format(const struct tl_outline *outline, const struct tl_machine *machine, struct candidate *ret)
{
    static const double room = 0.9, kept = 0.75e9;        /* of the memory; for everything but weights */
    static const double reached = 0.75;                  /* of the memory's bandwidth, whatever else a token takes */
    struct candidate best = {0}, next;
    bool resident = false;
    for (size_t i = 0; i <= TL_COUNT(narrower); i++) {
        int status = list(outline, i ? narrower[i - 1] : NULL, &next);
        if (status < 0)
            return status;
        if (i && (double)next.weight_bytes > 0.95 * (double)best.weight_bytes)
            continue;
        best = next;
        resident = (double)next.weight_bytes < room * machine->value[TL_FACT_RAM] - kept;
        if (resident && reached * machine->value[TL_FACT_MEMORY] > read_along * (double)next.token_bytes)
            break;
    }
    *ret = best;
    return 0;
}

/* --- what it gives ------------------------------------------------------------------------------------------------ */

static int fit(const struct tl_suits_wish *wish, struct tl_model *model, const struct tl_machine *machine, bool sweep, struct tl_fit *ret)
{
    uint32_t context = wish->context ? wish->context : USUAL_CONTEXT, trained = tl_model_geometry(model)->context;
    struct tl_fit_wish own = {.machine = machine, .ram_bytes = (uint64_t)machine->value[TL_FACT_RAM], .fewer_sessions = true,
                              .shorter_context = true, .score_tokens = sweep ? (uint64_t)scored : 0};
    context = sweep ? 0 : context < trained ? context : trained;
    if (wish->fit)
        return wish->fit(wish->fit_context, model, machine, context, sweep, ret);
    own.context = context;
    own.sessions = sweep ? 0 : 1;
    return tl_fit_make(model, &own, ret);
}

static double decode(const struct tl_machine *machine, struct tl_model *model, const struct tl_fit *fit, struct tl_cost *ret)
{
    tl_cost_decode(model, &fit->limits, machine, 1, fit->limits.context / 2, ret);
    return ret->seconds > 0 ? ret->tokens / ret->seconds : 0;
}

static int judge(const struct tl_suits_wish *wish, struct tl_model *model, struct tl_suit *s)
{
    struct tl_machine other = *wish->machine;
    struct tl_cost cost;
    struct tl_fit fits;
    int status = fit(wish, model, wish->machine, false, &fits);
    if (status < 0)
        return status;
    double rate = decode(wish->machine, model, &fits, &s->decode);
    s->way = fits.way;
    s->peak_bytes = fits.planned_bytes;
    s->pace = rate >= read_along ? TL_PACE_TALK : rate >= in_minutes ? TL_PACE_PATIENCE : TL_PACE_NIGHT;
    other.value[TL_FACT_DRIVE] *= 2;
    s->faster_drive = decode(&other, model, &fits, &cost);
    other = *wish->machine;
    other.value[TL_FACT_RAM] *= 2;
    s->more_memory = fit(wish, model, &other, false, &fits) < 0 ? 0 : decode(&other, model, &fits, &cost);
    if (fit(wish, model, wish->machine, true, &fits) >= 0)
        tl_cost_score(model, &fits.limits, wish->machine, (uint64_t)scored, &s->score);
    return 0;
}

static int look(const struct tl_suits_wish *wish, struct tl_suit *s)
{
    struct tl_outline *outline = NULL;
    struct tl_outlined *outlined = NULL;
    struct candidate chosen = {0};
    int status = tl_outline_open(s->known->name, &whole, &outline);
    bool planned = status >= 0 && outline->geometry.arch->planned;
    if (status >= 0 && !planned)
        status = choose_format(outline, wish->machine, &chosen);
    tl_outline_close(outline);
    if (planned)
        s->why_not = "planned, but not run yet";
    if (status < 0 || planned)
        return status;
    status = tl_outlined_open(s->known->name, &whole, &(struct tl_recipe_names){.to = chosen.to}, &(struct tl_model_choices){0}, &outlined);
    if (status < 0)
        return status;
    s->format = chosen.number->name;
    s->weight_bytes = chosen.weight_bytes;
    s->parameters = outlined->listing.program.parameters;
    s->active_parameters = outlined->listing.program.active_parameters;
    s->gives = sqrt((double)s->parameters * (double)s->active_parameters);
    double disk = wish->machine->value[TL_FACT_DISK];
    s->on_disk = disk <= 0 || (double)s->weight_bytes <= disk;
    status = judge(wish, outlined->model, s);
    tl_outlined_close(outlined);
    if (status == TL_E_BUDGET) {
        snprintf(s->text, sizeof(s->text), "%s", tl_error_text());
        s->why_not = s->text;
        status = 0;
    }
    return status;
}

/* Those that run first, then those whose weights find room on the disk, then by pace, then by what they give. */
static int compare(const void *left, const void *right)
{
    const struct tl_suit *a = left, *b = right;
    if (!a->why_not != !b->why_not)
        return a->why_not ? 1 : -1;
    if (a->on_disk != b->on_disk)
        return a->on_disk ? -1 : 1;
    if (a->pace != b->pace)
        return a->pace < b->pace ? -1 : 1;
    return a->gives > b->gives ? -1 : a->gives < b->gives ? 1 : strcmp(a->known->name, b->known->name);
}

/* `text` moves with its row. */
static void settle(struct tl_suits *suits)
{
    for (size_t i = 0; i < suits->n; i++)
        if (suits->suits[i].text[0])
            suits->suits[i].why_not = suits->suits[i].text;
}

int tl_suits_make(const struct tl_suits_wish *wish, struct tl_suits *ret)
{
    struct tl_suits suits = {.suits = tl_alloc(tl_known_count, sizeof(*suits.suits)), .n = tl_known_count};
    int status = suits.suits ? 0 : TL_E_NOMEM;
    for (size_t i = 0; i < suits.n && status >= 0; i++) {
        struct tl_suit *s = &suits.suits[i];
        s->known = &tl_known[i];
        if (s->known->assumed)
            s->why_not = "of no published model";
        else
            status = look(wish, s);
        if (status >= 0 && wish->progress)
            status = wish->progress(wish->progress_context, i + 1);
    }
    if (status < 0) {
        tl_suits_done(&suits);
        return status;
    }
    qsort(suits.suits, suits.n, sizeof(*suits.suits), compare);
    settle(&suits);
    *ret = suits;
    return 0;
}

void tl_suits_done(struct tl_suits *suits)
{
    tl_free(suits->suits);
    *suits = (struct tl_suits){0};
}
