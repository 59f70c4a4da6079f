/* SPDX-License-Identifier: MIT */
/* Routers. The choice compares exact floats in index order, so it is the same everywhere. Sums of the chosen weights run
 * in the order of rank: the best first. Sources: Qwen3, gpt-oss, DeepSeek-V3 (section 2.1.2, and its reference code). */
#include "model/router.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* Numbers of expert_gating_func, words of scoring_func; where nothing is said, `usual`. */
static int read_scoring(const struct tl_modelfile *file, const struct tl_geometry *g, enum tl_router usual, enum tl_router *ret)
{
    float number = 0;
    const char *word = "";
    int status = tl_geometry_f32(file, g, "expert_gating_func", NULL, &number);
    if (status >= 0)
        status = tl_geometry_text(file, g, NULL, "scoring_func", &word);
    if (status < 0)
        return status;
    bool softmax = number == 1 || !strcmp(word, "softmax"), sigmoid = number == 2 || !strcmp(word, "sigmoid");
    if (!softmax && !sigmoid && (number != 0 || *word))
        return tl_fail(TL_E_FILE, "%s: scores of experts by \"%.40s\" (%g) are not supported", tl_modelfile_path(file), word, (double)number);
    *ret = softmax ? TL_ROUTER_SOFTMAX : sigmoid ? TL_ROUTER_SIGMOID : usual;
    return 0;
}

int tl_router_read_sigmoid(const struct tl_modelfile *file, struct tl_geometry *g)
{
    return tl_router_read_grouped(file, g, TL_ROUTER_SIGMOID);
}

int tl_router_read_grouped(const struct tl_modelfile *file, struct tl_geometry *g, enum tl_router usual)
{
    bool norm = true;
    char key[96];
    snprintf(key, sizeof(key), "%s%s", g->prefix, g->format == TL_MODELFILE_GGUF ? "expert_weights_norm" : "norm_topk_prob");
    int status = tl_meta_bool(file, key, &norm);
    if (status >= 0)
        status = tl_geometry_f32(file, g, "expert_weights_scale", "routed_scaling_factor", &g->route_scale);
    if (status >= 0)
        status = read_scoring(file, g, usual, &g->router);
    if (status < 0)
        return status;
    g->route_norm = norm;
    if (!g->n_groups)
        g->n_groups = g->n_groups_used = 1;
    bool routable = g->n_experts && g->n_groups_used && g->n_groups_used <= g->n_groups;
    uint32_t n = g->n_experts;
    for (uint32_t i = 0; i <= g->n_layers && routable; i++) {
        n = g->layer_experts[i];
        routable = n == 0 || (n % g->n_groups == 0 && g->n_used <= n / g->n_groups * g->n_groups_used);
    }
    return routable ? 0 : tl_fail(TL_E_FILE, "%s: %u of %u groups of experts, %u of %u experts, cannot be routed", tl_modelfile_path(file),
                                  g->n_groups_used, g->n_groups, g->n_used, n);
}

int tl_router_read_softmax(const struct tl_modelfile *file, struct tl_geometry *g)
{
    bool norm = true;
    char key[96];
    snprintf(key, sizeof(key), "%snorm_topk_prob", g->prefix);
    int status = g->format == TL_MODELFILE_SAFETENSORS ? tl_meta_bool(file, key, &norm) : 0;
    g->router = TL_ROUTER_SOFTMAX;
    g->route_norm = norm;
    g->ff_shared = g->ff_one_shared;
    g->shared_switch = g->ff_shared != 0;
    if (status >= 0 && !g->n_experts)
        return tl_fail(TL_E_FILE, "%s: the number of experts is missing", tl_modelfile_path(file));
    return status;
}

static uint32_t best_of(const float *values, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        best = values[i] > values[best] ? i : best;
    return best;
}

/* The n_used best of `scores`, best first. What is taken becomes NaN, which no comparison prefers. */
static void choose(const struct tl_geometry *g, uint32_t n_experts, float *scores, uint32_t *ret_experts)
{
    for (uint32_t i = 0; i < n_experts; i++)
        scores[i] = scores[i] == scores[i] ? scores[i] : -INFINITY;
    for (uint32_t k = 0; k < g->n_used; k++) {
        uint32_t best = UINT32_MAX;
        for (uint32_t i = 0; i < n_experts; i++)
            if (scores[i] == scores[i] && (best == UINT32_MAX || scores[i] > scores[best]))
                best = i;
        ret_experts[k] = best;
        scores[best] = NAN;
    }
}

/* Groups outside the best n_groups_used, by the sum of each one's two best scores, lose all their experts. */
static void drop_groups(const struct tl_geometry *g, uint32_t n_experts, float *scores)
{
    enum { MOST = 1024 };
    float sums[MOST];
    uint32_t size = n_experts / g->n_groups;
    for (uint32_t group = 0; group < g->n_groups; group++) {
        float first = -INFINITY, second = -INFINITY;
        for (uint32_t i = group * size; i < (group + 1) * size; i++) {
            if (scores[i] > first) {
                second = first;
                first = scores[i];
            } else if (scores[i] > second) {
                second = scores[i];
            }
        }
        sums[group] = size > 1 ? first + second : first;
    }
    bool kept[MOST] = { false };
    for (uint32_t k = 0; k < g->n_groups_used; k++) {
        uint32_t best = best_of(sums, g->n_groups);
        kept[best] = true;
        sums[best] = -INFINITY;
    }
    for (uint32_t i = 0; i < n_experts; i++)
        if (!kept[i / size])
            scores[i] = -INFINITY;
}

static void softmax(const struct tl_kernel *kernel, float *values, uint32_t n)
{
    kernel->exp(values, kernel->max(values, n), n, values);
    float sum = kernel->sum(values, n);
    for (uint32_t i = 0; i < n; i++)
        values[i] /= sum;
}

/* Ascending experts with their weights. */
static void sort(uint32_t *experts, float *weights, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t k = i; k > 0 && experts[k] < experts[k - 1]; k--) {
            uint32_t expert = experts[k];
            float weight = weights[k];
            experts[k] = experts[k - 1];
            weights[k] = weights[k - 1];
            experts[k - 1] = expert;
            weights[k - 1] = weight;
        }
}

static void weigh(const struct tl_geometry *g, float *weights)
{
    float sum = 0;
    for (uint32_t k = 0; k < g->n_used; k++)
        sum += weights[k];
    if (g->router == TL_ROUTER_SIGMOID)
        sum += 1e-20f;
    for (uint32_t k = 0; k < g->n_used; k++) {
        if (g->route_norm)
            weights[k] /= sum;
        weights[k] *= g->route_scale;
    }
}

void tl_router_choose(const struct tl_kernel *kernel, const struct tl_geometry *g, uint32_t layer, float *logits, const float *bias,
                      float *scratch, uint32_t *ret_experts, float *ret_weights)
{
    uint32_t n_experts = g->layer_experts[layer];
    if (g->router == TL_ROUTER_SOFTMAX)
        softmax(kernel, logits, n_experts);
    for (uint32_t i = 0; g->router == TL_ROUTER_SIGMOID && i < n_experts; i++)
        logits[i] = 1.0f / (1.0f + tl_exp(-logits[i]));
    for (uint32_t i = 0; i < n_experts; i++)
        scratch[i] = logits[i] + (bias ? bias[i] : 0.0f);
    if (g->n_groups > 1)
        drop_groups(g, n_experts, scratch);
    choose(g, n_experts, scratch, ret_experts);
    for (uint32_t k = 0; k < g->n_used; k++)
        ret_weights[k] = logits[ret_experts[k]];
    if (g->router == TL_ROUTER_CHOSEN)
        softmax(kernel, ret_weights, g->n_used);
    weigh(g, ret_weights);
    sort(ret_experts, ret_weights, g->n_used);
}
