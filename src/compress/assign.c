/* SPDX-License-Identifier: MIT */
/* The assignment: losses measured, then lambda found. A tensor's choices are its candidates with whole blocks in its rows. */
#include "compress/assign.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "compress/scheme.h"

enum { CHOICES = 32, SAMPLED_ROWS = 32, BISECTIONS = 100, LARGE_PART = 8, ADDED_BYTES = 1024, LINE_BYTES = 48 };
static const double dearest = 1e30;      /* price of a byte at which size is all that counts */

static const struct { enum tl_number_id id; bool needs_importance; } candidates[] = {
#define CANDIDATE(format, needs) {TL_NUMBER_##format, needs},
#define WEIGHT(role, weight, times)
#include "compress/assign.def"
#undef CANDIDATE
#undef WEIGHT
};
_Static_assert(TL_COUNT(candidates) < CHOICES, "the candidates and its own have room");

static const struct { double weight; bool by_layers; } weight_of[TL_ROLES + 1] = {
#define CANDIDATE(format, needs)
#define WEIGHT(role, weight, times) [TL_R_##role] = {weight, times},
#include "compress/assign.def"
#undef CANDIDATE
#undef WEIGHT
};

struct open_tensor {                     /* one whose format is open */
    uint64_t index, n_elems;
    uint32_t n_choices, chosen;
    const struct tl_number *number[CHOICES];
    uint64_t n_bytes[CHOICES];
    double loss[CHOICES];
};

struct assigning {
    const struct tl_assign *how;
    struct open_tensor *open;
    uint64_t n_open, fixed_bytes;
    uint64_t n_elems;                    /* of all that is written */
    const struct open_tensor *pinned;    /* keeps what is chosen; NULL: none does */
    /* of the tensor that is measured */
    const struct tl_tensor *tensor;
    uint64_t cols;
    uint32_t n_rows;
    float *values;                       /* [rows][cols] */
    const float *weights[SAMPLED_ROWS];
    uint8_t *stored;                     /* [threads][bytes of a row in the widest format] */
    float *back;                         /* [threads][cols] */
    const struct open_tensor *at;
    double error[CHOICES * SAMPLED_ROWS];
};

/* --- measuring ------------------------------------------------------------------------------------------------------------ */

static int sample(struct assigning *a)
{
    const struct tl_tensor *t = a->tensor;
    uint64_t rows = t->n_elems / a->cols, row_bytes = t->n_bytes / rows, matrix_rows = t->n_dims > 2 ? rows / t->shape[0] : rows;
    TL_AUTO uint8_t *row = tl_alloc(row_bytes, 1);
    int r = row ? 0 : TL_E_NOMEM;
    a->n_rows = rows < SAMPLED_ROWS ? (uint32_t)rows : SAMPLED_ROWS;
    for (uint32_t i = 0; i < a->n_rows && r >= 0; i++) {
        uint64_t which = (2 * (uint64_t)i + 1) * rows / (2 * a->n_rows);
        r = tl_modelfile_read(a->how->file, t, which * row_bytes, row, row_bytes);
        if (r >= 0)
            tl_number_decode(t->number, row, a->cols, a->values + i * a->cols);
        a->weights[i] = a->how->importance ? tl_importance_of(a->how->importance, t, which / matrix_rows) : NULL;
    }
    return r;
}

static void measure_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct assigning *a = context;
    const struct tl_number *number = a->at->number[piece / a->n_rows];
    uint32_t i = piece % a->n_rows;
    const float *values = a->values + i * a->cols, *weights = a->weights[i];
    float *back = a->back + thread * a->cols;
    uint8_t *stored = a->stored + thread * a->cols * sizeof(float);
    double error = 0;
    a->error[piece] = 0;
    if (number == a->tensor->number)
        return;
    tl_number_fit(number, values, weights, a->cols, stored);
    tl_number_decode(number, stored, a->cols, back);
    for (uint64_t c = 0; c < a->cols; c++) {
        double off = (double)back[c] - (double)values[c];
        error += (weights ? (double)weights[c] : 1) * off * off;
    }
    a->error[piece] = error;
}

static double power_of(const struct assigning *a)
{
    double power = 0;
    for (uint32_t i = 0; i < a->n_rows; i++)
        for (uint64_t c = 0; c < a->cols; c++) {
            double value = (double)a->values[i * a->cols + c];
            power += (a->weights[i] ? (double)a->weights[i][c] : 1) * value * value;
        }
    return power;
}

static double weight_in(const struct tl_assign *how, const struct tl_place *place)
{
    double weight = weight_of[place->role].weight > 0 ? weight_of[place->role].weight : 1;
    return weight_of[place->role].by_layers ? weight * how->n_layers : weight;
}

static int measure(struct assigning *a, struct open_tensor *open)
{
    uint32_t threads = tl_pool_threads(a->how->pool);
    a->tensor = tl_modelfile_tensor(a->how->file, open->index);
    a->cols = a->tensor->shape[a->tensor->n_dims - 1];
    a->at = open;
    TL_AUTO float *values = tl_alloc(SAMPLED_ROWS * a->cols, sizeof(float)), *back = tl_alloc(threads * a->cols, sizeof(float));
    TL_AUTO uint8_t *stored = tl_alloc(threads * a->cols, sizeof(float));
    int r = values && back && stored ? 0 : TL_E_NOMEM;
    a->values = values;
    a->back = back;
    a->stored = stored;
    if (r >= 0)
        r = sample(a);
    if (r < 0)
        return r;
    tl_pool_run(a->how->pool, open->n_choices * a->n_rows, measure_piece, a);
    double power = power_of(a), weight = weight_in(a->how, &a->how->places[open->index]);
    for (uint32_t k = 0; k < open->n_choices; k++) {
        double error = 0;
        for (uint32_t i = 0; i < a->n_rows; i++)
            error += a->error[k * a->n_rows + i];
        open->loss[k] = power > 0 ? weight * error / power : 0;
    }
    return 0;
}

uint64_t tl_assign_bytes(const struct tl_modelfile *file, uint32_t threads)
{
    uint64_t cols = 0, row_bytes = 0, n = tl_modelfile_tensors(file);
    for (uint64_t i = 0; i < n; i++) {
        const struct tl_tensor *t = tl_modelfile_tensor(file, i);
        if (t->n_dims < 2 || !t->n_elems)
            continue;
        uint64_t width = t->shape[t->n_dims - 1], bytes = t->n_bytes / (t->n_elems / width);
        cols = width > cols ? width : cols;
        row_bytes = bytes > row_bytes ? bytes : row_bytes;
    }
    return sizeof(struct assigning) + n * sizeof(struct open_tensor) + row_bytes + (SAMPLED_ROWS + 2 * (uint64_t)threads) * cols * sizeof(float);
}

/* --- choices -------------------------------------------------------------------------------------------------------------- */

static void add_choice(const struct tl_tensor *tensor, const struct tl_number *number, struct open_tensor *open)
{
    uint64_t n_bytes;
    if (tensor->shape[tensor->n_dims - 1] % number->block_elems || !tl_number_bytes(number, open->n_elems, &n_bytes))
        return;
    open->number[open->n_choices] = number;
    open->n_bytes[open->n_choices++] = n_bytes;
}

/* Its own first: of those that lose as little the first is taken. */
static void list_choices(const struct assigning *a, const struct tl_tensor *tensor, struct open_tensor *open)
{
    add_choice(tensor, tensor->number, open);
    for (size_t i = 0; i < TL_COUNT(candidates); i++)
        if (candidates[i].id != tensor->number->id && (a->how->importance || !candidates[i].needs_importance))
            add_choice(tensor, tl_number(candidates[i].id), open);
}

/* Of what is written of a tensor whose format does not change. */
static uint64_t bytes_of(const struct tl_tensor *tensor, uint64_t n_elems)
{
    return tensor->n_elems ? (uint64_t)((unsigned __int128)tensor->n_bytes * n_elems / tensor->n_elems) : 0;
}

static int list_open(struct assigning *a, const struct tl_number *const *numbers)
{
    uint64_t n = tl_modelfile_tensors(a->how->file);
    a->open = tl_alloc(n + 1, sizeof(*a->open));
    for (uint64_t i = 0; i < n && a->open; i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(a->how->file, i);
        struct open_tensor *open = &a->open[a->n_open];
        bool kept = numbers[i] || !tl_place_rounds(&a->how->places[i], tensor) || (!a->how->force && a->how->places[i].native);
        uint64_t n_bytes = bytes_of(tensor, a->how->n_elems[i]);
        *open = (struct open_tensor){.index = i, .n_elems = a->how->n_elems[i]};
        a->n_elems += open->n_elems;
        if (!kept && open->n_elems)
            list_choices(a, tensor, open);
        if (numbers[i])
            (void)tl_number_bytes(numbers[i], open->n_elems, &n_bytes);
        if (open->n_choices)
            a->n_open++;
        else
            a->fixed_bytes += n_bytes;
    }
    return a->open ? 0 : TL_E_NOMEM;
}

/* --- lambda --------------------------------------------------------------------------------------------------------------- */

/* The best choice of each at this price of a byte; bytes of all. */
static uint64_t choose(struct assigning *a, double price)
{
    uint64_t sum = a->fixed_bytes;
    for (uint64_t i = 0; i < a->n_open; i++) {
        struct open_tensor *open = &a->open[i];
        double least = INFINITY;
        for (uint32_t k = 0; k < open->n_choices && open != a->pinned; k++) {
            double cost = open->loss[k] + price * (double)open->n_bytes[k];
            open->chosen = cost < least ? k : open->chosen;
            least = cost < least ? cost : least;
        }
        sum += open->n_bytes[open->chosen];
    }
    return sum;
}

/* What is left of the room goes where a byte takes most off the loss. */
static void fill(struct assigning *a, uint64_t room)
{
    for (;;) {
        struct open_tensor *best = NULL;
        uint32_t to = 0;
        double most = 0;
        for (uint64_t i = 0; i < a->n_open; i++) {
            struct open_tensor *open = &a->open[i];
            for (uint32_t k = 0; k < open->n_choices && open != a->pinned; k++) {
                uint64_t now = open->n_bytes[open->chosen], then = open->n_bytes[k];
                double gain = open->loss[open->chosen] - open->loss[k];
                if (then > now && then - now <= room && gain > most * (double)(then - now)) {
                    most = gain / (double)(then - now);
                    best = open;
                    to = k;
                }
            }
        }
        if (!best)
            return;
        room -= best->n_bytes[to] - best->n_bytes[best->chosen];
        best->chosen = to;
    }
}

/* What a file has besides tensors: what there is around them, and the scheme at its longest. */
static uint64_t around(const struct assigning *a)
{
    const struct tl_modelfile *file = a->how->file;
    uint64_t sum = a->how->around_bytes + ADDED_BYTES;
    for (uint64_t i = 0; i < tl_modelfile_tensors(file); i++)
        sum += strlen(tl_modelfile_tensor(file, i)->name) + LINE_BYTES;
    return sum;
}

/* Bytes that tensors may take. */
static uint64_t room_for(const struct assigning *a)
{
    if (a->how->bits > 0)
        return (uint64_t)(a->how->bits * (double)a->n_elems / 8);
    return a->how->size_bytes > around(a) ? a->how->size_bytes - around(a) : 0;
}

/* The best choices within the room; the sum of their losses, INFINITY where none fit. */
static double share_out(struct assigning *a, uint64_t room)
{
    uint64_t least = choose(a, dearest), most = choose(a, 0);
    double low = 0, high = dearest, loss = 0;
    if (least > room)
        return INFINITY;
    for (int i = 0; i < BISECTIONS && most > room; i++) {
        double middle = low > 0 ? sqrt(low * high) : high * 1e-30;
        if (choose(a, middle) > room)
            low = middle;
        else
            high = middle;
        if (low == 0 && middle < 1e-40)
            break;
    }
    fill(a, room - choose(a, most > room ? high : 0));
    for (uint64_t i = 0; i < a->n_open; i++)
        loss += a->open[i].loss[a->open[i].chosen];
    return loss;
}

/* A price of a byte leaves room unused where a matrix is a large part of the model: each format of such a one is tried, and the
 * others share what it leaves. */
static void try_large(struct assigning *a, uint64_t room, struct open_tensor *open)
{
    double best = share_out(a, room);
    uint32_t chosen = open->chosen;
    a->pinned = open;
    for (uint32_t k = 0; k < open->n_choices; k++) {
        open->chosen = k;
        double loss = share_out(a, room);
        chosen = loss < best ? k : chosen;
        best = loss < best ? loss : best;
    }
    open->chosen = chosen;
    (void)share_out(a, room);
}

static int refuse(struct assigning *a)
{
    const char *path = tl_modelfile_path(a->how->file), *more = a->how->importance ? "" : "; with --importance formats of fewer bits may be used";
    uint64_t least = choose(a, dearest);
    if (a->how->bits > 0)
        return tl_fail(TL_E_USAGE, "%s: %.4g bits a weight are too few: the least that the formats give is %.2f%s", path, a->how->bits,
                       ceil(800 * (double)least / (double)a->n_elems) / 100, more);
    return tl_fail(TL_E_USAGE, "%s: %" PRIu64 " bytes are too few: the least that the formats give is %" PRIu64 "%s", path, a->how->size_bytes,
                   least + around(a), more);
}

static int solve(struct assigning *a)
{
    uint64_t room = room_for(a), elems = 0;
    struct open_tensor *largest = NULL;
    for (uint64_t i = 0; i < a->n_open; i++) {
        elems += a->open[i].n_elems;
        if (!largest || a->open[i].n_elems > largest->n_elems)
            largest = &a->open[i];
    }
    if (share_out(a, room) == INFINITY)
        return refuse(a);
    if (largest && largest->n_elems > elems / LARGE_PART)
        try_large(a, room, largest);
    return 0;
}

int tl_assign(const struct tl_assign *how, const struct tl_number **numbers)
{
    struct assigning *a = tl_alloc(1, sizeof(*a));
    int r = a ? 0 : TL_E_NOMEM;
    if (r >= 0) {
        a->how = how;
        r = list_open(a, numbers);
    }
    if (r >= 0)
        r = tl_progress_begin(how->progress, "measuring formats", 0, a->n_open, "matrices");
    for (uint64_t i = 0; r >= 0 && i < a->n_open; i++) {
        r = measure(a, &a->open[i]);
        if (r >= 0)
            r = tl_progress_move(how->progress, i + 1);
    }
    if (r >= 0)
        r = solve(a);
    for (uint64_t i = 0; r >= 0 && i < a->n_open; i++)
        numbers[a->open[i].index] = a->open[i].number[a->open[i].chosen];
    if (a)
        tl_free(a->open);
    tl_free(a);
    return r;
}
