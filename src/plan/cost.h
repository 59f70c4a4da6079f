/* SPDX-License-Identifier: MIT */
/* What work costs on a machine: time, bytes, operations, energy, money. Counted from the operations of the model's program
 * and the weights of its store, never from a second description; priced by the facts of a machine and by the shares of its
 * peaks that our kernels reach (rates.def). Reads nothing, allocates nothing.
 *
 * The rule of time: an operation takes the longer of its bytes through memory and its arithmetic, operations follow each
 * other, and the drive works beside them; so a step takes the longer of the drive and of the sum of all others, and a share of
 * the shorter one (rates.def).
 * The rule of misses: an even cache. With a share h of all experts kept, each expert that is needed is there with
 * probability h. Real routers prefer some experts, and the cache keeps those: it hits more often.
 *
 * The model has been laid out with `limits` just before (tl_model_plan, tl_fit_make, or tl_model_place of an opened one). */
#ifndef TL_PLAN_COST_H
#define TL_PLAN_COST_H

#include "model/model.h"
#include "plan/machine.h"

/* What binds: the largest of the three sums below. */
enum tl_bound { TL_BOUND_MEMORY, TL_BOUND_DRIVE, TL_BOUND_ARITHMETIC, TL_BOUNDS };

const char *tl_bound_name(enum tl_bound bound);                       /* "memory", "drive", "arithmetic" */
/* Whose value sets it: MEMORY, DRIVE; of arithmetic INT8, BF16 or F32, as most weights are multiplied. */
enum tl_fact tl_bound_fact(const struct tl_model *model, enum tl_bound bound);

struct tl_cost {
    double tokens;                       /* computed; of decoding: of all sequences */
    double seconds;                      /* expected */
    double low_seconds, high_seconds;    /* where the facts are as far off as their sources allow */
    double memory_s, drive_s, arithmetic_s;      /* each alone, at the shares of the peaks that are reached */
    double memory_bytes;                 /* through memory: weights, keys and values, states; what is read from the drive counts again */
    double drive_bytes;                  /* stored bytes that are not in memory */
    double operations;                   /* a multiply and an add are two */
    double steps;                        /* forward steps */
    enum tl_bound bound;
    double joules, money, grams;         /* of the machine's whole power and price over `seconds` */
};

/* One token for each of n_sequences, each of which has `context` tokens already. */
void tl_cost_decode(struct tl_model *model, const struct tl_model_limits *limits, const struct tl_machine *machine, uint32_t n_sequences,
                    uint32_t context, struct tl_cost *ret_cost);
/* `tokens` of one sequence behind `context` others, in steps of the chunk, logits of the last one. */
void tl_cost_prefill(struct tl_model *model, const struct tl_model_limits *limits, const struct tl_machine *machine, uint64_t tokens,
                     uint32_t context, struct tl_cost *ret_cost);
/* `tokens` in windows of limits->context tokens with logits of each, in sweeps of the chunk (limits->sweep), or in steps. */
void tl_cost_score(struct tl_model *model, const struct tl_model_limits *limits, const struct tl_machine *machine, uint64_t tokens,
                   struct tl_cost *ret_cost);
/* n_requests of `prompt` tokens and `answer` tokens each, as many at a time as limits->sessions; tokens: of the answers. */
void tl_cost_batch(struct tl_model *model, const struct tl_model_limits *limits, const struct tl_machine *machine, uint64_t n_requests,
                   uint32_t prompt, uint32_t answer, struct tl_cost *ret_cost);

/* Any step: n_tokens in all of n_sequences equal ones, each behind `context` tokens, n_logits rows of logits. */
struct tl_cost_step { uint64_t n_tokens, n_sequences, n_logits; double context; };
void tl_cost_of_step(struct tl_model *model, const struct tl_model_limits *limits, const struct tl_machine *machine,
                     const struct tl_cost_step *step, struct tl_cost *ret_cost);
/* cost += times * more; then bound, energy and money anew. */
void tl_cost_add(struct tl_cost *cost, const struct tl_cost *more, double times, const struct tl_machine *machine);
/* Joules, money and grams of any seconds of the machine. */
void tl_cost_price(struct tl_cost *cost, const struct tl_machine *machine);

/* Share of the experts that are kept from step to step, 1 where all are: what an even cache hits. */
double tl_cost_hits(const struct tl_model *model);
/* Distinct ones of `experts` that n tokens use, `used` each, if all are equally likely: U(n) = E (1 - (1 - k/E)^n). */
double tl_cost_distinct(double experts, double used, double n);
/* N*: tokens of a sweep for which reading the model once from the drive and the arithmetic take equally long. */
double tl_cost_break_even(struct tl_model *model, const struct tl_machine *machine);

/* Stored bytes of all weights by what they are for (parts.def). */
enum tl_weight_part {
#define PART(id, name, meaning) TL_PART_##id,
#define PART_ROLE(role, part)
#include "plan/parts.def"
#undef PART
#undef PART_ROLE
    TL_PARTS
};

struct tl_weight_part_row { const char *name, *meaning; };
extern const struct tl_weight_part_row tl_weight_parts[TL_PARTS];
enum tl_weight_part tl_weight_part_of(enum tl_role role);

/* All sizes of a model in bytes, counted from its program, its store and its cache. */
struct tl_sizes {
    uint64_t parameters, active_parameters;
    uint64_t weight_bytes;               /* stored; the sum of all parts */
    uint64_t part_bytes[TL_PARTS];
    uint64_t format_bytes[TL_NUMBERS];   /* by number format */
    uint64_t token_bytes;                /* weight bytes that decoding one token reads */
    uint64_t kv_token_bytes;             /* that one more token of context takes */
    uint64_t state_bytes;                /* that a sequence has whatever its length: windows, once full, and recurrent states */
    uint64_t expert_bytes;               /* stored, of the largest expert; 0: there are none */
    uint32_t experts, expert_layers;     /* in all layers together; layers that have some */
};
void tl_sizes_of(struct tl_model *model, struct tl_sizes *ret_sizes);

#endif
