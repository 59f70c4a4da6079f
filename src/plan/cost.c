/* SPDX-License-Identifier: MIT */
/* Walks a model's program as a forward step does, and adds up what each operation takes. */
#include "plan/cost.h"

#include <math.h>

#include "plan/rates.h"

const struct tl_rate tl_rates[TL_NUMBERS] = {
#define RATE(format, one, many) [TL_NUMBER_##format] = {one, many},
#define REACH(id, value, meaning)
#include "plan/rates.def"
#undef RATE
#undef REACH
};

const struct tl_reach_row tl_reaches[TL_REACHES] = {
#define RATE(format, one, many)
#define REACH(id, value, meaning) {value, meaning},
#include "plan/rates.def"
#undef RATE
#undef REACH
};

enum { BLOCK = 512 };

static double reach(enum tl_reach id) { return tl_reaches[id].value; }

const char *tl_bound_name(enum tl_bound bound)
{
    static const char *const names[TL_BOUNDS] = {"memory", "drive", "arithmetic"};
    return names[bound];
}

double tl_cost_distinct(double experts, double used, double n)
{
    return used >= experts ? experts : experts * (1 - pow(1 - used / experts, n));
}

double tl_cost_hits(const struct tl_model *model)
{
    const struct tl_store *store = tl_model_store(model);
    uint32_t experts = tl_store_experts(store);
    bool streams = experts && !tl_store_resident(store, tl_store_bank_weight(store, 0, TL_BANK_GATE));
    return streams ? (double)tl_store_kept_frames(store) / experts : 1;
}

/* --- a step, operation by operation ------------------------------------------------------------------------------- */

struct walk {
    const struct tl_model *model;
    const struct tl_store *store;
    const struct tl_geometry *geometry;
    const struct tl_cache *cache;
    const struct tl_machine *machine;
    const struct tl_cost_step *step;
    double threads_share;                /* of the machine's threads that compute */
    double threads, blocks, hits;
    struct tl_cost *cost;
    double busy_s;                       /* of memory and arithmetic, one operation behind the other */
};

static const enum tl_fact form_fact[TL_ACTS_FORMS] = {
    [TL_ACTS_F32] = TL_FACT_F32, [TL_ACTS_BF16] = TL_FACT_BF16, [TL_ACTS_Q8] = TL_FACT_INT8,
};

static void take(struct walk *w, double bytes, double memory_s, double operations, double arithmetic_s)
{
    w->cost->memory_bytes += bytes;
    w->cost->memory_s += memory_s;
    w->cost->operations += operations;
    w->cost->arithmetic_s += arithmetic_s;
    w->busy_s += memory_s > arithmetic_s ? memory_s : arithmetic_s;
}

static double through_memory(const struct walk *w, double bytes)
{
    return bytes / (w->machine->value[TL_FACT_MEMORY] * reach(TL_REACH_MEMORY));
}

static double peak(const struct walk *w, enum tl_fact fact)
{
    return w->machine->value[fact] * w->threads_share * (w->threads > 1 ? reach(TL_REACH_TEAM) : 1);
}

/* Arithmetic of `rows` rows that share what they read: each row behind the first takes the same, the first one also unpacks. */
static double for_rows(double each, double ops, double one, double many, double rows)
{
    return rows <= 1 ? rows * each / (ops * one) : each / ops * (1 / one + (rows - 1) / many);
}

/* `matrices` like the weight's, each of which computes with `rows` rows of activations. */
static void take_product(struct walk *w, const struct tl_weight *weight, enum tl_acts_form form, double matrices, double rows)
{
    const struct tl_rate *rate = &tl_rates[form == TL_ACTS_F32 ? TL_NUMBER_F32 : weight->number->id];
    double each = 2.0 * weight->rows * weight->cols, ops = peak(w, form_fact[form]), bytes = matrices * (double)weight->matrix_bytes;
    take(w, bytes, through_memory(w, bytes), each * rows * matrices, matrices * for_rows(each, ops, rate->one, rate->many, rows));
}

static void take_linear(struct walk *w, const struct tl_op *op, double rows)
{
    struct tl_weight weight;
    uint64_t stored;
    tl_store_describe(w->store, op->weight, &weight, &stored);
    if (rows > 0)
        take_product(w, &weight, op->form, weight.count, rows);
}

/* Values that operations on rows put out, by as many threads as there are rows. */
static void take_values(struct walk *w, double rows, double values)
{
    double share = rows < w->threads ? rows : w->threads;
    take(w, 0, 0, 0, share > 0 ? values * reach(TL_REACH_VALUE_S) / share : 0);
}

/* Every expert that is needed goes through memory once. Each of its rows is gathered and rounded, goes through the unit, is
 * rounded again, and its output is added. */
static void take_experts(struct walk *w, const struct tl_op *op)
{
    double experts = tl_store_bank_experts(w->store, op->weight), used = w->geometry->n_used, n = (double)w->step->n_tokens;
    double distinct = tl_cost_distinct(experts, used, n), rows = n * used / distinct;
    for (int i = 0; i < TL_BANK_MATRICES; i++) {
        struct tl_weight weight;
        uint64_t stored;
        uint32_t id = tl_store_bank_weight(w->store, op->weight, i);
        tl_store_describe(w->store, id, &weight, &stored);
        take_product(w, &weight, i == TL_BANK_DOWN ? op->down_form : op->form, distinct, rows);
        w->cost->drive_bytes += distinct * (1 - w->hits) * (double)stored / weight.count;
        if (i == TL_BANK_DOWN)
            take_values(w, n * used, n * used * 2 * ((double)weight.rows + weight.cols));
    }
}

/* Packed positions that a token behind `before` others sees, and the values that an indexer multiplies to choose them. */
static double packed_positions(const struct tl_geometry *g, uint32_t layer, double before, double *ret_indexed)
{
    uint32_t pack = g->layer_pack[layer];
    double packed = pack ? before / pack : 0;
    if (pack != TL_INDEXED_PACK)
        return packed;
    *ret_indexed = packed * g->index_heads * g->index_dim;
    return packed < g->index_top ? packed : g->index_top;
}

/* Positions that the tokens of a sequence see, together and at most. */
static void take_attention(struct walk *w, const struct tl_op *op)
{
    const struct tl_geometry *g = w->geometry;
    const struct tl_page_group *group = &w->cache->group[w->cache->layer_group[op->layer]];
    double n = (double)w->step->n_tokens / (double)w->step->n_sequences, before = w->step->context, window = group->window;
    double seen = n * (before + (n + 1) / 2), held = before + n;
    if (window > 0 && window < held) {
        double full = before + 1 >= window ? 0 : window - before - 1;        /* tokens that see all before them */
        full = full < n ? full : n;
        seen = full * (before + (full + 1) / 2) + (n - full) * window;
        held = n + window < held ? n + window : held;
    }
    double indexed = 0, packed = packed_positions(g, op->layer, before + n / 2, &indexed);
    seen += n * packed;
    double heads = g->n_kv_heads * (double)w->step->n_sequences, rows = g->n_heads / g->n_kv_heads * n, f32 = peak(w, TL_FACT_F32);
    double v_dim = g->kv_rank ? g->kv_rank : g->v_dim, each = 2 * (g->head_dim + v_dim) * seen / n;      /* of a row */
    double bytes = (held + n * packed) * heads * (double)group->head_bytes / TL_PAGE_TOKENS;
    double index = 2 * indexed * n * (double)w->step->n_sequences;
    double arithmetic_s = heads * for_rows(each, f32, reach(TL_REACH_ATTEND_ONE), reach(TL_REACH_ATTEND), rows) + index / (f32 * reach(TL_REACH_ATTEND));
    take(w, bytes, through_memory(w, bytes), heads * rows * each + index, arithmetic_s);
}

static void take_delta(struct walk *w)
{
    const struct tl_geometry *g = w->geometry;
    double state = (double)g->delta_v_heads * g->delta_k_dim * g->delta_v_dim, operations = 7 * state * (double)w->step->n_tokens;
    double bytes = 2 * sizeof(float) * state * (double)w->step->n_sequences;
    take(w, bytes, through_memory(w, bytes), operations, operations / (peak(w, TL_FACT_F32) * reach(TL_REACH_DELTA)));
}

/* What has no weights to speak of: its values, and of all the cut into stages. */
static void take_rows(struct walk *w, const struct tl_op *op, double rows)
{
    take_values(w, rows, rows * (double)tl_stream_width(w->geometry, op->out));
}

static void take_op(struct walk *w, const struct tl_op *op, double rows)
{
    switch (op->kind) {
    case TL_OP_LINEAR:
    case TL_OP_HEADS:
        take_linear(w, op, rows);
        return;
    case TL_OP_EXPERTS:
        take_experts(w, op);
        return;
    case TL_OP_ATTEND:
        take_attention(w, op);
        return;
    case TL_OP_DELTA:
        take_delta(w);
        return;
    default:
        take_rows(w, op, rows);
    }
}

static void take_program(struct walk *w)
{
    const struct tl_program *p = tl_model_program(w->model);
    for (uint32_t part = 0; part < p->n_parts; part++) {
        bool last = part + 1 == p->n_parts;
        double rows = last ? (double)w->step->n_logits : (double)w->step->n_tokens;
        uint32_t from = p->part_stage[part], to = p->part_stage[part + 1];
        for (uint32_t stage = from; stage < to; stage++) {
            bool alone = w->threads == 1 || (rows == 1 && p->stages[stage].kind == TL_STAGE_ROWS);
            double each_s = reach(TL_REACH_STAGE_S) + (alone ? 0 : reach(TL_REACH_MEET_S));
            take(w, 0, 0, 0, (last ? rows > 0 : w->blocks) * each_s);
            for (uint32_t i = 0; i < p->stages[stage].n_ops; i++)
                take_op(w, &p->ops[p->stages[stage].first_op + i], rows);
        }
    }
}

/* What the drive brings goes through memory on its way. */
static void take_drive(struct walk *w)
{
    struct tl_cost *c = w->cost;
    c->drive_bytes += (double)tl_store_passing_bytes(w->store);
    c->drive_s = c->drive_bytes / (w->machine->value[TL_FACT_DRIVE] * reach(TL_REACH_DRIVE));
    double bytes = c->drive_bytes * reach(TL_REACH_PACKING);
    take(w, bytes, through_memory(w, bytes), 0, 0);
}

/* --- prices ------------------------------------------------------------------------------------------------------- */

/* How far a fact may be off, as a factor; of measured and said ones it is rather the counting that is. */
static double doubt(const struct tl_machine *machine, enum tl_fact fact)
{
    static const double far[] = {[TL_SOURCE_USUAL] = 3, [TL_SOURCE_ASKED] = 3, [TL_SOURCE_MEASURED] = 1.15, [TL_SOURCE_SAID] = 1.15};
    static const double drive_swings = 1.5;
    double factor = far[machine->source[fact]];
    return fact == TL_FACT_DRIVE && factor < drive_swings ? drive_swings : factor;
}

/* Weights that a token is multiplied with in this form. */
static double form_columns(const struct tl_model *model, enum tl_acts_form form)
{
    const struct tl_program *p = tl_model_program(model);
    double columns = 0, used = tl_model_geometry(model)->n_used;
    for (const struct tl_op *op = p->ops; op < p->ops + p->n_ops; op++) {
        if (op->kind == TL_OP_LINEAR && op->form == form)
            columns += (double)op->rows * op->cols;
        for (int i = 0; i < TL_BANK_MATRICES && op->kind == TL_OP_EXPERTS; i++) {
            struct tl_weight weight;
            uint64_t stored;
            tl_store_describe(tl_model_store(model), tl_store_bank_weight(tl_model_store(model), op->weight, i), &weight, &stored);
            columns += (i == TL_BANK_DOWN ? op->down_form : op->form) == form ? used * weight.rows * weight.cols : 0;
        }
    }
    return columns;
}

enum tl_fact tl_bound_fact(const struct tl_model *model, enum tl_bound bound)
{
    double most = -1;
    enum tl_fact fact = TL_FACT_INT8;
    if (bound != TL_BOUND_ARITHMETIC)
        return bound == TL_BOUND_DRIVE ? TL_FACT_DRIVE : TL_FACT_MEMORY;
    for (int form = 0; form < TL_ACTS_FORMS; form++) {
        double columns = form_columns(model, (enum tl_acts_form)form);
        fact = columns > most ? form_fact[form] : fact;
        most = columns > most ? columns : most;
    }
    return fact;
}

static void settle(struct tl_cost *c)
{
    c->bound = c->drive_s > c->memory_s && c->drive_s > c->arithmetic_s ? TL_BOUND_DRIVE
             : c->memory_s >= c->arithmetic_s ? TL_BOUND_MEMORY : TL_BOUND_ARITHMETIC;
}

void tl_cost_price(struct tl_cost *c, const struct tl_machine *machine)
{
    const double *v = machine->value;
    double kwh;
    c->joules = c->seconds * v[TL_FACT_WATTS] * v[TL_FACT_PUE];
    kwh = c->joules / 3.6e6;
    c->money = kwh * v[TL_FACT_KWH] + c->seconds / 3600 * v[TL_FACT_HOUR];
    c->grams = kwh * v[TL_FACT_CARBON];
}

void tl_cost_add(struct tl_cost *cost, const struct tl_cost *more, double times, const struct tl_machine *machine)
{
    cost->tokens += times * more->tokens;
    cost->steps += times * more->steps;
    cost->seconds += times * more->seconds;
    cost->low_seconds += times * more->low_seconds;
    cost->high_seconds += times * more->high_seconds;
    cost->memory_s += times * more->memory_s;
    cost->drive_s += times * more->drive_s;
    cost->arithmetic_s += times * more->arithmetic_s;
    cost->memory_bytes += times * more->memory_bytes;
    cost->drive_bytes += times * more->drive_bytes;
    cost->operations += times * more->operations;
    settle(cost);
    tl_cost_price(cost, machine);
}

/* The shorter of the two hides behind the longer, most of it. */
static double beside(double drive_s, double busy_s)
{
    double longer = drive_s > busy_s ? drive_s : busy_s, shorter = drive_s > busy_s ? busy_s : drive_s;
    return longer + reach(TL_REACH_BESIDE) * shorter;
}

void tl_cost_of_step(struct tl_model *model, const struct tl_model_limits *limits, const struct tl_machine *machine,
                     const struct tl_cost_step *step, struct tl_cost *ret_cost)
{
    uint32_t block = limits->block ? limits->block : BLOCK;
    struct tl_cost cost = {.tokens = (double)step->n_tokens, .steps = 1};
    struct walk w = {
        .model = model, .store = tl_model_store(model), .geometry = tl_model_geometry(model), .cache = tl_model_cache(model),
        .machine = machine, .step = step, .threads = limits->threads ? limits->threads : 1, .hits = tl_cost_hits(model), .cost = &cost,
        .blocks = (double)((step->n_tokens + block - 1) / block),
    };
    w.threads_share = w.threads < machine->value[TL_FACT_THREADS] ? w.threads / machine->value[TL_FACT_THREADS] : 1;
    take_program(&w);
    take_drive(&w);
    double idle_s = reach(TL_REACH_STEP_S) + (double)step->n_logits * tl_model_geometry(model)->vocab * reach(TL_REACH_LOGIT_S);
    double busy_s = w.busy_s + idle_s, factor = doubt(machine, TL_FACT_DRIVE), drive_s = cost.drive_s;
    cost.seconds = beside(drive_s, busy_s);
    double low = drive_s / factor, high = drive_s * factor;
    settle(&cost);
    factor = doubt(machine, cost.memory_s >= cost.arithmetic_s ? TL_FACT_MEMORY : tl_bound_fact(model, TL_BOUND_ARITHMETIC));
    cost.low_seconds = beside(low, busy_s / factor);
    cost.high_seconds = beside(high, busy_s * factor);
    if (drive_s > 0 && cost.high_seconds < drive_s + busy_s)             /* nothing is done while the drive is waited for */
        cost.high_seconds = drive_s + busy_s;
    tl_cost_price(&cost, machine);
    *ret_cost = cost;
}
