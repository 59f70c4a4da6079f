/* SPDX-License-Identifier: MIT */
/* The head and the losses, some rows at a time: logits of all tokens never exist together. The gradient of a row of logits
 * is the model's distribution less the one that it should be. Rows without a loss are not computed. */
#include <string.h>

#include "base/error.h"
#include "train/graph_impl.h"

enum { LOGIT_BYTES = 64 << 20, LEAST_ROWS = 32, MOST_ROWS = 1024, RUN = 1024 };

void tl_head_place(struct tl_graph *g, struct tl_arena *arena)
{
    struct tl_head *h = &g->head;
    uint64_t width = g->geometry->width, vocab = g->geometry->vocab, rows = LOGIT_BYTES / sizeof(float) / vocab / 12 * 12;
    rows = rows < LEAST_ROWS ? LEAST_ROWS : rows > MOST_ROWS ? MOST_ROWS : rows;
    h->most_rows = rows < g->most_tokens ? (uint32_t)rows : g->most_tokens;
    h->tokens = tl_arena_take(arena, g->most_tokens, sizeof(*h->tokens));
    h->out = tl_arena_take(arena, h->most_rows * width, sizeof(float));
    h->normed = tl_arena_take(arena, h->most_rows * width, sizeof(float));
    h->slope = tl_arena_take(arena, h->most_rows * width, sizeof(float));
    h->logits = tl_arena_take(arena, h->most_rows * vocab, sizeof(float));
    h->nll = tl_arena_take(arena, g->most_tokens, sizeof(double));
    h->teacher = tl_arena_take(arena, g->most_tokens, sizeof(double));
}

/* The rows in work: numbers from .. from + n - 1 of those with a loss. */
struct chunk {
    struct tl_graph *graph;
    const struct tl_op *norm, *linear, *softcap;
    uint32_t from, n;
    float scale;
    bool backward;
};

/* --- losses ----------------------------------------------------------------------------------------------------------- */

/* exp(row - most) * factor, and behind a cap its slope too. */
static void distribute(const struct chunk *c, float *row, float most, float factor)
{
    const struct tl_graph *g = c->graph;
    uint32_t vocab = g->geometry->vocab;
    float cap = g->geometry->logit_softcap, kept[RUN];
    for (uint32_t i = 0, n; i < vocab; i += n) {
        n = vocab - i < RUN ? vocab - i : RUN;
        memcpy(kept, row + i, n * sizeof(float));
        g->kernel->exp(row + i, most, n, row + i);
        g->kernel->scale(row + i, factor, n, row + i);
        for (uint32_t k = 0; k < n && c->softcap; k++)
            row[i + k] *= 1.0f - kept[k] / cap * (kept[k] / cap);
    }
}

static float sum_of(const struct chunk *c, const float *row, float most)
{
    const struct tl_graph *g = c->graph;
    uint32_t vocab = g->geometry->vocab;
    float sum = 0, kept[RUN];
    for (uint32_t i = 0, n; i < vocab; i += n) {
        n = vocab - i < RUN ? vocab - i : RUN;
        g->kernel->exp(row + i, most, n, kept);
        sum += g->kernel->sum(kept, n);
    }
    return sum;
}

static float cap_slope(const struct chunk *c, float logit)
{
    float cap = c->graph->geometry->logit_softcap;
    return c->softcap ? 1.0f - logit / cap * (logit / cap) : 1.0f;
}

/* What of the targets is to be taken from the gradient: share times slope of each id, before the row is overwritten. */
static void back_row(const struct chunk *c, const struct tl_draws *draws, int32_t next, float weight, float *row, float most, float sum)
{
    float factor = c->scale / sum, own = (1.0f - weight) * c->scale * cap_slope(c, row[next]), kept[TL_MOST_DRAWS];
    uint32_t n = weight > 0 ? draws->n_ids : 0;
    for (uint32_t i = 0; i < n; i++)
        kept[i] = weight * c->scale * ((float)draws->counts[i] / (float)draws->n_draws) * cap_slope(c, row[draws->ids[i]]);
    distribute(c, row, most, factor);
    row[next] -= own;
    for (uint32_t i = 0; i < n; i++)
        row[draws->ids[i]] -= kept[i];
}

static void loss_row(void *context, uint32_t i, uint32_t thread)
{
    const struct chunk *c = context;
    struct tl_graph *g = c->graph;
    const struct tl_targets *targets = &g->batch->targets;
    uint32_t token = g->head.tokens[c->from + i], vocab = g->geometry->vocab;
    int32_t next = targets->next[token];
    const struct tl_draws *draws = targets->draws && targets->draws[token].n_ids ? &targets->draws[token] : NULL;
    float *row = g->head.logits + (uint64_t)i * vocab, most = g->kernel->max(row, vocab), sum = sum_of(c, row, most);
    double log_sum = (double)most + (double)tl_log(sum), taught = 0;
    (void)thread;
    g->head.nll[token] = log_sum - (double)row[next];
    for (uint32_t k = 0; draws && k < draws->n_ids; k++)
        taught += (double)draws->counts[k] / draws->n_draws * (log_sum - (double)row[draws->ids[k]]);
    g->head.teacher[token] = draws ? taught : g->head.nll[token];
    if (c->backward)
        back_row(c, draws, next, draws ? targets->teacher_weight : 0, row, most, sum);
}

/* --- rows ------------------------------------------------------------------------------------------------------------- */

static void gather_row(void *context, uint32_t i, uint32_t thread)
{
    const struct chunk *c = context;
    struct tl_graph *g = c->graph;
    uint64_t width = g->geometry->width;
    (void)thread;
    memcpy(g->head.out + i * width, g->border[g->geometry->n_layers] + g->head.tokens[c->from + i] * width, width * sizeof(float));
    memcpy(g->head.normed + i * width, g->head.out + i * width, width * sizeof(float));
}

static void scatter_row(void *context, uint32_t i, uint32_t thread)
{
    const struct chunk *c = context;
    struct tl_graph *g = c->graph;
    uint64_t width = g->geometry->width;
    (void)thread;
    memcpy(g->slope[TL_S_X] + g->head.tokens[c->from + i] * width, g->head.slope + i * width, width * sizeof(float));
}

static void run_op(const struct chunk *c, const struct tl_op *op, float *stream)
{
    struct tl_graph *g = c->graph;
    g->op = op;
    tl_graph_prepare(g);
    g->step.stream[op->out] = stream;
    tl_graph_run_rows(g, c->n);
}

static void forward(const struct chunk *c)
{
    struct tl_graph *g = c->graph;
    const struct tl_parameter *w = tl_graph_weight(g, c->linear->weight);
    struct tl_weight room;
    tl_pool_run(g->pool, c->n, gather_row, (void *)c);
    run_op(c, c->norm, g->head.normed);
    tl_graph_product(g, (struct tl_matmul){ .a = tl_operand_of(g->head.normed, w->cols), .b = tl_graph_matrix(g, c->linear, 0, false, &room), .m = c->n,
                                            .n = w->rows, .inner = w->cols, .c = g->head.logits, .c_step = w->rows });
    if (c->softcap)
        run_op(c, c->softcap, g->head.logits);
    tl_pool_run(g->pool, c->n, loss_row, (void *)c);
}

static void backward(const struct chunk *c)
{
    struct tl_graph *g = c->graph;
    const struct tl_parameter *w = tl_graph_weight(g, c->linear->weight);
    struct tl_weight room;
    tl_graph_gradient(g, tl_operand_turned(g->head.logits, w->rows), tl_operand_turned(g->head.normed, w->cols), w->rows, w->cols, c->n, w->gradient);
    tl_graph_product(g, (struct tl_matmul){ .a = tl_operand_of(g->head.logits, w->rows), .b = tl_graph_matrix(g, c->linear, 0, true, &room), .m = c->n,
                                            .n = w->cols, .inner = w->rows, .c = g->head.slope, .c_step = w->cols });
    g->op = c->norm;
    tl_back_head_norm(g, c->n);
    tl_pool_run(g->pool, c->n, scatter_row, (void *)c);
}

/* --- all of it -------------------------------------------------------------------------------------------------------- */

static void find_ops(const struct tl_graph *g, struct chunk *c)
{
    for (const struct tl_op *op = g->program->ops + g->program->n_ops; op-- > g->program->ops && op->layer == g->geometry->n_layers;) {
        c->norm = op->kind == TL_OP_NORM ? op : c->norm;
        c->linear = op->kind == TL_OP_LINEAR ? op : c->linear;
        c->softcap = op->kind == TL_OP_SOFTCAP ? op : c->softcap;
    }
}

static void add_up(const struct tl_graph *g, uint32_t n, struct tl_pass *ret)
{
    double weight = g->batch->targets.draws ? (double)g->batch->targets.teacher_weight : 0;
    *ret = (struct tl_pass){ .tokens = n };
    for (uint32_t i = 0; i < n; i++) {
        double nll = g->head.nll[g->head.tokens[i]], teacher = g->head.teacher[g->head.tokens[i]];
        ret->nll += nll;
        ret->teacher += teacher;
        ret->loss += (1 - weight) * nll + weight * teacher;
    }
}

int tl_head_run(struct tl_graph *g, float scale, bool back, struct tl_pass *ret_pass)
{
    struct chunk c = { .graph = g, .scale = scale, .backward = back };
    uint32_t n = 0;
    int status = 0;
    find_ops(g, &c);
    if (!tl_graph_weight(g, c.linear->weight)->value)        /* of a frozen model, which keeps it in memory */
        status = tl_store_pin(tl_model_store(g->weights->model), c.linear->weight, g->head_pinned);
    for (uint32_t t = 0; t < g->n_tokens; t++)
        if (g->batch->targets.next[t] >= 0)
            g->head.tokens[n++] = t;
    g->has_slope[TL_S_X] = false;
    if (back)
        tl_graph_slope(g, TL_S_X);
    for (c.from = 0; c.from < n; c.from += c.n) {
        c.n = n - c.from < g->head.most_rows ? n - c.from : g->head.most_rows;
        if (status >= 0)
            status = tl_progress_check(g->progress);
        if (status < 0)
            return status;
        forward(&c);
        if (back)
            backward(&c);
    }
    add_up(g, n, ret_pass);
    return status;
}
