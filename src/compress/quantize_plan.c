/* SPDX-License-Identifier: MIT */
/* What is written: for each tensor of the input its format, and which of its experts stay. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "compress/assign.h"
#include "compress/place.h"
#include "compress/quantize_impl.h"

enum { TENSOR_BYTES = 64 };              /* of a header, for each tensor, besides its name */

/* Numbers of the experts that are kept, layer after layer. */
static int list_kept(struct tl_quantizing *q)
{
    const struct tl_geometry *g = tl_model_geometry(q->model);
    if (!q->how->keep)
        return 0;
    q->kept = tl_alloc((uint64_t)g->n_layers * g->n_experts, sizeof(*q->kept));
    q->n_kept = tl_alloc(g->n_layers, sizeof(*q->n_kept));
    for (uint32_t layer = 0; layer < g->n_layers && q->kept && q->n_kept; layer++)
        for (uint32_t e = 0; e < g->n_experts; e++)
            if (q->how->keep[(uint64_t)layer * g->n_experts + e])
                q->kept[(uint64_t)layer * g->n_experts + q->n_kept[layer]++] = e;
    return q->kept && q->n_kept ? 0 : TL_E_NOMEM;
}

/* Whose outermost dimension is experts: theirs, and the router's. */
static bool by_expert(const struct tl_geometry *g, const struct tl_tensor *tensor, const struct tl_place *place)
{
    bool of_experts = place->part == TL_PART_EXPERTS || place->part == TL_PART_ROUTER;
    return of_experts && place->expert < 0 && place->layer >= 0 && tensor->n_dims && tensor->shape[0] == g->layer_experts[place->layer];
}

/* An expert that is not kept; and no sweep sees the experts of layers that predict further tokens: of a model that is pruned these
 * layers do not stay. */
static bool goes(const struct tl_quantizing *q, const struct tl_place *place)
{
    const struct tl_geometry *g = tl_model_geometry(q->model);
    if (!q->kept || place->layer < 0)
        return false;
    if (place->layer >= (int64_t)g->n_layers)
        return true;
    return place->expert >= 0 && !q->how->keep[(uint64_t)place->layer * g->n_experts + (uint64_t)place->expert];
}

/* An expert's number is that among those that are kept. */
static int number_anew(const struct tl_quantizing *q, struct tl_output *output, const struct tl_place *place)
{
    const struct tl_geometry *g = tl_model_geometry(q->model);
    const uint8_t *keep = q->how->keep + (uint64_t)place->layer * g->n_experts;
    char name[TL_PLACE_NAME_BYTES];
    uint64_t number = 0, was;
    for (int64_t e = 0; e < place->expert; e++)
        number += keep[e];
    if (!tl_place_rename(output->tensor->name, number, name, &was))
        return tl_fail(TL_E_FILE, "%s: %s: found no number of an expert in it", tl_modelfile_path(q->file), output->tensor->name);
    output->name = tl_strdup(name);
    return output->name ? 0 : TL_E_NOMEM;
}

static int set_output(struct tl_quantizing *q, struct tl_output *output, const struct tl_tensor *tensor, const struct tl_number *number,
                      const struct tl_place *place)
{
    const struct tl_geometry *g = tl_model_geometry(q->model);
    *output = (struct tl_output){.tensor = tensor, .number = number == tensor->number ? NULL : number};
    memcpy(output->shape, tensor->shape, sizeof(output->shape));
    if (q->kept && place->expert >= 0)
        return number_anew(q, output, place);
    if (q->kept && by_expert(g, tensor, place)) {
        if (q->n_kept[place->layer] == 0)
            return tl_fail(TL_E_FILE, "%s: layer %" PRId64 " has experts, of which none are kept: no token was counted there", tl_modelfile_path(q->file), place->layer);
        output->kept = q->kept + (uint64_t)place->layer * g->n_experts;
        output->shape[0] = q->n_kept[place->layer];
    }
    return 0;
}

/* What is written of each tensor. */
static void count_elems(const struct tl_quantizing *q, const struct tl_place *places, uint64_t *ret_elems)
{
    const struct tl_geometry *g = tl_model_geometry(q->model);
    for (uint64_t i = 0; i < tl_modelfile_tensors(q->file); i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(q->file, i);
        const struct tl_place *place = &places[i];
        bool fewer = q->kept && by_expert(g, tensor, place) && place->layer < (int64_t)g->n_layers;
        ret_elems[i] = goes(q, place) ? 0 : fewer ? tensor->n_elems / tensor->shape[0] * q->n_kept[place->layer] : tensor->n_elems;
    }
}

/* Bytes of the metadata and the list of tensors that a conversion makes. */
static int measure_header(const struct tl_quantizing *q, uint64_t *ret_bytes)
{
    struct tl_writer *writer;
    int r = tl_writer_open("/dev/null", TL_MODELFILE_GGUF, &writer);
    if (r < 0)
        return r;
    r = tl_conversion_metadata(q->conversion, q->n_kept, writer);
    if (r >= 0)
        r = tl_writer_size(writer, ret_bytes);
    tl_writer_close(writer);
    for (uint64_t i = 0; i < tl_modelfile_tensors(q->file) && r >= 0; i++)
        *ret_bytes += strlen(tl_modelfile_tensor(q->file, i)->name) + TENSOR_BYTES;
    return r;
}

/* Bytes of the output besides its tensors and its scheme; where nothing is converted as many as the input has, and what is added. */
static int measure_around(const struct tl_quantizing *q, uint64_t *ret_bytes)
{
    uint64_t bytes = tl_modelfile_bytes(q->file);
    for (uint64_t i = 0; i < tl_modelfile_tensors(q->file); i++)
        bytes -= tl_modelfile_tensor(q->file, i)->n_bytes;
    int r = q->conversion ? measure_header(q, &bytes) : 0;
    for (uint32_t layer = 0; q->kept && layer < tl_model_geometry(q->model)->n_layers; layer++)
        bytes += q->n_kept[layer] * sizeof(*q->kept);
    *ret_bytes = bytes;
    return r;
}

static int assign(struct tl_quantizing *q, const struct tl_place *places, const struct tl_number **numbers)
{
    uint64_t around = 0;
    TL_AUTO uint64_t *n_elems = tl_alloc(tl_modelfile_tensors(q->file) + 1, sizeof(*n_elems));
    int r = n_elems ? tl_quantize_afford(q, tl_assign_bytes(q->file, tl_pool_threads(q->pool)), "samples of its rows") : TL_E_NOMEM;
    if (r >= 0)
        r = measure_around(q, &around);
    if (r < 0)
        return r;
    count_elems(q, places, n_elems);
    return tl_assign(&(struct tl_assign){.file = q->file, .places = places, .n_elems = n_elems, .n_layers = tl_model_geometry(q->model)->n_layers,
                                         .importance = q->importance, .pool = q->pool, .bits = q->how->bits,
                                         .size_bytes = q->how->size_bytes, .around_bytes = around, .force = q->how->force, .progress = q->progress},
                     numbers);
}

static int apply_scheme(struct tl_quantizing *q, const struct tl_place *places, const struct tl_number **numbers)
{
    struct tl_scheme *scheme;
    int r = tl_scheme_new(q->how->scheme_name ? q->how->scheme_name : "--to", q->how->scheme, strlen(q->how->scheme), &scheme);
    if (r < 0)
        return r;
    r = tl_scheme_apply(scheme, q->file, places, tl_model_geometry(q->model)->n_layers, q->how->force, numbers);
    tl_scheme_free(scheme);
    return r;
}

static int choose(struct tl_quantizing *q, const struct tl_place *places, const struct tl_number **numbers)
{
    bool within = q->how->bits > 0 || q->how->size_bytes;
    if (within && tl_modelfile_format(q->file) != TL_MODELFILE_GGUF)
        return tl_fail(TL_E_USAGE, "%s: safetensors store f32, f16 and bf16: give one of them with --to instead of a size", tl_modelfile_path(q->file));
    int r = q->how->scheme ? apply_scheme(q, places, numbers) : 0;
    if (r >= 0 && within)
        r = assign(q, places, numbers);
    if (r >= 0 && (q->how->scheme || within))
        r = tl_scheme_write(q->file, places, numbers, &q->scheme);
    return r;
}

int tl_quantize_plan(struct tl_quantizing *q)
{
    uint64_t n = tl_modelfile_tensors(q->file);
    TL_AUTO struct tl_place *places = NULL;
    TL_AUTO const struct tl_number **numbers = tl_alloc(n + 1, sizeof(*numbers));
    q->outputs = tl_alloc(n + 1, sizeof(*q->outputs));
    int r = numbers && q->outputs ? tl_place_all(q->model, q->file, q->conversion, &places) : TL_E_NOMEM;
    if (r >= 0)
        r = list_kept(q);
    if (r >= 0)
        r = choose(q, places, numbers);
    for (uint64_t i = 0; i < n && r >= 0; i++) {
        struct tl_output *output = &q->outputs[q->n_outputs];
        if (goes(q, &places[i]))
            continue;
        q->n_outputs++;
        r = set_output(q, output, tl_modelfile_tensor(q->file, i), numbers[i], &places[i]);
        tl_quantize_note(q, output, &places[i], numbers[i] != NULL);
    }
    if (r >= 0)
        tl_quantize_tell(q);
    return r;
}
