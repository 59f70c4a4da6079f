/* SPDX-License-Identifier: MIT */
/* The job "prune": a model with fewer experts (compress/prune.h), in other number formats too where that is said. */
#include <inttypes.h>

#include "api/job_quantize.h"
#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "compress/prune.h"
#include "model/model.h"

struct options {
    struct tl_quantize_options write;
    const char *experts;
    double keep;
    bool uneven;
};

#define ROW(...) TL_OPTION_ROW(struct options, __VA_ARGS__)
static const struct tl_option rows[] = {
    TL_QUANTIZE_ROWS,
    ROW(experts, TEXT, "experts", "FILE"),
    ROW(keep, F64, "keep", "SHARE", .min = 0, .max = 1),
    ROW(uneven, FLAG, "uneven", NULL),
};

static int check(const struct options *o)
{
    int status = tl_job_check_quantize(&o->write);
    if (status >= 0 && !o->experts)
        status = tl_fail(TL_E_USAGE, "--experts FILE is missing: what `trill score MODEL --text FILE --experts FILE` wrote");
    if (status >= 0 && o->keep == 0)
        status = tl_fail(TL_E_USAGE, "--keep SHARE is missing: how many of the experts stay, such as 0.5");
    return status;
}

/* [layers][experts]; tl_free. */
static int choose(const struct options *o, uint8_t **ret_keep, struct tl_prune_report *ret_report)
{
    struct tl_modelfile *file;
    struct tl_geometry geometry;
    int status = tl_modelfile_open(o->write.model, &file);
    if (status < 0)
        return status;
    status = tl_geometry_read(file, &geometry);
    if (status >= 0 && !(*ret_keep = tl_alloc((uint64_t)geometry.n_layers * geometry.n_experts + 1, 1)))
        status = TL_E_NOMEM;
    if (status >= 0)
        status = tl_prune_choose(&geometry, o->experts, o->keep, o->uneven, *ret_keep, ret_report);
    tl_modelfile_close(file);
    return status;
}

int tl_job_prune(struct tl_job_run *run)
{
    struct options o = {0};
    struct tl_prune_report pruned;
    TL_AUTO uint8_t *keep = NULL;
    int status = tl_job_options(run, rows, TL_COUNT(rows), &o);
    if (status >= 0)
        status = check(&o);
    if (status >= 0)
        status = choose(&o, &keep, &pruned);
    if (status >= 0)
        status = tl_job_write_model(run, &o.write, keep);
    if (status < 0)
        return status;
    tl_buffer_printf(&run->report,
                     ",\"layers\":%u,\"experts\":%u,\"experts_kept\":%u,\"least_kept\":%u,\"most_kept\":%u,\"saliency_kept\":%.6g"
                     ",\"tokens\":%" PRIu64 ",\"unseen\":%u",
                     pruned.layers, pruned.experts, pruned.kept, pruned.least, pruned.most, pruned.saliency, pruned.tokens, pruned.unseen);
    tl_job_write_warnings(run);
    return 0;
}
