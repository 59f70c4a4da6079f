/* SPDX-License-Identifier: MIT */
/* Bytes of a tensor of the file, from rows of the source's weights. A row that is stored the same way is copied bit for bit, one whose
 * blocks another format says is restated; others are decoded, their columns put in order, and encoded. Transposed matrices are taken
 * whole. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "compress/convert_impl.h"
#include "model/across.h"
#include "model/bind.h"

enum { SPAN_BYTES = 16 << 20 };          /* of the source that are read together, at most, unless one row takes more */

/* A weight in a tensor. */
struct lie { const struct tl_want *want; struct tl_matrix at; };

struct reading {
    const struct tl_conversion *c;
    const struct tl_entry *entry;
    uint64_t row_bytes;                  /* of a row in the entry's format */
    struct lie lies[2];
    int n_lies;
};

/* Where a row of a tensor is from. left: so many rows go on like that. */
struct origin { uint32_t matrix; uint64_t row, left; };

static uint64_t min64(uint64_t a, uint64_t b) { return a < b ? a : b; }

static const struct tl_convert_part *part_of(const struct tl_conversion *c, enum tl_role role, uint32_t layer)
{
    return &c->parts[c->part_of[tl_convert_slot(c, role, layer)]];
}

static void add_lie(struct reading *r, const struct tl_want *want, unsigned layout)
{
    struct lie *lie = &r->lies[r->n_lies++];
    *lie = (struct lie){.want = want};
    tl_bind_lay_out(&r->c->to, want, layout, &lie->at);
}

static void begin(struct reading *r, const struct tl_conversion *c, const struct tl_entry *entry)
{
    char text[TL_NAME_BYTES];
    *r = (struct reading){.c = c, .entry = entry};
    enum tl_role other = tl_convert_partner(entry);
    add_lie(r, &entry->listed->want, entry->layout);
    uint32_t listed = other < TL_ROLES ? c->listed_of[tl_convert_slot(c, other, entry->listed->want.layer)] : TL_NO_PART;
    if (listed == TL_NO_PART)
        return;
    const struct tl_want *want = &c->listing.tensors[listed].want;
    unsigned layout = tl_name_layout(&c->to, tl_name_write(&c->to, other, want->layer, 0, text));
    add_lie(r, want, layout & (entry->layout | ~(unsigned)TL_LAYOUT_TRANSPOSED));
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

/* Rows of a weight of the source that are there, for rows of the file. */
struct span {
    const struct reading *r;
    const struct tl_want *want;
    const struct tl_convert_part *part;
    uint32_t matrix;
    uint64_t from;                       /* of the file's rows the first */
    uint64_t low, row_bytes;             /* of the source's rows: the first that is there; of each */
    const uint8_t *rows;
    float *values;                       /* [threads][2][cols] */
    uint8_t *ret_rows;
};

/* The source's row of the file's row from + i. */
static uint64_t row_of(const struct span *s, uint64_t i)
{
    return tl_across_row(&s->r->c->to, &s->r->c->from, s->want->role, s->from + i).row;
}

static const uint8_t *bytes_of(const struct span *s, uint64_t row) { return s->rows + (row - s->low) * s->row_bytes; }

/* As blocks of another format that say the same. */
static int restate_rows(const struct span *s, uint64_t n)
{
    const struct tl_number *number = s->part->number;
    for (uint64_t i = 0; i < n; i++)
        if (number->restated->restate(bytes_of(s, row_of(s, i)), s->want->cols, s->ret_rows + i * s->r->row_bytes) != s->want->cols)
            return tl_fail(TL_E_FILE, "%s: %s, matrix %" PRIu32 ": its scales changed while it was read", tl_modelfile_path(s->r->c->source),
                           s->r->entry->name, s->matrix);
    return 0;
}

static void convert_row(const struct span *s, const uint8_t *from, float *values, uint8_t *ret_row)
{
    const struct tl_conversion *c = s->r->c;
    const struct tl_number *number = s->r->entry->number;
    uint32_t cols = s->want->cols;
    bool turns = tl_across_turns_cols(&c->to, &c->from, s->want->role);
    if (s->part->number == number && !turns) {
        memcpy(ret_row, from, s->r->row_bytes);
        return;
    }
    tl_number_decode(s->part->number, from, cols, values);
    for (uint32_t i = 0; i < cols && turns; i++)
        values[cols + i] = values[tl_across_col(&c->to, &c->from, s->want->role, i)];
    number->encode(turns ? values + cols : values, cols, ret_row);
}

static void convert_piece(void *context, uint32_t piece, uint32_t thread)
{
    const struct span *s = context;
    float *values = s->values + 2 * (uint64_t)thread * s->want->cols;
    convert_row(s, bytes_of(s, row_of(s, piece)), values, s->ret_rows + piece * s->r->row_bytes);
}

/* Rows of no whole blocks are read with the whole matrix. */
static int read_partial(const struct reading *r, const struct tl_want *want, const struct tl_convert_part *part, uint32_t matrix, uint64_t from,
                        uint64_t n, uint8_t *ret_rows)
{
    TL_AUTO float *values = tl_alloc((uint64_t)want->rows * want->cols, sizeof(float));
    int status = values ? tl_store_values(r->c->store, part->id, matrix, values) : TL_E_NOMEM;
    for (uint64_t i = 0; i < n && status >= 0; i++) {
        uint64_t row = tl_across_row(&r->c->to, &r->c->from, want->role, from + i).row;
        r->entry->number->encode(values + row * want->cols, want->cols, ret_rows + i * r->row_bytes);
    }
    return status;
}

/* Rows of a weight of the file whose origin is one weight of the source, whatever their order there. */
static int read_span(const struct reading *r, const struct tl_want *want, uint32_t matrix, uint64_t from, uint64_t n, uint8_t *ret_rows)
{
    const struct tl_conversion *c = r->c;
    struct tl_across at = tl_across_row(&c->to, &c->from, want->role, from);
    const struct tl_convert_part *part = part_of(c, at.role, want->layer);
    uint64_t low = at.row, high = at.row, bytes;
    for (uint64_t i = 1; i < n; i++) {
        uint64_t row = tl_across_row(&c->to, &c->from, want->role, from + i).row;
        low = row < low ? row : low;
        high = row > high ? row : high;
    }
    if (!tl_number_bytes(part->number, want->cols, &bytes))
        return read_partial(r, want, part, matrix, from, n, ret_rows);
    if (n > 1 && (high - low + 1) * bytes > SPAN_BYTES) {
        int status = read_span(r, want, matrix, from, n / 2, ret_rows);
        return status < 0 ? status : read_span(r, want, matrix, from + n / 2, n - n / 2, ret_rows + n / 2 * r->row_bytes);
    }
    TL_AUTO uint8_t *rows = tl_alloc(high - low + 1, bytes);
    TL_AUTO float *values = tl_alloc(tl_pool_threads(c->pool), 2 * want->cols * sizeof(float));
    if (!rows || !values)
        return TL_E_NOMEM;
    struct span span = {.r = r, .want = want, .part = part, .matrix = matrix, .from = from, .low = low, .row_bytes = bytes, .rows = rows, .values = values,
                        .ret_rows = ret_rows};
    int status = tl_store_stored_rows(c->store, part->id, matrix, (uint32_t)low, (uint32_t)(high - low + 1), rows);
    if (status >= 0 && part->number != r->entry->number && tl_number_says(r->entry->number, part->number) && part->number->restated->restate)
        return restate_rows(&span, n);
    if (status >= 0)
        tl_pool_run(c->pool, (uint32_t)n, convert_piece, &span);
    return status;
}

static int read_rows(const struct reading *r, const struct tl_want *want, const struct origin *from, uint8_t *ret_rows)
{
    const struct tl_conversion *c = r->c;
    int status = 0;
    for (uint64_t i = 0, n; i < from->left && status >= 0; i += n) {
        enum tl_role role = tl_across_row(&c->to, &c->from, want->role, from->row + i).role;
        for (n = 1; i + n < from->left && tl_across_row(&c->to, &c->from, want->role, from->row + i + n).role == role;)
            n++;
        status = read_span(r, want, from->matrix, from->row + i, n, ret_rows + i * r->row_bytes);
    }
    return status;
}

/* Lines of a matrix whose columns are outermost, from line `first` on: what this weight has in them. */
static int fill_lines(const struct reading *r, const struct lie *lie, uint32_t matrix, uint64_t first, uint64_t n, uint64_t line, float *ret_lines)
{
    const struct tl_want *want = lie->want;
    TL_AUTO float *values = tl_alloc((uint64_t)want->rows * want->cols, sizeof(float));
    int status = values ? tl_store_values(r->c->store, part_of(r->c, want->role, want->layer)->id, matrix, values) : TL_E_NOMEM;
    for (uint64_t k = 0; k < n && status >= 0; k++)
        for (uint64_t row = 0; row < want->rows; row++)
            ret_lines[k * line + lie->at.first_row + row * lie->at.row_step] = values[row * want->cols + first + k];
    return status;
}

static int read_lines(const struct reading *r, const struct origin *from, uint8_t *ret_rows)
{
    const struct tl_entry *entry = r->entry;
    uint64_t line = entry->shape[entry->n_dims - 1];
    TL_AUTO float *lines = tl_alloc(from->left, line * sizeof(float));
    int status = lines ? 0 : TL_E_NOMEM;
    for (int i = 0; i < r->n_lies && status >= 0; i++)
        if (r->lies[i].at.transposed)
            status = fill_lines(r, &r->lies[i], from->matrix, from->row, from->left, line, lines);
    if (status >= 0)
        entry->number->encode(lines, from->left * line, ret_rows);
    return status;
}

static bool find_origin(const struct reading *r, const struct lie *lie, uint64_t row, struct origin *ret)
{
    const struct tl_matrix *at = &lie->at;
    uint64_t count = lie->want->count && !r->entry->single ? lie->want->count : 1, rows = lie->want->rows;
    if (at->transposed) {
        uint64_t lines = r->entry->n_elems / r->entry->shape[r->entry->n_dims - 1] / count;
        *ret = (struct origin){(uint32_t)(row / lines), row % lines, lie->want->cols - row % lines};
        return row % lines < lie->want->cols;
    }
    if (row < at->first_row)
        return false;
    uint64_t matrix = (row - at->first_row) / at->matrix_step, in = (row - at->first_row) % at->matrix_step;
    *ret = (struct origin){(uint32_t)(r->entry->single ? r->entry->expert : matrix), in / at->row_step, at->row_step == 1 ? rows - in : 1};
    return matrix < count && in % at->row_step == 0 && in / at->row_step < rows;
}

/* Rows [from, from + n) of the tensor, in the entry's format. */
static int read_tensor_rows(const struct reading *r, uint64_t from, uint64_t n, uint8_t *ret_rows)
{
    int status = 0;
    for (uint64_t i = 0; i < n && status >= 0;) {
        struct origin origin;
        const struct lie *lie = &r->lies[0];
        if (!find_origin(r, lie, from + i, &origin) && (r->n_lies < 2 || !find_origin(r, lie = &r->lies[1], from + i, &origin)))
            return tl_fail(TL_E_FAIL, "%s: nothing lies in its row %llu", r->entry->name, (unsigned long long)(from + i));
        origin.left = min64(origin.left, n - i);
        status = lie->at.transposed ? read_lines(r, &origin, ret_rows + i * r->row_bytes)
                                    : read_rows(r, lie->want, &origin, ret_rows + i * r->row_bytes);
        i += origin.left;
    }
    return status;
}

/* --- vectors ------------------------------------------------------------------------------------------------------ */

static int place_vector(const struct reading *r, const struct lie *lie, float *ret_elems)
{
    const struct tl_conversion *c = r->c;
    const struct tl_want *want = lie->want;
    uint64_t count = want->count ? want->count : 1, cols = want->cols;
    TL_AUTO float *values = tl_alloc(count * cols, sizeof(float));
    int status = values ? tl_store_values(c->store, part_of(c, want->role, want->layer)->id, 0, values) : TL_E_NOMEM;
    for (uint64_t i = 0; i < count && status >= 0; i++)
        for (uint64_t k = 0; k < cols; k++)
            ret_elems[i * lie->at.matrix_step + lie->at.first_row + k * lie->at.row_step] =
                tl_across_value(&c->to, &c->from, want->role, values[i * cols + tl_across_row(&c->to, &c->from, want->role, k).row], want->add);
    return status;
}

static int read_vector(const struct reading *r, uint64_t offset, uint8_t *ret_bytes, size_t n_bytes)
{
    const struct tl_entry *entry = r->entry;
    TL_AUTO float *elems = tl_alloc(entry->n_elems, sizeof(float));
    TL_AUTO uint8_t *stored = tl_alloc(entry->n_bytes, 1);
    int status = elems && stored ? 0 : TL_E_NOMEM;
    for (int i = 0; i < r->n_lies && status >= 0; i++)
        status = place_vector(r, &r->lies[i], elems);
    if (status < 0)
        return status;
    entry->number->encode(elems, entry->n_elems, stored);
    memcpy(ret_bytes, stored + offset, n_bytes);
    return 0;
}

/* ------------------------------------------------------------------------------------------------------------------ */

/* Codes or scales of rows that hold both. */
static int read_apart(struct reading *r, uint64_t from, uint64_t n, uint8_t *ret_rows)
{
    uint64_t cols = r->entry->listed->want.cols, codes_bytes = cols * r->entry->number->apart->code_bits / 8;
    uint64_t scales_bytes = cols / r->entry->number->apart->cols;
    TL_AUTO uint8_t *blocks = tl_alloc(n, r->row_bytes), *rest = tl_alloc(1, codes_bytes + scales_bytes);
    int status = blocks && rest ? read_tensor_rows(r, from, n, blocks) : TL_E_NOMEM;
    for (uint64_t i = 0; i < n && status >= 0; i++) {
        bool codes = r->entry->kind == TL_ENTRY_CODES;
        r->entry->number->apart->split(blocks + i * r->row_bytes, cols, codes ? ret_rows + i * codes_bytes : rest,
                                       codes ? rest : ret_rows + i * scales_bytes);
    }
    return status;
}

/* A span of rows, whole matrices where columns are outermost, and the values of a row a thread. */
uint64_t tl_conversion_bytes(const struct tl_conversion *c)
{
    uint64_t most = 0, cols = 0;
    for (uint64_t i = 0; i < c->entries.n; i++) {
        const struct tl_entry *entry = &c->entries.entry[i];
        const struct tl_want *want = entry->kind == TL_ENTRY_GIVEN ? NULL : &entry->listed->want;
        uint64_t bytes = want && entry->layout & TL_LAYOUT_TRANSPOSED ? 2 * (uint64_t)want->rows * want->cols * sizeof(float) : 0;
        most = bytes > most ? bytes : most;
        cols = want && want->cols > cols ? want->cols : cols;
    }
    return SPAN_BYTES + most + 2 * tl_pool_threads(c->pool) * cols * sizeof(float);
}

/* Whole rows, of which the first and the last may be wanted in part only. */
int tl_convert_read(void *conversion, uint64_t index, uint64_t offset, void *ret_bytes, size_t n_bytes)
{
    const struct tl_conversion *c = conversion;
    const struct tl_entry *entry = &c->entries.entry[index];
    struct reading r;
    if (entry->kind == TL_ENTRY_GIVEN) {
        memcpy(ret_bytes, (const uint8_t *)entry->given + offset, n_bytes);
        return 0;
    }
    begin(&r, c, entry);
    if (!entry->listed->want.rows)
        return read_vector(&r, offset, ret_bytes, n_bytes);
    bool whole = entry->kind == TL_ENTRY_WHOLE;
    uint64_t cols = whole ? entry->shape[entry->n_dims - 1] : entry->listed->want.cols;
    if (n_bytes == 0 || !tl_number_bytes(entry->number, cols, &r.row_bytes))
        return 0;
    uint64_t stored = whole ? r.row_bytes : entry->kind == TL_ENTRY_CODES ? cols * entry->number->apart->code_bits / 8 : cols / entry->number->apart->cols;
    uint64_t first = offset / stored, n = (offset + n_bytes + stored - 1) / stored - first;
    bool aligned = offset % stored == 0 && n * stored == n_bytes;
    TL_AUTO uint8_t *own = aligned ? NULL : tl_alloc(n, stored);
    uint8_t *rows = aligned ? ret_bytes : own;
    if (!rows)
        return TL_E_NOMEM;
    int status = whole ? read_tensor_rows(&r, first, n, rows) : read_apart(&r, first, n, rows);
    if (status >= 0 && !aligned)
        memcpy(ret_bytes, rows + offset % stored, n_bytes);
    return status;
}
