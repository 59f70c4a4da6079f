/* SPDX-License-Identifier: MIT */
/* Scales that lie apart tell early and cheaply what weights can become: they are read before anything is planned, a ninth of the bytes
 * of int4, 1/4096 of those of fp8. Where one alone does not tell, its matrix is read as well. */
#include <inttypes.h>

#include "base/error.h"
#include "base/memory.h"
#include "compress/convert_impl.h"

enum { CHUNK_ELEMS = 1 << 14, CHUNK_ROWS = 64 };

/* Scales of a part: one tensor for all matrices, or one each. */
static const struct tl_tensor *scales_of(const struct tl_conversion *c, const struct tl_convert_part *part, uint32_t nth)
{
    uint32_t count = part->want.count ? part->want.count : 1;
    const struct tl_tensor *scales = part->number->restated && nth < count ? tl_store_scales(c->store, part->id, nth) : NULL;
    return nth == 0 || scales != tl_store_scales(c->store, part->id, 0) ? scales : NULL;
}

/* Have all blocks an equal, as far as scales tell? */
static int check_tensor(struct tl_conversion *c, const struct tl_tensor *scales, const struct tl_number_restated *restated, bool *ret_holds)
{
    uint64_t element_bytes = scales->number->block_bytes;
    TL_AUTO uint8_t *stored = tl_alloc(CHUNK_ELEMS, element_bytes);
    TL_AUTO float *values = tl_alloc(CHUNK_ELEMS, sizeof(*values));
    int r = stored && values ? 0 : TL_E_NOMEM;
    *ret_holds = true;
    for (uint64_t at = 0, n; at < scales->n_elems && *ret_holds && r >= 0; at += n) {
        n = scales->n_elems - at < CHUNK_ELEMS ? scales->n_elems - at : CHUNK_ELEMS;
        r = tl_modelfile_read(c->source, scales, at * element_bytes, stored, n * element_bytes);
        if (r < 0)
            break;
        tl_number_decode(scales->number, stored, n, values);
        *ret_holds = restated->holds(values, n) == n;
    }
    return r;
}

static int check_matrix(const struct tl_conversion *c, const struct tl_convert_part *part, uint32_t matrix)
{
    const struct tl_want *want = &part->want;
    const struct tl_number *as = tl_number(part->number->restated->as);
    uint64_t row_bytes, as_bytes;
    if (!tl_number_bytes(part->number, want->cols, &row_bytes) || !tl_number_bytes(as, want->cols, &as_bytes))
        return 0;                                        /* rows of no whole blocks become f32 */
    TL_AUTO uint8_t *rows = tl_alloc(CHUNK_ROWS, row_bytes), *restated = tl_alloc(1, as_bytes);
    int r = rows && restated ? 0 : TL_E_NOMEM;
    for (uint32_t at = 0, n; at < want->rows && r >= 0; at += n) {
        n = want->rows - at < CHUNK_ROWS ? want->rows - at : CHUNK_ROWS;
        r = tl_store_stored_rows(c->store, part->id, matrix, at, n, rows);
        for (uint32_t i = 0; i < n && r >= 0; i++)
            if (part->number->restated->restate(rows + i * row_bytes, want->cols, restated) != want->cols)
                r = tl_fail(TL_E_USAGE, "%s: %s, row %" PRIu32 ": %s cannot say a scale of %s exactly; trill quantize stores such weights in another "
                            "format, with --native-too --to q8_0 or --to f32", tl_modelfile_path(c->source), tl_store_scales(c->store, part->id, matrix)->name,
                            at + i, as->name, part->number->name);
    }
    return r;
}

/* Blocks of zeros may have any scale. */
static int check_blocks(const struct tl_conversion *c, const struct tl_convert_part *part, const struct tl_tensor *scales)
{
    int r = 0;
    for (uint32_t m = 0; (m == 0 || m < part->want.count) && r >= 0; m++)
        if (tl_store_scales(c->store, part->id, m) == scales)
            r = check_matrix(c, part, m);
    return r;
}

static int check_part(struct tl_conversion *c, struct tl_convert_part *part, uint64_t *done_bytes)
{
    const struct tl_number_restated *restated = part->number->restated;
    const struct tl_tensor *scales;
    bool all = true;
    int r = 0;
    for (uint32_t i = 0; r >= 0 && (scales = scales_of(c, part, i)); i++) {
        bool holds = true;
        r = check_tensor(c, scales, restated, &holds);
        if (r >= 0 && !holds && !restated->partly)
            r = check_blocks(c, part, scales);
        all = all && holds;
        if (r >= 0)
            r = tl_progress_move(c->progress, *done_bytes += scales->n_bytes);
    }
    part->as = tl_number(all || !restated->partly ? restated->as : TL_NUMBER_F32);
    return r;
}

/* Gates and ups of a layer's experts are in one format. */
static void agree(struct tl_conversion *c, uint32_t layer)
{
    uint32_t gate = c->part_of[tl_convert_slot(c, TL_R_EXPERT_GATE, layer)], up = c->part_of[tl_convert_slot(c, TL_R_EXPERT_UP, layer)];
    if (gate == TL_NO_PART || up == TL_NO_PART || c->parts[gate].number != c->parts[up].number || c->parts[gate].as == c->parts[up].as)
        return;
    c->parts[gate].as = c->parts[up].as = tl_number(TL_NUMBER_F32);
}

int tl_convert_check_scales(struct tl_conversion *c)
{
    const struct tl_tensor *scales;
    uint64_t total = 0, done = 0;
    for (uint64_t k = 0; k < c->n_parts; k++)
        for (uint32_t i = 0; (scales = scales_of(c, &c->parts[k], i)); i++)
            total += scales->n_bytes;
    int r = total ? tl_progress_begin(c->progress, "reading scales", 0, total, "bytes") : 0;
    for (uint64_t k = 0; k < c->n_parts && r >= 0; k++)
        if (scales_of(c, &c->parts[k], 0))
            r = check_part(c, &c->parts[k], &done);
    for (uint32_t layer = 0; layer <= c->from.n_layers; layer++)
        agree(c, layer);
    return r;
}
