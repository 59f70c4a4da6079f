/* SPDX-License-Identifier: MIT */
/* The choice of experts. The experts of a layer that rank alike in their groups are a tier: one expert of each group, or one
 * expert where there are no groups. A layer keeps its first tiers; how many, all layers share or are ranked for. */
#include "compress/prune.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "compress/values.h"

struct ranked { double saliency; uint32_t expert; };     /* its number in its group */
struct tier { double score; uint32_t layer, rank; };

struct pruning {
    const struct tl_geometry *geometry;
    double *counts, *norms;              /* [layers][n_experts] */
    struct ranked *ranked;               /* [layers][n_experts]: of each group the most salient first */
    uint32_t *tiers, *kept;              /* [layers]: that it has, 0: no experts; that stay */
    uint32_t groups, layers;             /* layers: with experts */
    uint64_t n_tiers;                    /* of all layers */
};

/* --- statistics ----------------------------------------------------------------------------------------------------------- */

/* A tensor [layers][n_experts]. */
static int read_table(const struct tl_modelfile *file, const struct tl_geometry *g, const char *name, double **ret_values)
{
    const struct tl_tensor *tensor = tl_modelfile_find(file, name);
    if (!tensor || tensor->n_dims != 2 || tensor->shape[0] != g->n_layers || tensor->shape[1] != g->n_experts)
        return tl_fail(TL_E_FILE, "%s: found no tensor %s of %u layers and %u experts: statistics of `trill score --experts` for this model are needed",
                       tl_modelfile_path(file), name, g->n_layers, g->n_experts);
    return tl_values_read(file, tensor, ret_values);
}

static bool is_sum(double value) { return value >= 0 && value < 1e100; }         /* so that squares are numbers */

static int read_statistics(struct pruning *p, const char *path)
{
    const struct tl_geometry *g = p->geometry;
    struct tl_modelfile *file;
    int r = tl_modelfile_open(path, &file);
    if (r < 0)
        return r;
    r = tl_values_check(file, "experts", g);
    if (r >= 0)
        r = read_table(file, g, "count", &p->counts);
    if (r >= 0)
        r = read_table(file, g, "weighted_norm", &p->norms);
    for (uint64_t i = 0; r >= 0 && i < (uint64_t)g->n_layers * g->n_experts; i++)
        if (!is_sum(p->counts[i]) || !is_sum(p->norms[i]))
            r = tl_fail(TL_E_FILE, "%s: layer %" PRIu64 ", expert %" PRIu64 ": found %g tokens with norms of %g", path, i / g->n_experts,
                        i % g->n_experts, p->counts[i], p->norms[i]);
    tl_modelfile_close(file);
    return r;
}

/* --- ranks ---------------------------------------------------------------------------------------------------------------- */

static int by_saliency(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->saliency != y->saliency)
        return x->saliency > y->saliency ? -1 : 1;
    return x->expert < y->expert ? -1 : 1;
}

/* Every token passes through every layer that has experts. */
static void rank_layer(struct pruning *p, uint32_t layer)
{
    uint32_t n = p->geometry->layer_experts[layer], size = n / p->groups;
    uint64_t at = (uint64_t)layer * p->geometry->n_experts;
    bool seen = false;
    for (uint32_t e = 0; e < n; e++) {
        double count = p->counts[at + e];
        p->ranked[at + e] = (struct ranked){count > 0 ? p->norms[at + e] / count : 0, e % size};
        seen = seen || count > 0;
    }
    for (uint32_t group = 0; group < p->groups && seen; group++)
        qsort(p->ranked + at + group * size, size, sizeof(*p->ranked), by_saliency);
    p->tiers[layer] = seen ? size : 0;
    p->n_tiers += p->tiers[layer];
    p->layers += seen;
}

/* Fewer cannot be routed: groups are ranked by their best two. */
static uint32_t least_tiers(const struct pruning *p, uint32_t tiers)
{
    const struct tl_geometry *g = p->geometry;
    uint32_t used = g->n_groups_used > 0 ? g->n_groups_used : 1, least = (g->n_used + used - 1) / used;
    least = p->groups > 1 && least < 2 ? 2 : least;
    return least < tiers ? least : tiers;
}

/* --- as many in every layer ----------------------------------------------------------------------------------------------- */

static void keep_evenly(struct pruning *p, double keep)
{
    uint32_t kept = (uint32_t)lround(keep * (double)p->n_tiers / p->layers), fewest = UINT32_MAX;
    for (uint32_t layer = 0; layer < p->geometry->n_layers; layer++)
        if (p->tiers[layer]) {
            uint32_t least = least_tiers(p, p->tiers[layer]);
            kept = kept < least ? least : kept;
            fewest = p->tiers[layer] < fewest ? p->tiers[layer] : fewest;
        }
    for (uint32_t layer = 0; layer < p->geometry->n_layers; layer++)
        p->kept[layer] = p->tiers[layer] == 0 ? 0 : kept < fewest ? kept : fewest;
}

/* --- ranked over all layers ----------------------------------------------------------------------------------------------- */

static int by_score(const void *a, const void *b)
{
    const struct tier *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    return x->rank < y->rank ? -1 : 1;
}

/* Tiers of a layer that may go, with their scores, which fall; returns how many. */
static uint64_t score_layer(const struct pruning *p, uint32_t layer, struct tier *ret)
{
    uint32_t tiers = p->tiers[layer], least = least_tiers(p, tiers);
    const struct ranked *ranked = p->ranked + (uint64_t)layer * p->geometry->n_experts;
    double sum = 0;
    for (uint32_t rank = 0; rank < tiers; rank++) {
        double power = 0;
        for (uint32_t group = 0; group < p->groups; group++)
            power += ranked[group * tiers + rank].saliency * ranked[group * tiers + rank].saliency;
        sum += power;
        if (rank >= least)
            ret[rank - least] = (struct tier){sum > 0 ? power / sum : 0, layer, rank};
    }
    return tiers - least;
}

static int keep_best(struct pruning *p, double keep)
{
    TL_AUTO struct tier *tier = tl_alloc(p->n_tiers + 1, sizeof(*tier));
    uint64_t n = 0, room = (uint64_t)llround(keep * (double)p->n_tiers);
    if (!tier)
        return TL_E_NOMEM;
    for (uint32_t layer = 0; layer < p->geometry->n_layers; layer++) {
        n += score_layer(p, layer, tier + n);
        p->kept[layer] = least_tiers(p, p->tiers[layer]);
        room -= p->kept[layer] < room ? p->kept[layer] : room;
    }
    qsort(tier, n, sizeof(*tier), by_score);
    for (uint64_t i = 0; i < n && i < room; i++)
        p->kept[tier[i].layer]++;
    return 0;
}

/* --- the answer ----------------------------------------------------------------------------------------------------------- */

static void mark(const struct pruning *p, uint32_t layer, uint8_t *ret_keep)
{
    uint64_t at = (uint64_t)layer * p->geometry->n_experts;
    for (uint32_t group = 0; group < p->groups; group++)
        for (uint32_t rank = 0; rank < p->kept[layer]; rank++) {
            uint64_t first = at + (uint64_t)group * p->tiers[layer];
            ret_keep[first + p->ranked[first + rank].expert] = 1;
        }
}

static void sum_up(const struct pruning *p, uint32_t layer, const uint8_t *keep, double *shares, struct tl_prune_report *report)
{
    double all = 0, stays = 0, seen = 0;
    uint32_t n = p->tiers[layer] * p->groups, kept = p->kept[layer] * p->groups;
    for (uint64_t i = (uint64_t)layer * p->geometry->n_experts, end = i + n; i < end; i++) {
        double saliency = p->counts[i] > 0 ? p->norms[i] / p->counts[i] : 0;
        all += saliency;
        stays += keep[i] ? saliency : 0;
        seen += p->counts[i];
        report->unseen += p->counts[i] == 0;
    }
    *shares += all > 0 ? stays / all : 0;
    report->experts += n;
    report->kept += kept;
    report->least = kept < report->least ? kept : report->least;
    report->most = kept > report->most ? kept : report->most;
    uint64_t tokens = (uint64_t)(seen / p->geometry->n_used);
    report->tokens = tokens > report->tokens ? tokens : report->tokens;
}

static int choose(struct pruning *p, const char *statistics, double keep, bool uneven)
{
    int r = read_statistics(p, statistics);
    if (r < 0)
        return r;
    for (uint32_t layer = 0; layer < p->geometry->n_layers; layer++)
        rank_layer(p, layer);
    if (p->layers == 0)
        return tl_fail(TL_E_FILE, "%s: no token was counted in it", statistics);
    if (uneven)
        return keep_best(p, keep);
    keep_evenly(p, keep);
    return 0;
}

int tl_prune_choose(const struct tl_geometry *g, const char *statistics, double keep, bool uneven, uint8_t *ret_keep, struct tl_prune_report *ret_report)
{
    uint64_t cells = (uint64_t)g->n_layers * g->n_experts;
    struct pruning p = {.geometry = g, .groups = g->n_groups > 1 ? g->n_groups : 1};
    if (g->n_experts == 0)
        return tl_fail(TL_E_USAGE, "the model has no routed experts");
    if (g->n_stored && g->n_stored < g->n_experts)
        return tl_fail(TL_E_USAGE, "%u experts are stored in place of %u, of which none can be taken out", g->n_stored, g->n_experts);
    p.ranked = tl_alloc(cells, sizeof(*p.ranked));
    p.tiers = tl_alloc(g->n_layers, sizeof(*p.tiers));
    p.kept = tl_alloc(g->n_layers, sizeof(*p.kept));
    int r = p.ranked && p.tiers && p.kept ? choose(&p, statistics, keep, uneven) : TL_E_NOMEM;
    if (r >= 0) {
        double shares = 0;
        memset(ret_keep, 0, cells);
        *ret_report = (struct tl_prune_report){.layers = p.layers, .least = UINT32_MAX};
        for (uint32_t layer = 0; layer < g->n_layers; layer++) {
            mark(&p, layer, ret_keep);
            if (p.tiers[layer])
                sum_up(&p, layer, ret_keep, &shares, ret_report);
        }
        ret_report->saliency = shares / p.layers;
    }
    tl_free(p.counts);
    tl_free(p.norms);
    tl_free(p.ranked);
    tl_free(p.tiers);
    tl_free(p.kept);
    return r;
}
