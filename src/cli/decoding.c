/* SPDX-License-Identifier: MIT */
/* From option values to the library's options. */
#include "cli/decoding.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parse.h"
#include "cli/input.h"

static int parse_bias(const char *text, struct trill_bias *ret_bias)
{
    uint64_t id;
    double bias;
    size_t n = strcspn(text, ":");
    const char *value = text + n + (text[n] == ':');
    if (*value == '+' && value[1] != '-')
        value++;
    if (text[n] != ':' || !tl_parse_u64(text, n, &id) || id > INT32_MAX || !tl_parse_f64(value, strlen(value), &bias))
        return tl_fail(TL_E_USAGE, "--logit-bias: expected ID:+X or ID:-X, as 15:-2.5, found '%s'", text);
    *ret_bias = (struct trill_bias){(int32_t)id, (float)bias};
    return 0;
}

static int parse_biases(const struct tl_option_list *list, struct trill_bias **ret_bias)
{
    if (!list->count)
        return 0;
    struct trill_bias *bias = tl_alloc(list->count, sizeof *bias);
    int r = bias ? 0 : TL_E_NOMEM;
    for (size_t i = 0; i < list->count && r >= 0; i++)
        r = parse_bias(list->items[i], &bias[i]);
    if (r < 0)
        tl_free(bias);
    else
        *ret_bias = bias;
    return r;
}

static int read_file(const char *path, char **ret_text)
{
    size_t n_bytes = 0;
    int r = path ? tl_input_text(path, ret_text, &n_bytes) : 0;
    return r < 0 || !path || strlen(*ret_text) == n_bytes ? r : tl_fail(TL_E_USAGE, "%s: a zero byte in it", path);
}

int tl_decoding_apply(const struct tl_decoding *decoding, struct trill_generate_options *options, struct tl_decoding_kept *ret_kept)
{
    *ret_kept = (struct tl_decoding_kept){0};
    int r = parse_biases(&decoding->bias, &ret_kept->bias);
    if (r >= 0 && decoding->grammar && decoding->schema)
        r = tl_fail(TL_E_USAGE, "--grammar and --schema: an answer has one language");
    if (r >= 0)
        r = read_file(decoding->grammar, &ret_kept->grammar);
    if (r >= 0)
        r = read_file(decoding->schema, &ret_kept->schema);
    if (r < 0)
        return r;
    options->max_tokens = decoding->tokens > 0 ? (uint32_t)decoding->tokens : 0;
    options->temperature = (float)decoding->temperature;
    options->top_k = (uint32_t)decoding->top_k;
    options->top_p = (float)decoding->top_p;
    options->min_p = (float)decoding->min_p;
    options->typical_p = (float)decoding->typical_p;
    options->repeat_penalty = (float)decoding->repeat_penalty;
    options->presence_penalty = (float)decoding->presence_penalty;
    options->frequency_penalty = (float)decoding->frequency_penalty;
    options->repeat_last = (uint32_t)decoding->repeat_last;
    options->seed = decoding->seed;
    options->bias = ret_kept->bias;
    options->grammar = ret_kept->grammar;
    options->schema = ret_kept->schema;
    options->think_tokens = decoding->think_tokens;
    options->n_bias = decoding->bias.count;
    options->stop = decoding->stop.items;
    options->n_stop = decoding->stop.count;
    options->flags = decoding->special ? TRILL_SPECIAL : 0;
    return 0;
}

void tl_decoding_done(struct tl_decoding_kept *kept)
{
    tl_free(kept->bias);
    tl_free(kept->grammar);
    tl_free(kept->schema);
    *kept = (struct tl_decoding_kept){0};
}

static void put_language(const struct tl_decoding_kept *kept, struct tl_buffer *out)
{
    const char *text = kept->grammar ? kept->grammar : kept->schema;
    if (!text)
        return;
    tl_buffer_printf(out, ",\"%s\":", kept->grammar ? "grammar" : "json_schema");
    tl_buffer_json_string(out, text, strlen(text));
}

int tl_decoding_json(const struct tl_decoding *d, bool with_seed, struct tl_buffer *out)
{
    struct trill_generate_options checked;
    struct tl_decoding_kept kept;
    trill_generate_options_init(&checked, sizeof checked);
    int r = tl_decoding_apply(d, &checked, &kept);
    tl_buffer_printf(out, "{\"temperature\":%.9g,\"top_k\":%" PRIu64 ",\"top_p\":%.9g,\"min_p\":%.9g,\"typical_p\":%.9g,\"repeat_penalty\":%.9g",
                     d->temperature, d->top_k, d->top_p, d->min_p, d->typical_p, d->repeat_penalty);
    tl_buffer_printf(out, ",\"presence_penalty\":%.9g,\"frequency_penalty\":%.9g,\"repeat_last_n\":%" PRIu64,
                     d->presence_penalty, d->frequency_penalty, d->repeat_last);
    if (with_seed)
        tl_buffer_printf(out, ",\"seed\":%" PRId64, (int64_t)d->seed);
    if (d->tokens >= 0)
        tl_buffer_printf(out, ",\"max_tokens\":%" PRId64, d->tokens);
    tl_buffer_printf(out, ",\"skip_special_tokens\":%s,\"stop\":[", d->special ? "false" : "true");
    for (size_t i = 0; i < d->stop.count; i++) {
        tl_buffer_append(out, ",", i > 0);
        tl_buffer_json_string(out, d->stop.items[i], strlen(d->stop.items[i]));
    }
    tl_buffer_printf(out, "],\"logit_bias\":{");
    for (size_t i = 0; i < d->bias.count && r >= 0; i++)
        tl_buffer_printf(out, "%s\"%" PRId32 "\":%.9g", i ? "," : "", kept.bias[i].id, (double)kept.bias[i].bias);
    tl_buffer_append(out, "}", 1);
    put_language(&kept, out);
    if (d->think_tokens >= 0)
        tl_buffer_printf(out, ",\"think_tokens\":%" PRId64, d->think_tokens);
    tl_buffer_append(out, "}", 1);
    tl_decoding_done(&kept);
    return r < 0 ? r : out->status;
}
