/* SPDX-License-Identifier: MIT */
/* Schemes: lines that say which tensor gets which format, and what tensors they are about: by part of the model, by layer
 * or by name. Which part a tensor is of follows from the names that its architecture gives to roles. */
#include "compress/scheme.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parse.h"

enum { WHAT_BYTES = 160, RANGES = 16, LAYER_DIGITS = 6, MAX_LINES = 4096 };

struct line {
    char what[WHAT_BYTES];
    int part;                            /* of parts.def; TL_PARTS: a pattern of names */
    int64_t range[RANGES][2];            /* first and last; negative: from the end */
    uint32_t n_ranges;                   /* 0: all layers, and what is in none */
    const struct tl_number *number;      /* NULL: as it is */
    uint32_t at;                         /* of the text */
};

struct tl_scheme {
    struct line *lines;
    uint64_t n_lines, cap;
    char where[128];
};

void tl_scheme_free(struct tl_scheme *scheme)
{
    if (scheme)
        tl_free(scheme->lines);
    tl_free(scheme);
}

/* --- lines ---------------------------------------------------------------------------------------------------------------- */

static int part_of_name(const char *name)
{
    for (int p = 0; p < TL_PARTS; p++)
        if (strcmp(tl_weight_parts[p].name, name) == 0)
            return p;
    return TL_PARTS;
}

static bool take_number(const char **at, int64_t *ret)
{
    size_t sign = **at == '-', digits = strspn(*at + sign, "0123456789");
    if (digits == 0 || digits > LAYER_DIGITS)
        return false;
    *ret = strtol(*at, NULL, 10);
    *at += sign + digits;
    return true;
}

/* "0-3,-1" */
static int read_layers(const struct tl_scheme *scheme, struct line *line, const char *text)
{
    const char *at = text;
    do {
        int64_t *range = line->range[line->n_ranges];
        if (line->n_ranges == RANGES || !take_number(&at, &range[0]))
            return tl_fail(TL_E_USAGE, "%s:%u: layers \"%.40s\": expected numbers and ranges such as 0-3,-1", scheme->where, line->at, text);
        range[1] = range[0];
        if (*at == '-' && (at++, !take_number(&at, &range[1])))
            return tl_fail(TL_E_USAGE, "%s:%u: layers \"%.40s\": a range has a first and a last", scheme->where, line->at, text);
        line->n_ranges++;
    } while (*at++ == ',');
    return at[-1] ? tl_fail(TL_E_USAGE, "%s:%u: layers \"%.40s\": expected numbers and ranges such as 0-3,-1", scheme->where, line->at, text) : 0;
}

static int read_line(struct tl_scheme *scheme, char *words[3], uint32_t n_words, uint32_t at)
{
    const char *format = words[n_words - 1];
    struct line line = {.at = at, .number = tl_number_by_name(format)};
    snprintf(line.what, sizeof(line.what), "%s", n_words == 1 ? "*" : words[0]);
    line.part = part_of_name(line.what);
    if (!line.number && strcmp(format, "keep") != 0)
        return tl_fail(TL_E_USAGE, "%s:%u: \"%.40s\" is no number format, and not \"keep\"", scheme->where, at, format);
    if (line.part == TL_PARTS && !strpbrk(line.what, "*?."))
        return tl_fail(TL_E_USAGE, "%s:%u: \"%.40s\" is no part of a model (attention, experts, head ...) and no name of a tensor", scheme->where, at, line.what);
    int r = n_words == 3 ? read_layers(scheme, &line, words[1]) : 0;
    if (r >= 0)
        r = scheme->n_lines == MAX_LINES ? tl_fail(TL_E_USAGE, "%s: more than %d lines", scheme->where, MAX_LINES)
                                         : tl_grow((void **)&scheme->lines, scheme->n_lines, &scheme->cap, sizeof(line));
    if (r >= 0)
        scheme->lines[scheme->n_lines++] = line;
    return r;
}

static int split_line(struct tl_scheme *scheme, char *text, uint32_t at)
{
    char *words[3], *rest = NULL;
    uint32_t n = 0;
    text[strcspn(text, "#")] = 0;
    for (char *word = strtok_r(text, " \t\r", &rest); word; word = strtok_r(NULL, " \t\r", &rest)) {
        if (n == 3 || strlen(word) >= WHAT_BYTES)
            return tl_fail(TL_E_USAGE, "%s:%u: expected WHAT [LAYERS] FORMAT", scheme->where, at);
        words[n++] = word;
    }
    return n ? read_line(scheme, words, n, at) : 0;
}

static int read_lines(struct tl_scheme *scheme, char *text)
{
    uint32_t at = 0;
    int r = 0;
    for (char *line = text, *end; line && r >= 0; line = end) {
        end = strchr(line, '\n');
        if (end)
            *end++ = 0;
        r = split_line(scheme, line, ++at);
    }
    return r < 0 || scheme->n_lines ? r : tl_fail(TL_E_USAGE, "%s: no line says a format", scheme->where);
}

int tl_scheme_new(const char *where, const char *text, size_t n_bytes, struct tl_scheme **ret_scheme)
{
    struct tl_scheme *scheme = tl_alloc(1, sizeof(*scheme));
    TL_AUTO char *copy = tl_alloc(n_bytes + 1, 1);
    int r = scheme && copy ? 0 : TL_E_NOMEM;
    if (r >= 0) {
        memcpy(copy, text, n_bytes);
        snprintf(scheme->where, sizeof(scheme->where), "%s", where);
        r = memchr(text, 0, n_bytes) ? tl_fail(TL_E_USAGE, "%s: a byte is zero: no text", where) : read_lines(scheme, copy);
    }
    if (r < 0) {
        tl_scheme_free(scheme);
        return r;
    }
    *ret_scheme = scheme;
    return 0;
}

/* --- applying ------------------------------------------------------------------------------------------------------------- */

static bool in_ranges(const struct line *line, int64_t layer, int64_t n_layers)
{
    for (uint32_t i = 0; i < line->n_ranges; i++) {
        int64_t first = line->range[i][0], last = line->range[i][1];
        first += first < 0 ? n_layers : 0;
        last += last < 0 ? n_layers : 0;
        if (layer >= 0 && layer >= first && layer <= last)
            return true;
    }
    return line->n_ranges == 0;
}

static bool matches(const struct line *line, const struct tl_tensor *tensor, const struct tl_place *place, int64_t n_layers)
{
    bool every = strcmp(line->what, "*") == 0;
    if (!in_ranges(line, place->layer, n_layers) || !tensor->number || (every && !tl_place_rounds(place, tensor)))
        return false;
    if (line->part != TL_PARTS)
        return place->part == line->part && tensor->n_dims >= 2 && !place->beside;
    return fnmatch(line->what, tensor->name, 0) == 0;
}

static bool fits(const struct tl_tensor *tensor, const struct tl_number *number)
{
    return tensor->n_dims && tensor->shape[tensor->n_dims - 1] % number->block_elems == 0;
}

const struct tl_number *tl_scheme_fitting(const struct tl_tensor *tensor, const struct tl_number *number)
{
    static const enum tl_number_id instead[TL_NUMBERS] = {
#define FILE_TYPE(format, type)
#define INSTEAD(format, other) [TL_NUMBER_##format] = TL_NUMBER_##other,
#include "compress/schemes.def"
#undef INSTEAD
#undef FILE_TYPE
    };
    if (fits(tensor, number))
        return number;
    number = tl_number(instead[number->id]);
    return number->block_elems > 1 && fits(tensor, number) ? number : tensor->number;
}

static bool is_gguf(const struct tl_modelfile *file) { return tl_modelfile_format(file) == TL_MODELFILE_GGUF; }

static bool stores(const struct tl_modelfile *file, const struct tl_number *number)
{
    return is_gguf(file) ? number->gguf_type >= 0 : number->safetensors != NULL;
}

/* A part may be there and have no matrix, as norms. */
static int fail_match(const struct tl_scheme *scheme, const struct line *line, const struct tl_modelfile *file, const struct tl_place *places)
{
    const char *path = tl_modelfile_path(file);
    for (uint64_t i = 0; i < tl_modelfile_tensors(file) && line->part != TL_PARTS && !line->n_ranges; i++)
        if (places[i].part == line->part)
            return tl_fail(TL_E_USAGE, "%s:%u: \"%s\" are vectors alone, such as %s of %s, which keep their bits unless a line has their name or a pattern of it",
                           scheme->where, line->at, line->what, tl_modelfile_tensor(file, i)->name, path);
    return tl_fail(TL_E_USAGE, "%s:%u: \"%s\" matches no tensor of %s", scheme->where, line->at, line->what, path);
}

int tl_scheme_apply(const struct tl_scheme *scheme, const struct tl_modelfile *file, const struct tl_place *places, uint32_t n_layers,
                    bool force, const struct tl_number **numbers)
{
    for (uint64_t k = 0; k < scheme->n_lines; k++) {
        const struct line *line = &scheme->lines[k];
        bool any = false;
        if (line->number && !stores(file, line->number))
            return tl_fail(TL_E_USAGE, "%s:%u: %s stores no %s%s", scheme->where, line->at, is_gguf(file) ? "GGUF" : "safetensors", line->number->name,
                           is_gguf(file) || line->number->gguf_type < 0 ? "" : ": an output that ends in .gguf does");
        for (uint64_t i = 0; i < tl_modelfile_tensors(file); i++) {
            const struct tl_tensor *tensor = tl_modelfile_tensor(file, i);
            if (!matches(line, tensor, &places[i], n_layers))
                continue;
            any = true;
            if (force || !places[i].native)
                numbers[i] = line->number ? tl_scheme_fitting(tensor, line->number) : tensor->number;
        }
        if (!any)
            return fail_match(scheme, line, file, places);
    }
    return 0;
}

/* --- as text -------------------------------------------------------------------------------------------------------------- */

/* What most of the matrices become; NULL: all stay. */
static const struct tl_number *most_frequent(const struct tl_modelfile *file, const struct tl_place *places, const struct tl_number *const *numbers)
{
    uint64_t elems[TL_NUMBERS] = {0};
    const struct tl_number *most = NULL;
    for (uint64_t i = 0; i < tl_modelfile_tensors(file); i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(file, i);
        if (numbers[i] && tl_place_rounds(&places[i], tensor) && (elems[numbers[i]->id] += tensor->n_elems) && (!most || elems[numbers[i]->id] > elems[most->id]))
            most = numbers[i];
    }
    return most;
}

int tl_scheme_write(const struct tl_modelfile *file, const struct tl_place *places, const struct tl_number *const *numbers, char **ret_text)
{
    const struct tl_number *most = most_frequent(file, places, numbers);
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    tl_buffer_printf(&text, "* %s\n", most ? most->name : "keep");
    for (uint64_t i = 0; i < tl_modelfile_tensors(file); i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(file, i);
        const struct tl_number *said = tensor->number;
        if (most && tl_place_rounds(&places[i], tensor))
            said = tl_scheme_fitting(tensor, most);
        if ((numbers[i] ? numbers[i] : tensor->number) != said)
            tl_buffer_printf(&text, "%s %s\n", tensor->name, numbers[i] ? numbers[i]->name : "keep");
    }
    *ret_text = tl_buffer_take(&text, NULL);
    return *ret_text ? 0 : TL_E_NOMEM;
}
