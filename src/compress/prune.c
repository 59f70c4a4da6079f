/* SPDX-License-Identifier: MIT */
/* The choice of experts: in each layer, and in each group of its router, the most salient ones. */
#include "compress/prune.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "compress/values.h"

struct ranked { double saliency; uint32_t expert; };

static int by_saliency(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->saliency != y->saliency)
        return x->saliency > y->saliency ? -1 : 1;
    return x->expert < y->expert ? -1 : 1;
}

/* A tensor [layers][experts] of the statistics. */
static int read_table(const struct tl_modelfile *file, const struct tl_geometry *g, const char *name, double **ret_values)
{
    const struct tl_tensor *tensor = tl_modelfile_find(file, name);
    if (!tensor || tensor->n_dims != 2 || tensor->shape[0] != g->n_layers || tensor->shape[1] != g->n_experts)
        return tl_fail(TL_E_FILE, "%s: found no tensor %s of %u layers and %u experts: statistics of `trill score --experts` for this model are needed",
                       tl_modelfile_path(file), name, g->n_layers, g->n_experts);
    return tl_values_read(file, tensor, ret_values);
}

static int check_kind(const struct tl_modelfile *file)
{
    const char *kind = "";
    size_t n_bytes;
    int r = tl_meta_string(file, "__metadata__.format", &kind, &n_bytes);
    if (r >= 0 && strcmp(kind, "trill.experts") != 0)
        return tl_fail(TL_E_FILE, "%s: found \"%.40s\", expected statistics of `trill score --experts`", tl_modelfile_path(file), kind);
    return r;
}

/* counts and norms [layers][experts]; to be freed. */
static int read_statistics(const struct tl_geometry *g, const char *path, double **ret_counts, double **ret_norms)
{
    struct tl_modelfile *file;
    int r = tl_modelfile_open(path, &file);
    if (r < 0)
        return r;
    r = check_kind(file);
    if (r >= 0)
        r = read_table(file, g, "count", ret_counts);
    if (r >= 0)
        r = read_table(file, g, "weighted_norm", ret_norms);
    for (uint64_t i = 0; r >= 0 && i < (uint64_t)g->n_layers * g->n_experts; i++)
        if (!((*ret_counts)[i] >= 0) || !((*ret_norms)[i] >= 0) || !isfinite((*ret_counts)[i]) || !isfinite((*ret_norms)[i]))
            r = tl_fail(TL_E_FILE, "%s: layer %" PRIu64 ", expert %" PRIu64 ": found %g tokens with norms of %g", path, i / g->n_experts,
                        i % g->n_experts, (*ret_counts)[i], (*ret_norms)[i]);
    tl_modelfile_close(file);
    return r;
}

/* How many stay in each group, of a router without groups: in the only one. */
static uint32_t count_kept(const struct tl_geometry *g, double keep)
{
    uint32_t groups = g->n_groups > 1 ? g->n_groups : 1, size = g->n_experts / groups, used = g->n_groups_used > 0 ? g->n_groups_used : 1;
    uint32_t least = ((g->n_used + used - 1) / used), kept = (uint32_t)lround(keep * size);
    if (g->n_groups > 1 && least < 2)
        least = 2;                       /* groups are ranked by their best two */
    kept = kept < least ? least : kept;
    return kept < size ? kept : size;
}

static void choose_group(const double *counts, const double *norms, uint32_t size, uint32_t kept, struct ranked *ranked, uint8_t *ret_keep)
{
    for (uint32_t e = 0; e < size; e++)
        ranked[e] = (struct ranked){counts[e] > 0 ? norms[e] / counts[e] : 0, e};
    qsort(ranked, size, sizeof(*ranked), by_saliency);
    for (uint32_t i = 0; i < kept; i++)
        ret_keep[ranked[i].expert] = 1;
}

static void sum_up(const struct tl_geometry *g, const double *counts, const double *norms, const uint8_t *keep, struct tl_prune_report *report)
{
    double shares = 0, tokens = 0;
    for (uint32_t layer = 0; layer < g->n_layers; layer++) {
        double all = 0, stays = 0, seen = 0;
        for (uint32_t e = 0; e < g->n_experts; e++) {
            uint64_t i = (uint64_t)layer * g->n_experts + e;
            double saliency = counts[i] > 0 ? norms[i] / counts[i] : 0;
            all += saliency;
            stays += keep[i] ? saliency : 0;
            seen += counts[i];
        }
        for (uint32_t e = 0; e < g->n_experts && seen > 0; e++)
            report->unseen += counts[(uint64_t)layer * g->n_experts + e] == 0;
        report->layers += seen > 0;
        shares += all > 0 ? stays / all : 0;
        tokens = seen > tokens ? seen : tokens;
    }
    report->saliency = report->layers ? shares / report->layers : 0;
    report->tokens = (uint64_t)(tokens / g->n_used);
}

int tl_prune_choose(const struct tl_geometry *g, const char *statistics, double keep, uint8_t *ret_keep, struct tl_prune_report *ret_report)
{
    TL_AUTO double *counts = NULL, *norms = NULL;
    TL_AUTO struct ranked *ranked = tl_alloc(g->n_experts + 1, sizeof(*ranked));
    uint32_t groups = g->n_groups > 1 ? g->n_groups : 1, size = g->n_experts / groups;
    if (g->n_experts == 0)
        return tl_fail(TL_E_USAGE, "the model has no routed experts");
    int r = ranked ? read_statistics(g, statistics, &counts, &norms) : TL_E_NOMEM;
    if (r < 0)
        return r;
    uint32_t kept = count_kept(g, keep);
    memset(ret_keep, 0, (uint64_t)g->n_layers * g->n_experts);
    for (uint64_t at = 0; at < (uint64_t)g->n_layers * g->n_experts; at += size)
        choose_group(counts + at, norms + at, size, kept, ranked, ret_keep + at);
    *ret_report = (struct tl_prune_report){.kept = kept * groups};
    sum_up(g, counts, norms, ret_keep, ret_report);
    if (ret_report->layers == 0)
        return tl_fail(TL_E_FILE, "%s: no token was counted in it", statistics);
    return 0;
}
