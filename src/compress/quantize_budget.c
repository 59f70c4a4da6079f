/* SPDX-License-Identifier: MIT */
/* How much memory writing a model again takes: what opening it took stays; the rest is slots for runs of rows, as large as is of
 * use and the budget allows. What does not fit is refused before anything is written. */
#include <inttypes.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "compress/quantize_impl.h"

enum { USUAL_BYTES = 2 << 20, LEAST_SLOTS = 3, USUAL_SLOTS = 12 };
static const uint64_t around_bytes = 4 << 20;        /* stacks, queues, the heap's own */

/* What the process may take. */
static uint64_t budget(const struct tl_quantizing *q)
{
    uint64_t there = tl_cpu_memory_available() + tl_cpu_rss();
    return q->how->ram_bytes ? q->how->ram_bytes : there - there / 16;
}

int tl_quantize_afford(const struct tl_quantizing *q, uint64_t bytes, const char *what)
{
    uint64_t taken = tl_cpu_rss() + around_bytes, most = budget(q);
    if (taken + bytes <= most)
        return 0;
    return tl_fail(TL_E_BUDGET, "%s needs at least %" PRIu64 " MiB for %s, the budget is %" PRIu64 " MiB", tl_modelfile_path(q->file),
                   (taken + bytes + (1 << 20) - 1) >> 20, what, most >> 20);
}

static uint64_t slot_bytes(uint64_t in_bytes, uint64_t out_bytes) { return tl_extent_room(in_bytes) + out_bytes; }

int tl_quantize_size(struct tl_quantizing *q)
{
    struct tl_flow_sizes *s = &q->sizes;
    struct tl_rows rows;
    uint64_t in = 1, out = 1, cols = 1, whole = 1;   /* of the largest rows; of the largest tensor, on either side */
    int r = 0;
    for (uint64_t i = 0; i < q->n_outputs && r >= 0; i++) {
        if ((r = tl_rows_measure(q, &q->outputs[i], &rows)) < 0)
            break;
        in = rows.in_bytes > in ? rows.in_bytes : in;
        out = q->outputs[i].number && rows.out_bytes > out ? rows.out_bytes : out;
        whole = rows.rows * rows.in_bytes > whole ? rows.rows * rows.in_bytes : whole;
        whole = rows.rows * rows.out_bytes > whole ? rows.rows * rows.out_bytes : whole;
        cols = q->outputs[i].number && rows.cols > cols ? rows.cols : cols;
    }
    uint64_t fixed = tl_run_scratch_bytes(cols, tl_pool_threads(q->pool)) + tl_outfile_most_bytes +
                     (q->conversion ? tl_conversion_bytes(q->conversion) : 0);
    if (r >= 0)
        r = tl_quantize_afford(q, fixed + LEAST_SLOTS * slot_bytes(in, out), "rows on their way");
    if (r < 0)
        return r;
    uint64_t taken = tl_cpu_rss() + around_bytes + fixed, most = budget(q), room = most > taken ? most - taken : 0;
    uint64_t side = room / USUAL_SLOTS / 2;
    side = side > 2 * TL_DRIVE_ALIGN ? side - 2 * TL_DRIVE_ALIGN : 0;
    side = side < USUAL_BYTES ? side : USUAL_BYTES;
    side = side < whole ? side : whole;
    *s = (struct tl_flow_sizes){.in_bytes = side > in ? side : in, .out_bytes = side > out ? side : out, .cols = cols};
    uint64_t slots = room / slot_bytes(s->in_bytes, s->out_bytes);
    s->slots = slots < LEAST_SLOTS ? LEAST_SLOTS : slots > TL_RUN_SLOTS ? TL_RUN_SLOTS : (uint32_t)slots;
    return 0;
}
