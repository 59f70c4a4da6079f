/* SPDX-License-Identifier: MIT */
/* The memory of a frozen model under training. All of it is resident where that leaves room for a pass; else what has no room
 * passes through, layer by layer, there and back. A pass is then of the whole batch, so that a step reads the model twice. */
#include <inttypes.h>

#include "base/error.h"
#include "train/train_impl.h"

static int count(struct tl_model *model, const struct tl_store_limits *limits, uint64_t *ret_bytes)
{
    int status = tl_model_plan_weights(model, limits, ret_bytes);
    *ret_bytes += limits->threads * tl_model_staging_bytes(model);
    return status;
}

/* The largest value of one of the limits, from `least` on, with which the model takes at most `room`. */
static int grow(struct tl_model *model, struct tl_store_limits *limits, bool frames, uint64_t least, uint64_t most, uint64_t room)
{
    while (least < most) {
        uint64_t middle = least + (most - least + 1) / 2, bytes;
        struct tl_store_limits tried = *limits;
        tried.frames = frames ? (uint32_t)middle : tried.frames;
        tried.trunk_bytes = frames ? tried.trunk_bytes : middle;
        int status = count(model, &tried, &bytes);
        if (status < 0)
            return status;
        if (bytes <= room)
            least = middle;
        else
            most = middle - 1;
    }
    limits->frames = frames ? (uint32_t)least : limits->frames;
    limits->trunk_bytes = frames ? limits->trunk_bytes : least;
    return 0;
}

/* Experts pass before the trunk does. */
static int stream(struct tl_model *model, struct tl_store_limits *limits, uint64_t room)
{
    struct tl_store *store = tl_model_store(model);
    uint64_t trunk = tl_store_trunk_bytes(store), bytes;
    uint32_t experts = tl_store_experts(store);
    limits->frames = experts ? tl_store_least_frames(store) : 0;
    int status = count(model, limits, &bytes);
    if (status >= 0 && experts && bytes <= room)
        return grow(model, limits, true, limits->frames, experts, room);
    limits->trunk_bytes = 1;
    return status < 0 ? status : grow(model, limits, false, 1, trunk, room);
}

int tl_train_plan_base(struct tl_weights *weights, uint32_t threads, uint64_t pass_bytes, uint64_t room, struct tl_train_plan *plan)
{
    struct tl_model *model = weights->model;
    struct tl_store *store = tl_model_store(model);
    struct tl_store_limits limits = { .threads = threads, .n_used = tl_model_geometry(model)->n_used }, least = limits;
    uint64_t left = room > pass_bytes ? room - pass_bytes : 0, least_bytes, bytes;
    least.frames = tl_store_experts(store) ? tl_store_least_frames(store) : 0;
    least.trunk_bytes = tl_store_may_pass(store);
    int status = count(model, &least, &least_bytes);
    if (status >= 0)
        status = count(model, &limits, &bytes);
    if (status < 0)
        return status;
    if (least_bytes > left && bytes > left) {
        least_bytes = least_bytes < bytes ? least_bytes : bytes;
        return tl_fail(TL_E_BUDGET, "training adapters takes %.0f MiB at least (%.0f of the base as it passes, %.0f of a pass over the batch), the budget is "
                       "%.0f MiB: --ram %" PRIu64 "M works; a smaller --batch or --window would need less",
                       (double)(plan->total_bytes + pass_bytes + least_bytes) * 0x1p-20, (double)least_bytes * 0x1p-20, (double)pass_bytes * 0x1p-20,
                       (double)plan->budget_bytes * 0x1p-20, ((plan->total_bytes + pass_bytes + least_bytes) >> 20) + 1);
    }
    if (bytes > left)
        status = stream(model, &limits, left);
    if (status >= 0)
        status = count(model, &limits, &plan->base_bytes);
    plan->base = limits;
    return status;
}
