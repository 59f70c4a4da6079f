/* SPDX-License-Identifier: MIT */
/* The hit rates of caches as a chart. */
#ifndef TL_CLI_TRACE_SVG_H
#define TL_CLI_TRACE_SVG_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { TL_TRACE_CURVES = 16, TL_TRACE_SIZES = 64 };

/* What a replay found: curve c of size i hits hits[c][i] of the accesses. */
struct tl_trace_table {
    char names[TL_TRACE_CURVES][24];
    double hits[TL_TRACE_CURVES][TL_TRACE_SIZES], shares[TL_TRACE_SIZES];
    uint64_t frames[TL_TRACE_SIZES];
    size_t n_curves, n_sizes;
    uint64_t layers, experts, steps, accesses;
    double working_set;
};

void tl_trace_svg(const struct tl_trace_table *table, struct tl_buffer *out);

#endif
