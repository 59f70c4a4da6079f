/* SPDX-License-Identifier: MIT */
/* From option values to the library's options. */
#include "cli/decoding.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parse.h"

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

int tl_decoding_apply(const struct tl_decoding *decoding, struct trill_generate_options *options, struct trill_bias **ret_bias)
{
    struct trill_bias *bias = NULL;
    int r = parse_biases(&decoding->bias, &bias);
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
    options->bias = bias;
    options->n_bias = decoding->bias.count;
    options->stop = decoding->stop.items;
    options->n_stop = decoding->stop.count;
    options->flags = decoding->special ? TRILL_SPECIAL : 0;
    *ret_bias = bias;
    return 0;
}
