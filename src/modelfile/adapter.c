/* SPDX-License-Identifier: MIT */
/* Reads adapters: which tensors belong together, what they add to, and by how much. Facts of the two kinds of file are
 * those of PEFT's LoraConfig and of llama.cpp's adapter metadata. */
#include "modelfile/adapter.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "modelfile/parts.h"

static const char config[] = "adapter_config.", weights_name[] = "adapter_model.safetensors";

/* How the names of a pair's tensors begin and end around that of the target. */
struct naming { const char *head, *a, *b, *tail, *copy; };   /* copy: of a weight of the base, which says nothing; NULL: none */

static const struct naming namings[] = {
    [TL_MODELFILE_GGUF] = { "", ".lora_a", ".lora_b", "", NULL },
    [TL_MODELFILE_SAFETENSORS] = { "base_model.model.", ".lora_A.weight", ".lora_B.weight", ".weight", ".base_layer.weight" },
};

bool tl_adapter_is(const struct tl_modelfile *file)
{
    const char *type = "";
    size_t n_bytes;
    if (tl_modelfile_format(file) == TL_MODELFILE_SAFETENSORS)
        return tl_modelfile_meta(file, "adapter_config.peft_type") && !tl_modelfile_meta(file, "config.model_type");
    return tl_meta_string(file, "general.type", &type, &n_bytes) > 0 && strcmp(type, "adapter") == 0;
}

/* --- what a configuration may say --------------------------------------------------------------------------------- */

static bool says_nothing(const struct tl_meta *meta)
{
    bool value = true;
    if (meta->is_array)
        return meta->count == 0;
    return meta->kind == TL_META_BOOL && tl_meta_at_bool(meta, 0, &value) >= 0 && !value;
}

/* Keys that must be absent, null, false or empty. */
static int check_refused(const struct tl_modelfile *file)
{
    static const char *const refused[] = { "use_dora", "lora_bias", "fan_in_fan_out", "modules_to_save", "trainable_token_indices",
                                           "alora_invocation_tokens", "use_qalora", "use_bdlora", "arrow_config", "target_parameters" };
    for (uint64_t i = 0; i < tl_modelfile_metas(file); i++) {
        const struct tl_meta *meta = tl_modelfile_meta_at(file, i);
        if (!tl_text_begins(meta->key, config))
            continue;
        for (size_t k = 0; k < TL_COUNT(refused); k++) {
            const char *key = meta->key + strlen(config);
            size_t n = strlen(refused[k]);
            if (tl_text_begins(key, refused[k]) && (key[n] == 0 || key[n] == '.') && !says_nothing(meta))
                return tl_fail(TL_E_FILE, "%s: the adapter uses \"%s\", which is not supported, expected plain LoRA", tl_modelfile_path(file),
                               refused[k]);
        }
    }
    return 0;
}

static int check_word(const struct tl_modelfile *file, const char *key, const char *expected, bool needed)
{
    const char *found = expected;
    size_t n_bytes;
    int r = tl_meta_string(file, key, &found, &n_bytes);
    if (r == 0 && needed)
        return tl_fail(TL_E_FILE, "%s: %s: found none, expected \"%s\"", tl_modelfile_path(file), key, expected);
    if (r >= 0 && strcmp(found, expected) != 0)
        return tl_fail(TL_E_FILE, "%s: %s: found \"%.60s\", expected \"%s\"", tl_modelfile_path(file), key, found, expected);
    return r;
}

/* Ways to begin training that change the base itself: their adapters alone say nothing. */
static int check_beginning(const struct tl_modelfile *file)
{
    static const char *const changing[] = { "pissa", "olora", "corda", "loftq", "lora_ga" };
    const struct tl_meta *meta = tl_modelfile_meta(file, "adapter_config.init_lora_weights");
    const char *text = "";
    size_t n_bytes;
    if (!meta || meta->kind != TL_META_STRING || meta->is_array || tl_meta_at_string(meta, 0, &text, &n_bytes) < 0)
        return 0;
    for (size_t i = 0; i < TL_COUNT(changing); i++)
        if (tl_text_begins(text, changing[i]))
            return tl_fail(TL_E_FILE, "%s: the adapter began as \"%.40s\", which changes its base too and is not supported", tl_modelfile_path(file),
                           text);
    return 0;
}

static int check_peft(const struct tl_modelfile *file)
{
    if (!tl_modelfile_meta(file, "adapter_config.peft_type"))
        return tl_fail(TL_E_FILE, "%s: adapter_config.json with a peft_type: found none beside it, expected one", tl_modelfile_path(file));
    int r = check_word(file, "adapter_config.peft_type", "LORA", true);
    if (r >= 0)
        r = check_word(file, "adapter_config.bias", "none", false);
    if (r >= 0)
        r = check_beginning(file);
    return r < 0 ? r : check_refused(file);
}

static int check_gguf(struct tl_adapter *adapter)
{
    const struct tl_modelfile *file = adapter->file;
    size_t n_bytes;
    int r = check_word(file, "general.type", "adapter", true);
    if (r >= 0)
        r = check_word(file, "adapter.type", "lora", true);
    if (r >= 0 && tl_modelfile_meta(file, "adapter.alora.invocation_tokens"))
        r = tl_fail(TL_E_FILE, "%s: the adapter is switched on by tokens (aLoRA), which is not supported", tl_modelfile_path(file));
    return r < 0 ? r : tl_meta_string(file, "general.architecture", &adapter->architecture, &n_bytes);
}

/* --- rank and scale of a module ----------------------------------------------------------------------------------- */

/* PEFT matches (.*\.)?(PATTERN)$: a pattern is a whole name or its end behind a dot; ^ makes it a whole one. */
static bool fits(const char *pattern, const char *module)
{
    bool whole = *pattern == '^';
    pattern += whole;
    size_t n = strlen(pattern), m = strlen(module);
    if (n > m || (whole && n != m) || (n < m && module[m - n - 1] != '.'))
        return false;
    for (size_t i = 0; i < n; i++)
        if (pattern[i] != '.' && pattern[i] != module[m - n + i])
            return false;
    return true;
}

/* What a PEFT configuration says of ranks and scales. */
enum { MAX_PATTERNS = 1024 };
struct scaling {
    double rank, alpha;
    bool root;                           /* divided by the root of the rank (Kalajdzievski 2023) */
    const struct tl_meta *patterns[MAX_PATTERNS];        /* of modules that differ */
    uint32_t n_patterns;
};

static const char rank_prefix[] = "adapter_config.rank_pattern.", alpha_prefix[] = "adapter_config.alpha_pattern.";

static int need_number(const struct tl_modelfile *file, const char *key, double *ret)
{
    int r = tl_meta_f64(file, key, ret);
    return r == 0 ? tl_fail(TL_E_FILE, "%s: %s: found none, expected a number", tl_modelfile_path(file), key) : r;
}

static int read_scaling(const struct tl_modelfile *file, struct scaling *scaling)
{
    int r = need_number(file, "adapter_config.r", &scaling->rank);
    if (r >= 0)
        r = need_number(file, "adapter_config.lora_alpha", &scaling->alpha);
    if (r >= 0)
        r = tl_meta_bool(file, "adapter_config.use_rslora", &scaling->root);
    for (uint64_t i = 0; r >= 0 && i < tl_modelfile_metas(file); i++) {
        const struct tl_meta *meta = tl_modelfile_meta_at(file, i);
        if (!tl_text_begins(meta->key, rank_prefix) && !tl_text_begins(meta->key, alpha_prefix))
            continue;
        if (strpbrk(meta->key, "()[]{}*+?|$\\"))
            return tl_fail(TL_E_FILE, "%s: %s: found a pattern, expected the name of a module", tl_modelfile_path(file), meta->key);
        if (scaling->n_patterns == MAX_PATTERNS)
            return tl_fail(TL_E_FILE, "%s: adapter_config.json: found ranks and scales of more than %d modules", tl_modelfile_path(file),
                           MAX_PATTERNS);
        scaling->patterns[scaling->n_patterns++] = meta;
    }
    return r;
}

/* The value of the first pattern that fits, behind a prefix of keys. */
static int find_pattern(const struct tl_modelfile *file, const struct scaling *scaling, const char *prefix, const char *module, double *value)
{
    for (uint32_t i = 0; i < scaling->n_patterns; i++) {
        const char *key = scaling->patterns[i]->key;
        if (tl_text_begins(key, prefix) && fits(key + strlen(prefix), module))
            return tl_meta_f64(file, key, value);
    }
    return 0;
}

static int scale_of_peft(const struct tl_modelfile *file, const struct scaling *scaling, const char *module, struct tl_adapter_pair *pair)
{
    double rank = scaling->rank, alpha = scaling->alpha;
    int r = find_pattern(file, scaling, rank_prefix, module, &rank);
    if (r >= 0)
        r = find_pattern(file, scaling, alpha_prefix, module, &alpha);
    if (r >= 0 && rank != pair->rank)
        r = tl_fail(TL_E_FILE, "%s: %s has a rank of %u, expected that of adapter_config.json, %g", tl_modelfile_path(file), pair->a->name, pair->rank,
                    rank);
    pair->scale = (float)(alpha / (scaling->root ? sqrt(rank) : rank));
    return r;
}

static int scale_of_gguf(const struct tl_modelfile *file, struct tl_adapter_pair *pair)
{
    double alpha = 0;
    int r = tl_meta_f64(file, "adapter.lora.alpha", &alpha);
    pair->scale = alpha != 0 ? (float)(alpha / pair->rank) : 1;
    return r;
}

static int read_scale(const struct tl_modelfile *file, const struct scaling *scaling, struct tl_adapter_pair *pair)
{
    char module[TL_NAME_BYTES + 1];
    if (tl_modelfile_format(file) == TL_MODELFILE_GGUF)
        return scale_of_gguf(file, pair);
    snprintf(module, sizeof module, "%.*s", (int)(strlen(pair->target) - strlen(".weight")), pair->target);
    return scale_of_peft(file, scaling, module, pair);
}

/* --- pairs -------------------------------------------------------------------------------------------------------- */

static int check_matrix(const struct tl_modelfile *file, const struct tl_tensor *tensor)
{
    if (tensor->n_dims == 3)
        return tl_fail(TL_E_FILE, "%s: %s adapts the experts of a layer together, which is not supported", tl_modelfile_path(file), tensor->name);
    if (tensor->n_dims != 2)
        return tl_fail(TL_E_FILE, "%s: %s has %u dimensions, expected 2", tl_modelfile_path(file), tensor->name, tensor->n_dims);
    if (!tensor->number || tensor->number->apart || tensor->shape[1] % tensor->number->block_elems)
        return tl_fail(TL_E_FILE, "%s: %s is stored as %s, which is not supported for adapters", tl_modelfile_path(file), tensor->name,
                       tensor->type_name);
    return 0;
}

static int check_pair(const struct tl_modelfile *file, const struct scaling *scaling, struct tl_adapter_pair *pair)
{
    int r = check_matrix(file, pair->a);
    if (r >= 0)
        r = check_matrix(file, pair->b);
    if (r < 0)
        return r;
    if (pair->a->shape[0] != pair->b->shape[1] || pair->a->shape[0] == 0 || pair->a->shape[0] > TL_ADAPTER_MAX_RANK)
        return tl_fail(TL_E_FILE, "%s: %s has %" PRIu64 " rows and %s %" PRIu64 " columns, expected one rank of 1 to %d", tl_modelfile_path(file),
                       pair->a->name, pair->a->shape[0], pair->b->name, pair->b->shape[1], TL_ADAPTER_MAX_RANK);
    pair->rank = (uint32_t)pair->a->shape[0];
    r = read_scale(file, scaling, pair);
    if (r >= 0 && !isfinite(pair->scale))
        r = tl_fail(TL_E_FILE, "%s: the scale of %s is not finite", tl_modelfile_path(file), pair->a->name);
    return r < 0 ? r : 0;
}

static int find_other(const struct tl_modelfile *file, const struct naming *naming, const struct tl_tensor *tensor, bool is_a,
                      const struct tl_tensor **ret_other)
{
    char name[2 * TL_NAME_BYTES];
    const char *ending = is_a ? naming->a : naming->b;
    snprintf(name, sizeof name, "%.*s%s", (int)(strlen(tensor->name) - strlen(ending)), tensor->name, is_a ? naming->b : naming->a);
    *ret_other = tl_modelfile_find(file, name);
    return *ret_other ? 0 : tl_fail(TL_E_FILE, "%s: %s: found no %s beside it, expected one", tl_modelfile_path(file), tensor->name, name);
}

/* A pair on its way into an adapter. */
struct reading { struct tl_adapter *adapter; const struct naming *naming; struct scaling scaling; uint64_t cap; };

static int add_pair(struct reading *reading, const struct tl_tensor *a, const struct tl_tensor *b)
{
    struct tl_adapter *adapter = reading->adapter;
    const struct naming *naming = reading->naming;
    struct tl_adapter_pair pair = { .a = a, .b = b };
    char target[2 * TL_NAME_BYTES];
    size_t head = strlen(naming->head);
    snprintf(target, sizeof target, "%.*s%s", (int)(strlen(a->name) - head - strlen(naming->a)), a->name + head, naming->tail);
    pair.target = tl_parts_text(adapter->file, target, strlen(target));
    if (!pair.target || tl_grow((void **)&adapter->pairs, adapter->n_pairs, &reading->cap, sizeof pair) < 0)
        return TL_E_NOMEM;
    if (adapter->n_pairs == TL_ADAPTER_MAX_PAIRS)
        return tl_fail(TL_E_FILE, "%s: found more than %d pairs of matrices", tl_modelfile_path(adapter->file), TL_ADAPTER_MAX_PAIRS);
    int r = check_pair(adapter->file, &reading->scaling, &pair);
    adapter->pairs[adapter->n_pairs] = pair;
    adapter->n_pairs += r >= 0;
    return r;
}

/* Does a name lie between the naming's head and this ending, with something left? */
static bool named(const struct naming *naming, const char *name, const char *ending)
{
    return tl_text_begins(name, naming->head) && tl_text_ends(name, ending) && strlen(name) > strlen(naming->head) + strlen(ending);
}

static int read_pairs(struct reading *reading)
{
    const struct tl_modelfile *file = reading->adapter->file;
    const struct naming *naming = reading->naming;
    int r = 0;
    for (uint64_t i = 0; i < tl_modelfile_tensors(file) && r >= 0; i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(file, i), *other = NULL;
        bool is_a = named(naming, tensor->name, naming->a), is_b = named(naming, tensor->name, naming->b);
        if (naming->copy && tl_text_ends(tensor->name, naming->copy))
            continue;
        if (!is_a && !is_b)
            return tl_fail(TL_E_FILE, "%s: tensor %s is no matrix A or B of a linear operation, which is all that adapters may hold here",
                           tl_modelfile_path(file), tensor->name);
        r = find_other(file, naming, tensor, is_a, &other);
        if (r >= 0 && is_a)
            r = add_pair(reading, tensor, other);
    }
    if (r >= 0 && reading->adapter->n_pairs == 0)
        r = tl_fail(TL_E_FILE, "%s: found no pair of matrices, expected at least one", tl_modelfile_path(file));
    return r;
}

static int read_adapter(struct tl_adapter *adapter)
{
    TL_AUTO struct reading *reading = tl_alloc(1, sizeof *reading);
    if (!reading)
        return TL_E_NOMEM;
    bool gguf = tl_modelfile_format(adapter->file) == TL_MODELFILE_GGUF;
    reading->adapter = adapter;
    reading->naming = &namings[tl_modelfile_format(adapter->file)];
    int r = gguf ? check_gguf(adapter) : check_peft(adapter->file);
    if (r >= 0 && !gguf)
        r = read_scaling(adapter->file, &reading->scaling);
    return r < 0 ? r : read_pairs(reading);
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static int open_file(const char *path, struct tl_modelfile **ret_file)
{
    if (!tl_file_is_folder(path))
        return tl_modelfile_open(path, ret_file);
    TL_AUTO char *inside = tl_file_join(path, weights_name);
    if (!inside)
        return TL_E_NOMEM;
    return tl_modelfile_open(tl_file_exists(inside) ? inside : path, ret_file);
}

int tl_adapter_open(const char *path, struct tl_adapter **ret_adapter)
{
    struct tl_adapter *adapter = tl_alloc(1, sizeof *adapter);
    if (!adapter)
        return TL_E_NOMEM;
    int r = open_file(path, &adapter->file);
    if (r >= 0)
        r = read_adapter(adapter);
    if (r < 0) {
        tl_adapter_close(adapter);
        return r;
    }
    *ret_adapter = adapter;
    return 0;
}

void tl_adapter_close(struct tl_adapter *adapter)
{
    if (!adapter)
        return;
    tl_modelfile_close(adapter->file);
    tl_free(adapter->pairs);
    tl_free(adapter);
}
