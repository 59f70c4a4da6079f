/* SPDX-License-Identifier: MIT */
/* Each two models on the same items, and which models are on the frontier of quality and price. Neighbouring tokens of a text
 * are alike, so that blocks of them count as one item there. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "compress/eval_impl.h"
#include "compress/stats.h"

enum { BLOCK_TOKENS = 64, MOST_BLOCKS = 4096 };
enum measure { TEXT, KL, AGREEMENT, TASKS, MEASURES };
static const char *const names[] = {[TEXT] = "text", [KL] = "kl", [AGREEMENT] = "agreement", [TASKS] = "tasks"};

/* --- pairs -------------------------------------------------------------------------------------------------------- */

struct pairing { struct tl_eval_run *run; const struct tl_eval_subject *a, *b; double *values; };

static double of_token(const struct pairing *p, enum measure measure, uint64_t i)
{
    if (measure == TEXT)                             /* less is better */
        return (double)p->a->nll[i] - (double)p->b->nll[i];
    return measure == KL ? (double)p->a->kl[i] - (double)p->b->kl[i] : (double)p->b->agrees[i] - (double)p->a->agrees[i];
}

/* Means of blocks of equal length; the last one may be longer. */
static uint64_t blocks_of(const struct pairing *p, enum measure measure)
{
    uint64_t scored = p->a->scored_tokens, block = BLOCK_TOKENS, n = 0, in_block = 0;
    while (scored / block > MOST_BLOCKS)
        block *= 2;
    block = scored < 4 * block ? 1 : block;
    double sum = 0, last_sum = 0;
    for (uint64_t i = 0; i < p->a->n_ids; i++) {
        if (isnan(p->a->nll[i]) || isnan(p->b->nll[i]))
            continue;
        sum += of_token(p, measure, i);
        if (++in_block < block)
            continue;
        p->values[n++] = sum / (double)block;
        last_sum = sum;
        sum = 0;
        in_block = 0;
    }
    if (in_block && n)
        p->values[n - 1] = (last_sum + sum) / (double)(block + in_block);
    return n;
}

static void text_pair(const struct pairing *p, enum measure measure, struct tl_eval_pair *pair)
{
    uint64_t n = blocks_of(p, measure);
    pair->difference = tl_stats_mean(p->values, n);
    pair->p = tl_stats_sign_flip(p->values, n);
}

static void task_pair(const struct pairing *p, struct tl_eval_pair *pair)
{
    uint64_t n = p->run->tasks.n, only_a = 0, only_b = 0;
    for (uint64_t i = 0; i < n; i++) {
        bool a = p->a->task[i].right, b = p->b->task[i].right;
        only_a += a && !b;
        only_b += b && !a;
        p->values[i] = (double)b - (double)a;
    }
    pair->difference = tl_stats_mean(p->values, n);
    pair->p = tl_stats_mcnemar(only_a, only_b);
}

static int add_pair(struct pairing *p, enum measure measure)
{
    struct tl_eval *eval = p->run->eval;
    struct tl_eval_pair *pair = &eval->pair[eval->n_pairs];
    *pair = (struct tl_eval_pair){ .a = (uint32_t)(p->a - p->run->subject), .b = (uint32_t)(p->b - p->run->subject),
                                    .measure = names[measure] };
    if (measure == TASKS)
        task_pair(p, pair);
    else
        text_pair(p, measure, pair);
    pair->better = isfinite(pair->difference.mean) ? tl_stats_beyond(&pair->difference) : 0;
    eval->n_pairs++;
    return tl_progress_move(&p->run->progress, eval->n_pairs);
}

static int pair_up(struct pairing *p)
{
    int status = 0;
    if (p->a->nll && p->b->nll && memcmp(p->a->text, p->b->text, sizeof(p->a->text)) == 0 && memcmp(p->a->words, p->b->words, sizeof(p->a->words)) == 0)
        status = add_pair(p, TEXT);
    if (status >= 0 && p->a->kl && p->b->kl)
        status = add_pair(p, KL);
    if (status >= 0 && p->a->kl && p->b->kl)
        status = add_pair(p, AGREEMENT);
    return status >= 0 && p->run->tasks.n ? add_pair(p, TASKS) : status;
}

/* --- the frontier ------------------------------------------------------------------------------------------------- */

static double quality_of(const struct tl_eval_model *model, const char *by)
{
    if (strcmp(by, "solved") == 0)
        return model->solved.mean;
    return strcmp(by, "perplexity") == 0 ? -model->perplexity : -model->bits_per_byte;
}

static double price_of(const struct tl_eval_model *model, const char *by)
{
    if (strcmp(by, "money a task") == 0)
        return model->task_cost.money / (double)model->solved.n;
    if (strcmp(by, "money a million tokens") == 0)
        return 1e6 * model->text_cost.money / (double)model->scored_tokens;
    return (double)model->weight_bytes;
}

/* Money where somebody counts it, else bytes. */
static void choose_axes(struct tl_eval *eval)
{
    bool tasks = eval->model[0].solved.n > 0, text = eval->model[0].nll.n > 0, money = true;
    for (uint32_t i = 0; i < eval->n_models; i++)
        money = money && (tasks ? &eval->model[i].task_cost : &eval->model[i].text_cost)->money > 0;
    eval->quality = tasks ? "solved" : text && eval->same_vocabulary ? "perplexity" : text ? "bits a byte" : NULL;
    eval->price = !money ? "bytes" : tasks ? "money a task" : "money a million tokens";
    eval->price = eval->quality ? eval->price : NULL;
}

static bool beaten(const struct tl_eval *eval, const struct tl_eval_model *model)
{
    for (uint32_t i = 0; i < eval->n_models; i++) {
        const struct tl_eval_model *other = &eval->model[i];
        bool no_worse = other->quality >= model->quality && other->price <= model->price;
        if (no_worse && (other->quality > model->quality || other->price < model->price))
            return true;
    }
    return false;
}

static void find_frontier(struct tl_eval *eval)
{
    choose_axes(eval);
    for (uint32_t i = 0; i < eval->n_models; i++) {
        eval->model[i].quality = eval->quality ? quality_of(&eval->model[i], eval->quality) : NAN;
        eval->model[i].price = eval->quality ? price_of(&eval->model[i], eval->price) : NAN;
    }
    for (uint32_t i = 0; i < eval->n_models; i++)
        eval->model[i].frontier = isfinite(eval->model[i].quality) && !beaten(eval, &eval->model[i]);
}

int tl_eval_pairs(struct tl_eval_run *run)
{
    uint64_t n = run->order->n_models, pairs = n * (n - 1) / 2 * MEASURES, room = run->tasks.n;
    for (uint32_t i = 0; i < n; i++)
        room = run->subject[i].n_ids > room ? run->subject[i].n_ids : room;
    struct pairing p = { .run = run };
    find_frontier(run->eval);
    if (n < 2)
        return 0;
    run->eval->pair = tl_alloc(pairs, sizeof(*run->eval->pair));
    TL_AUTO double *values = tl_alloc(room + 1, sizeof(*values));
    if (!run->eval->pair || !values)
        return TL_E_NOMEM;
    p.values = values;
    int status = tl_progress_begin(&run->progress, "comparing", 0, pairs, "pairs");
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = a + 1; b < n && status >= 0; b++) {
            p.a = &run->subject[a];
            p.b = &run->subject[b];
            status = pair_up(&p);
        }
    return status;
}
