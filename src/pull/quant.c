/* SPDX-License-Identifier: MIT */
/* Names of GGUF files: NAME-Q4_K_M.gguf, NAME.Q4_K_M-00001-of-00003.gguf, Q4_K_M/NAME-00001-of-00003.gguf. */
#include "pull/quant.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/text.h"

static const char *const preferred[] = {
#define QUANT(name) name,
#include "pull/quants.def"
#undef QUANT
};
static const char ending[] = ".gguf";

enum { PART_DIGITS = 5, TAIL = sizeof "-00001-of-00003" - 1, MAX_PARTS = 10000, CHOICES = 24, MAX_MODELS = 2000 };
#define SMALL_BYTES (UINT64_C(1) << 30)      /* up to here Q8_0 is taken: small models lose most by fewer bits, and cost little */

/* --- parts -------------------------------------------------------------------------------------------------------- */

/* "-00001-of-00003" in front of the ending: which part of how many, and how long the name is without it. */
static bool read_part(const char *path, size_t *ret_stem, uint64_t *ret_part, uint64_t *ret_parts)
{
    size_t n = strlen(path) - (sizeof ending - 1);
    const char *tail = n > TAIL ? path + n - TAIL : NULL;
    bool split = tail && tail[0] == '-' && strncmp(tail + 1 + PART_DIGITS, "-of-", 4) == 0 && tl_parse_u64(tail + 1, PART_DIGITS, ret_part) &&
                 tl_parse_u64(tail + TAIL - PART_DIGITS, PART_DIGITS, ret_parts) && *ret_part >= 1 && *ret_part <= *ret_parts && *ret_parts <= MAX_PARTS;
    *ret_stem = split ? n - TAIL : n;
    if (!split)
        *ret_part = *ret_parts = 1;
    return split;
}

static bool is_gguf(const char *path)
{
    return strlen(path) >= sizeof ending && tl_text_ends(path, ending);
}

bool tl_quant_same_model(const char *path, const char *other)
{
    size_t stem, other_stem;
    uint64_t part, parts, other_part, other_parts;
    if (!is_gguf(path) || !is_gguf(other))
        return false;
    bool split = read_part(path, &stem, &part, &parts), other_split = read_part(other, &other_stem, &other_part, &other_parts);
    return split == other_split && stem == other_stem && parts == other_parts && memcmp(path, other, stem) == 0;
}

/* --- labels ------------------------------------------------------------------------------------------------------- */

static bool is_word_char(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* Is this word the name of a number format: Q4_K_M, IQ3_XXS, TQ1_0, BF16, MXFP4_MOE? */
static bool is_format(const char *word, size_t n)
{
    static const char *const plain[] = {"F16", "F32", "BF16", "FP16", "FP32", "MXFP4", "MXFP4_MOE", "NVFP4"};
    for (size_t i = 0; i < TL_COUNT(plain); i++)
        if (strlen(plain[i]) == n && strncasecmp(word, plain[i], n) == 0)
            return true;
    size_t at = n && strchr("iItT", word[0]) ? 1 : 0;
    return at + 3 < n && (word[at] == 'q' || word[at] == 'Q') && isdigit((unsigned char)word[at + 1]) && word[at + 2] == '_';
}

/* The last format in the first n characters, with the "UD-" that marks mixed ones in front. */
static bool find_format(const char *path, size_t n, size_t *ret_from, size_t *ret_bytes)
{
    bool found = false;
    for (size_t from = 0; from < n; from++) {
        size_t m = 0;
        while (from + m < n && is_word_char(path[from + m]))
            m++;
        if (is_format(path + from, m)) {
            bool mixed = from >= 3 && strncasecmp(path + from - 3, "UD-", 3) == 0 && (from == 3 || !is_word_char(path[from - 4]));
            *ret_from = from - (mixed ? 3 : 0);
            *ret_bytes = m + (mixed ? 3 : 0);
            found = true;
        }
        from += m;
    }
    return found;
}

static void set_label(struct tl_quant *row, size_t stem)
{
    const char *slash = memrchr(row->path, '/', stem);
    size_t name = slash ? (size_t)(slash - row->path) + 1 : 0, from, n;
    if (!find_format(row->path + name, stem - name, &from, &n)) {
        if (name && find_format(row->path, name, &from, &n))
            name = 0;
        else
            from = 0, n = stem - name;
    }
    snprintf(row->label, sizeof row->label, "%.*s", n < sizeof row->label ? (int)n : 0, row->path + name + from);
}

/* Files beside models: projectors of pictures, matrices of importance, draft heads. */
static bool is_no_model(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return strncasecmp(name, "mmproj", 6) == 0 || strcasestr(name, "imatrix") || strcasestr(name, "-mmproj");
}

int tl_quant_list_add(struct tl_quant_list *list, const char *path, uint64_t bytes)
{
    size_t stem;
    uint64_t part, parts;
    if (!is_gguf(path) || is_no_model(path))
        return 0;
    read_part(path, &stem, &part, &parts);
    for (uint64_t i = 0; i < list->n; i++) {
        struct tl_quant *row = &list->rows[i];
        if (!tl_quant_same_model(row->path, path))
            continue;
        row->there++;
        row->bytes = bytes > UINT64_MAX - row->bytes ? UINT64_MAX : row->bytes + bytes;
        row->path = strcmp(path, row->path) < 0 ? path : row->path;
        return 0;
    }
    if (list->n == MAX_MODELS)
        return tl_fail(TL_E_FILE, "%s: more than %d GGUF models beside it", path, MAX_MODELS);
    int r = tl_grow((void **)&list->rows, list->n, &list->cap, sizeof *list->rows);
    if (r < 0)
        return r;
    struct tl_quant *row = &list->rows[list->n++];
    *row = (struct tl_quant){.path = path, .bytes = bytes, .parts = (uint32_t)parts, .there = 1};
    set_label(row, stem);
    return 0;
}

void tl_quant_list_done(struct tl_quant_list *list)
{
    tl_free(list->rows);
    *list = (struct tl_quant_list){0};
}

/* --- choosing ----------------------------------------------------------------------------------------------------- */

static const struct tl_quant *find_label(const struct tl_quant_list *list, const char *label)
{
    for (uint64_t i = 0; i < list->n; i++)
        if (strcasecmp(list->rows[i].label, label) == 0)
            return &list->rows[i];
    return NULL;
}

/* "UD-" needs not be said where there is no other, and a file may be called by its name. */
static const struct tl_quant *find_wanted(const struct tl_quant_list *list, const char *wanted)
{
    char mixed[TL_PULL_QUANT_BYTES + 4];
    snprintf(mixed, sizeof mixed, "UD-%s", wanted);
    const struct tl_quant *row = find_label(list, wanted);
    row = row ? row : find_label(list, mixed);
    for (uint64_t i = 0; i < list->n && !row; i++) {
        const char *slash = strrchr(list->rows[i].path, '/');
        row = strcmp(slash ? slash + 1 : list->rows[i].path, wanted) == 0 ? &list->rows[i] : NULL;
    }
    return row;
}

static const struct tl_quant *find_usual(const struct tl_quant_list *list)
{
    const struct tl_quant *row = find_label(list, "Q8_0");
    if (row && row->bytes <= SMALL_BYTES)
        return row;
    row = list->n == 1 ? &list->rows[0] : NULL;
    for (size_t i = 0; i < TL_COUNT(preferred) && !row; i++)
        row = find_label(list, preferred[i]);
    return row;
}

/* Rows by their labels; by their files where `label` is given, which these share. */
static int fail_choices(const struct tl_quant_list *list, const char *model, const char *what, const char *label)
{
    struct tl_buffer words;
    unsigned n = 0;
    tl_buffer_init(&words, 0);
    for (uint64_t i = 0; i < list->n; i++) {
        const struct tl_quant *row = &list->rows[i];
        if (label && strcasecmp(row->label, label) != 0)
            continue;
        if (n++ < CHOICES)
            tl_buffer_printf(&words, "%s%.200s", n > 1 ? ", " : "", label ? row->path : row->label);
    }
    if (n > CHOICES)
        tl_buffer_printf(&words, " and %u more", n - CHOICES);
    int r = words.status < 0 ? words.status : tl_fail(TL_E_USAGE, "%s: %s; there are %s", model, what, words.len ? words.data : "none");
    tl_buffer_done(&words);
    return r;
}

bool tl_quant_is_shared(const struct tl_quant_list *list, const struct tl_quant *row)
{
    for (uint64_t i = 0; i < list->n; i++)
        if (&list->rows[i] != row && strcasecmp(list->rows[i].label, row->label) == 0)
            return true;
    return false;
}

int tl_quant_fail_several(const struct tl_quant_list *list, const char *model)
{
    if (!list->n)
        return tl_fail(TL_E_FAIL, "%s: no language model among its GGUF files", model);
    return fail_choices(list, model, "several GGUF models; say which one behind a colon", NULL);
}

int tl_quant_choose(const struct tl_quant_list *list, const char *model, const char *wanted, const struct tl_quant **ret_row)
{
    char what[TL_PULL_QUANT_BYTES + 100];
    const struct tl_quant *row = *wanted ? find_wanted(list, wanted) : find_usual(list);
    if (!row) {
        snprintf(what, sizeof what, "no GGUF model is %.64s", wanted);
        return *wanted ? fail_choices(list, model, what, NULL) : tl_quant_fail_several(list, model);
    }
    if (tl_quant_is_shared(list, row) && !tl_text_ends(wanted, ending)) {
        snprintf(what, sizeof what, "several GGUF models are %.64s; a file's name behind a slash says which", row->label);
        return fail_choices(list, model, what, row->label);
    }
    *ret_row = row;
    return 0;
}
