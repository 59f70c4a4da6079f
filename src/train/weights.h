/* SPDX-License-Identifier: MIT */
/* The weights of a model as training has them: f32, row after row, each with its gradient. They are the weights that the
 * model's program names, by the ids of its store: read from the model's file, or drawn where it has none, and written to a
 * file of the same tensors and metadata. */
#ifndef TL_TRAIN_WEIGHTS_H
#define TL_TRAIN_WEIGHTS_H

#include "base/arena.h"
#include "base/pool.h"
#include "base/progress.h"
#include "model/model.h"

struct tl_parameter {
    uint32_t id;                         /* of the store */
    enum tl_role role;                   /* of its first use: a head that is the embedding counts as that */
    uint32_t layer;
    uint32_t count, rows, cols;          /* matrices of experts, heads: count; vectors: rows 1 */
    float *value, *gradient;             /* [count][rows][cols]; gradient NULL: not trained (tables of rope, biases of the choice of experts) */
    bool trains;
    bool decays;                         /* matrices do, vectors and the embedding do not */
};

struct tl_lora;

struct tl_weights {
    struct tl_model *model;              /* borrowed; headers only, or outlined */
    struct tl_parameter *parameters;     /* [n], in the order of ids; experts' too */
    uint32_t n;
    /* All that is trained lies together: values, gradients and what an optimiser keeps are arrays of n_values floats. */
    float *values, *gradients;
    uint64_t n_values;
    /* The model's own weights are not trained, and its matrices have no value here: they are used as its store has them. */
    bool frozen;
    struct tl_lora *lora;                /* lora.h; NULL: none */
};

/* Lists the parameters; no memory for values yet. */
int tl_weights_new(struct tl_model *model, struct tl_weights **ret_weights);
void tl_weights_free(struct tl_weights *weights);                     /* NULL is fine */
int tl_weights_layout(struct tl_weights *weights, struct tl_arena *arena);
int tl_weights_take(struct tl_weights *weights, struct tl_arena *ret_arena);         /* the same, in an arena of just their size */
uint64_t tl_parameter_values(const struct tl_parameter *parameter);   /* how many */
/* From the model's file, every format decoded. */
int tl_weights_read(struct tl_weights *weights, struct tl_pool *pool, struct tl_progress *progress);
/* Drawn: matrices normal with deviation 0.02, those that write to the residual stream with 0.02 / sqrt(2 layers) (Radford et
 * al. 2019), norms 1, biases 0. The same for the same seed and shapes. */
void tl_weights_draw(struct tl_weights *weights, uint64_t seed);
/* A GGUF of the tensors of the model's file (a GGUF or an outline of one) with these values in `number` (matrices whose rows
 * are no whole blocks, and vectors, in F32), its metadata, and `more`: keys and texts that replace or are added. An outline
 * has no vocabulary: of `vocabulary`, a GGUF, all keys that begin with "tokenizer." go with it; NULL: the file's own. */
struct tl_weights_note { const char *key, *text; };
int tl_weights_write(const struct tl_weights *weights, const struct tl_number *number, const struct tl_modelfile *vocabulary,
                     const struct tl_weights_note *more, uint32_t n_more, const char *path, struct tl_progress *progress);

#endif
