/* SPDX-License-Identifier: MIT */
/* A pattern's expression to a deterministic automaton: a graph of steps first (Thompson 1968), then sets of its places, one character
 * further each (Rabin and Scott 1959). `^` is passed before the first character only; behind `$` nothing is read any more. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "grammar/pattern.h"

enum { PLACES = 1 << 15, WORK = 1 << 22, BUCKETS = 4096, SETS = 1 << 22 };

enum kind { CLASS, SPLIT, BEGIN, STOP, MATCH };
struct step { uint8_t kind; uint32_t a, b, class; };                 /* CLASS: goes on at a; SPLIT: a or b; class: an expression */

struct known { uint32_t first, n, next; };                           /* a set of places: 2 * step + whether `$` was passed */

struct machine {
    struct tl_draft *draft;
    struct step *step;
    uint64_t n_steps, step_cap;
    int status;
    struct tl_language made;
    struct known *known;                 /* [state] */
    uint32_t *place;                     /* of all sets */
    uint64_t known_cap, n_places, place_cap;
    uint32_t *found, *stack, *mark, n_found, tick;                   /* the set that is being made */
    uint32_t *cut;                       /* where classes of a set begin or end */
    uint64_t n_cuts, cut_cap;
    uint32_t bucket[BUCKETS], match, rest;                           /* rest: reads anything, for ever, in a match */
    uint64_t work;
};

static int fail(struct machine *m, int status)
{
    if (m->status >= 0)
        m->status = status;
    return m->status;
}

/* --- steps --------------------------------------------------------------------------------------------------------------------- */

static uint32_t add(struct machine *m, enum kind kind, uint32_t a, uint32_t b, uint32_t class)
{
    if (m->status < 0 || m->n_steps == PLACES) {
        fail(m, TL_LANGUAGE_LARGE);
        return 0;
    }
    if (tl_grow((void **)&m->step, m->n_steps, &m->step_cap, sizeof *m->step) < 0) {
        fail(m, TL_E_NOMEM);
        return 0;
    }
    m->step[m->n_steps] = (struct step){(uint8_t)kind, a, b, class};
    return (uint32_t)m->n_steps++;
}

static uint32_t write(struct machine *m, uint32_t expr, uint32_t next);

static uint32_t write_repeat(struct machine *m, const struct tl_expr *expr, uint32_t next)
{
    uint32_t at = next;
    if (expr->max == TL_GRAMMAR_NO_END) {
        at = add(m, SPLIT, 0, next, 0);
        uint32_t body = write(m, expr->a, at);
        if (m->status >= 0)
            m->step[at].a = body;
        at = expr->min > 0 ? body : at;
    } else {
        for (uint32_t i = expr->min; i < expr->max && m->status >= 0; i++) {
            uint32_t body = write(m, expr->a, at);
            at = add(m, SPLIT, body, next, 0);
        }
    }
    for (uint32_t i = expr->max == TL_GRAMMAR_NO_END; i < expr->min && m->status >= 0; i++)
        at = write(m, expr->a, at);
    return at;
}

static uint32_t write(struct machine *m, uint32_t index, uint32_t next)
{
    struct tl_expr expr = m->draft->expr[index];
    uint32_t at;
    switch ((enum tl_expr_kind)expr.kind) {
    case TL_EXPR_EMPTY:    return next;
    case TL_EXPR_CLASS:    return add(m, CLASS, next, 0, index);
    case TL_EXPR_BEGIN:    return add(m, BEGIN, next, 0, 0);
    case TL_EXPR_STOP:     return add(m, STOP, next, 0, 0);
    case TL_EXPR_REPEAT:   return write_repeat(m, &expr, next);
    case TL_EXPR_SEQUENCE:
        for (uint32_t i = expr.b; i > 0 && m->status >= 0; i--)
            next = write(m, m->draft->item[expr.a + i - 1], next);
        return next;
    case TL_EXPR_CHOICE:
        at = write(m, m->draft->item[expr.a + expr.b - 1], next);
        for (uint32_t i = expr.b - 1; i > 0 && m->status >= 0; i--) {
            uint32_t branch = write(m, m->draft->item[expr.a + i - 1], next);
            at = add(m, SPLIT, branch, at, 0);
        }
        return at;
    default:               return add(m, CLASS, next, 0, TL_EXPR_DEAD);
    }
}

/* --- sets of places --------------------------------------------------------------------------------------------------------------- */

static void reach(struct machine *m, uint32_t place, bool first)
{
    uint32_t n = 0;
    m->stack[n++] = place;
    while (n > 0) {
        uint32_t at = m->stack[--n], past = at & 1;
        const struct step *step = &m->step[at / 2];
        if (m->mark[at] == m->tick || (step->kind == BEGIN && !first) || (step->kind == CLASS && past))
            continue;
        m->mark[at] = m->tick;
        m->work++;
        if (step->kind == CLASS || step->kind == MATCH)
            m->found[m->n_found++] = at;
        else
            m->stack[n++] = step->a * 2 + (past | (step->kind == STOP));
        if (step->kind == SPLIT)
            m->stack[n++] = step->b * 2 + past;
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The state of the set that was found; once the match is sure, all that is left is the rest. */
static int intern(struct machine *m, uint32_t *ret_state)
{
    for (uint32_t i = 0; i < m->n_found; i++)
        if (m->found[i] == m->rest * 2) {
            m->found[0] = m->match * 2 < m->rest * 2 ? m->match * 2 : m->rest * 2;
            m->found[1] = m->match * 2 + m->rest * 2 - m->found[0];
            m->n_found = 2;
        }
    qsort(m->found, m->n_found, sizeof *m->found, compare);
    uint32_t n = m->n_found, *bucket = &m->bucket[tl_hash_bytes(m->found, n * sizeof *m->found, 0) % BUCKETS];
    for (uint32_t i = *bucket; i > 0; i = m->known[i - 1].next)
        if (m->known[i - 1].n == n && memcmp(m->place + m->known[i - 1].first, m->found, n * sizeof *m->found) == 0) {
            *ret_state = i - 1;
            return 0;
        }
    bool accepts = false;
    for (uint32_t i = 0; i < n; i++)
        accepts = accepts || m->step[m->found[i] / 2].kind == MATCH;
    int r = m->n_places + n > SETS || m->work > WORK ? TL_LANGUAGE_LARGE : tl_language_add_state(&m->made, accepts, ret_state);
    if (r >= 0)
        r = tl_grow((void **)&m->known, *ret_state, &m->known_cap, sizeof *m->known);
    if (r >= 0)
        r = tl_reserve((void **)&m->place, m->n_places + n, &m->place_cap, sizeof *m->place);
    if (r < 0)
        return r;
    memcpy(m->place + m->n_places, m->found, n * sizeof *m->found);
    m->known[*ret_state] = (struct known){(uint32_t)m->n_places, n, *bucket};
    m->n_places += n;
    *bucket = *ret_state + 1;
    return 0;
}

static bool class_has(const struct machine *m, const struct step *step, uint32_t code)
{
    const struct tl_expr *expr = &m->draft->expr[step->class];
    const struct tl_range *range = m->draft->range + expr->a;
    uint32_t lo = 0, hi = expr->kind == TL_EXPR_CLASS ? expr->b : 0, n = hi;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (range[mid].hi < code)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && range[lo].lo <= code;
}

static int find_cuts(struct machine *m, uint32_t state)
{
    m->n_cuts = 0;
    for (uint32_t i = 0; i < m->known[state].n; i++) {
        const struct step *step = &m->step[m->place[m->known[state].first + i] / 2];
        const struct tl_expr *expr = &m->draft->expr[step->class];
        uint64_t n = step->kind == CLASS && expr->kind == TL_EXPR_CLASS ? expr->b : 0;
        if (m->n_cuts + 2 * n > m->cut_cap && tl_reserve((void **)&m->cut, m->n_cuts + 2 * n, &m->cut_cap, sizeof *m->cut) < 0)
            return TL_E_NOMEM;
        for (uint64_t k = 0; k < n; k++) {
            m->cut[m->n_cuts++] = m->draft->range[expr->a + k].lo;
            m->cut[m->n_cuts++] = m->draft->range[expr->a + k].hi + 1;
        }
        m->work += n;
    }
    if (m->n_cuts > 0)
        qsort(m->cut, m->n_cuts, sizeof *m->cut, compare);
    return 0;
}

/* Where the character leads; false: nowhere. */
static bool advance(struct machine *m, uint32_t state, uint32_t code)
{
    m->tick++;
    m->n_found = 0;
    for (uint32_t i = 0; i < m->known[state].n; i++) {
        const struct step *step = &m->step[m->place[m->known[state].first + i] / 2];
        m->work++;
        if (step->kind == CLASS && class_has(m, step, code))
            reach(m, step->a * 2, false);
    }
    return m->n_found > 0;
}

static int write_arcs(struct machine *m, uint32_t state)
{
    int r = find_cuts(m, state);
    uint32_t first = (uint32_t)m->made.n_arcs;
    for (uint64_t i = 0; r >= 0 && i + 1 < m->n_cuts; i++) {
        uint32_t lo = m->cut[i], hi = m->cut[i + 1] - 1, to;
        if (lo > hi || !advance(m, state, lo))
            continue;
        if ((r = intern(m, &to)) < 0)
            break;
        struct tl_arc *last = m->made.n_arcs > first ? &m->made.arc[m->made.n_arcs - 1] : NULL;
        if (last && last->to == to && last->hi + 1 == lo)
            last->hi = hi;
        else
            r = tl_language_add_arc(&m->made, lo, hi, to);
    }
    m->made.state[state].first = first;
    m->made.state[state].n = (uint32_t)m->made.n_arcs - first;
    return r;
}

static int run(struct machine *m, uint32_t expr)
{
    uint32_t any = tl_draft_class(m->draft, &(struct tl_range){0, 0x10FFFF}, 1), state;
    m->match = add(m, MATCH, 0, 0, 0);
    uint32_t behind = add(m, SPLIT, m->match, 0, 0);                  /* anything may stand behind a match, and before it */
    m->rest = add(m, CLASS, behind, 0, any);
    uint32_t start = m->status < 0 ? 0 : write(m, expr, behind), before = add(m, SPLIT, start, 0, 0), skip = add(m, CLASS, before, 0, any);
    if (m->status < 0 || m->draft->status < 0)
        return fail(m, TL_LANGUAGE_LARGE);
    m->step[behind].b = m->rest;
    m->step[before].b = skip;
    if (!(m->found = tl_alloc(2 * m->n_steps + 2, sizeof *m->found)) || !(m->mark = tl_alloc(2 * m->n_steps + 2, sizeof *m->mark)) ||
        !(m->stack = tl_alloc(4 * m->n_steps + 4, sizeof *m->stack)))
        return TL_E_NOMEM;
    m->tick = 1;
    reach(m, before * 2, true);
    int r = intern(m, &state);
    for (uint32_t i = 0; r >= 0 && i < m->made.n_states; i++)
        r = write_arcs(m, i);
    return r;
}

int tl_language_pattern(const char *text, size_t n_bytes, struct tl_language *ret_language)
{
    struct tl_draft draft;
    struct machine *m = tl_alloc(1, sizeof *m);
    uint32_t expr = TL_EXPR_NONE;
    int r = tl_draft_init(&draft, "pattern");
    if (!m)
        r = TL_E_NOMEM;
    if (r >= 0)
        r = tl_pattern_read(&draft, text, n_bytes, &expr);
    if (r >= 0) {
        m->draft = &draft;
        r = run(m, expr);
        if (r >= 0)
            r = tl_language_minimise(&m->made);
        if (r < 0)
            tl_language_done(&m->made);
        else
            *ret_language = m->made;
    }
    if (m) {
        tl_free(m->step);
        tl_free(m->known);
        tl_free(m->place);
        tl_free(m->found);
        tl_free(m->stack);
        tl_free(m->mark);
        tl_free(m->cut);
    }
    tl_free(m);
    tl_draft_done(&draft);
    return r == TL_E_USAGE ? TL_LANGUAGE_LARGE : r < 0 ? r : 0;
}
