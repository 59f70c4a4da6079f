/* SPDX-License-Identifier: MIT */
/* Counts what a model is made of: each weight of the store once, by the operation that uses it first. */
#include "plan/cost.h"

#include <string.h>

const struct tl_weight_part_row tl_weight_parts[TL_PARTS] = {
#define PART(id, name, meaning) {name, meaning},
#define PART_ROLE(role, part)
#include "plan/parts.def"
#undef PART
#undef PART_ROLE
};

static const uint8_t part_of[TL_ROLES] = {
#define PART(id, name, meaning)
#define PART_ROLE(role, part) [TL_R_##role] = TL_PART_##part,
#include "plan/parts.def"
#undef PART
#undef PART_ROLE
};

enum tl_weight_part tl_weight_part_of(enum tl_role role) { return (enum tl_weight_part)part_of[role]; }

struct counter { const struct tl_store *store; struct tl_sizes *sizes; uint32_t n_seen; };

/* Ids are declared in the order of their first use. */
static void count(struct counter *c, uint32_t id, enum tl_weight_part part)
{
    struct tl_weight weight;
    uint64_t stored;
    if (id == TL_NO_WEIGHT || id < c->n_seen)
        return;
    c->n_seen = id + 1;
    tl_store_describe(c->store, id, &weight, &stored);
    c->sizes->part_bytes[part] += stored;
    c->sizes->format_bytes[weight.number->id] += stored;
}

static void count_bank(struct counter *c, const struct tl_op *op)
{
    uint64_t stored, expert = 0;
    struct tl_weight weight;
    for (int i = 0; i < TL_BANK_MATRICES; i++) {
        uint32_t id = tl_store_bank_weight(c->store, op->weight, i);
        count(c, id, TL_PART_EXPERTS);
        tl_store_describe(c->store, id, &weight, &stored);
        expert += stored / weight.count;
    }
    for (int i = 0; i < TL_BANK_MATRICES; i++)
        count(c, op->expert_bias[i], TL_PART_EXPERTS);
    c->sizes->expert_bytes = expert > c->sizes->expert_bytes ? expert : c->sizes->expert_bytes;
}

/* What a sequence holds besides a growing number of positions. */
static uint64_t fixed_state(const struct tl_cache *cache)
{
    uint64_t bytes = cache->records.n_layers ? cache->records.record_bytes : 0;
    for (uint32_t i = 0; i < cache->n_groups; i++) {
        const struct tl_page_group *group = &cache->group[i];
        bytes += group->window ? group->n_layers * cache->geometry->n_kv_heads * group->head_bytes / TL_PAGE_TOKENS * group->window : 0;
    }
    return bytes;
}

void tl_sizes_of(struct tl_model *model, struct tl_sizes *ret_sizes)
{
    const struct tl_program *program = tl_model_program(model);
    struct counter counter = {.store = tl_model_store(model), .sizes = ret_sizes};
    memset(ret_sizes, 0, sizeof(*ret_sizes));
    for (const struct tl_op *op = program->ops; op < program->ops + program->n_ops; op++) {
        uint32_t ids[4], n = tl_op_weights(op, ids);
        for (uint32_t i = 0; i < n; i++)
            if (ids[i] != TL_NO_WEIGHT)
                count(&counter, ids[i], tl_weight_part_of(op->role));
        if (op->kind == TL_OP_EXPERTS)
            count_bank(&counter, op);
    }
    for (int i = 0; i < TL_PARTS; i++)
        ret_sizes->weight_bytes += ret_sizes->part_bytes[i];
    ret_sizes->parameters = program->parameters;
    ret_sizes->active_parameters = program->active_parameters;
    ret_sizes->token_bytes = program->product_bytes;
    ret_sizes->kv_token_bytes = tl_cache_token_bytes(tl_model_cache(model));
    ret_sizes->state_bytes = fixed_state(tl_model_cache(model));
    ret_sizes->experts = tl_store_experts(tl_model_store(model));
    ret_sizes->expert_layers = tl_store_banks(tl_model_store(model));
}
