/* SPDX-License-Identifier: MIT */
/* A model as a list of operations on named streams [tokens, width] and bound tensors.
 *
 * Architectures append operations through a builder, which resolves tensors, checks their shapes against the geometry and
 * declares them to the store. The finished list is cut into stages: what a stage holds may run in one parallel region.
 * The interpreter (forward.c) runs the list, the planner counts it, a trainer can walk it backwards. */
#ifndef TL_MODEL_PROGRAM_H
#define TL_MODEL_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/kernel.h"
#include "model/geometry.h"
#include "store/store.h"

/* What passes between operations. A row: STREAM(name, width in terms of the geometry g). */
#define TL_STREAMS(STREAM) \
    STREAM(X, g->width)                      /* residual */ \
    STREAM(H, g->width)                      /* normed, or the output of a block before it is added */ \
    STREAM(Q, g->n_heads * g->head_dim) \
    STREAM(K, g->n_kv_heads * g->head_dim) \
    STREAM(V, g->kv_rank ? 0 : g->n_kv_heads * g->v_dim)     /* latent attention: the head of K */ \
    STREAM(A, g->n_heads * g->v_dim)         /* attention's output */ \
    STREAM(QKV, g->fused_qkv ? (g->n_heads + g->n_kv_heads) * g->head_dim + g->n_kv_heads * g->v_dim : 0)     /* q, k, v of one matrix */ \
    STREAM(QA, g->q_rank)                    /* latent attention: query, compressed */ \
    STREAM(QB, g->kv_rank ? g->n_heads * (g->nope + g->n_rot) : 0)    /* and expanded */ \
    STREAM(KA, g->kv_rank ? g->kv_rank + g->n_rot : 0)       /* latent and rotated key, before norm and rope */ \
    STREAM(AV, g->kv_rank ? g->n_heads * g->v_head : 0)      /* values of the heads */ \
    STREAM(QG, g->gated ? 2 * g->n_heads * g->head_dim : 0)  /* gated attention: for each head its query and its gate */ \
    STREAM(DF, g->delta_fused ? 2 * g->delta_k_heads * g->delta_k_dim + 2 * g->delta_v_heads * g->delta_v_dim : 0) \
    STREAM(DI, 2 * g->delta_k_heads * g->delta_k_dim + g->delta_v_heads * g->delta_v_dim)    /* delta net: q, k, v */ \
    STREAM(DC, 2 * g->delta_k_heads * g->delta_k_dim + g->delta_v_heads * g->delta_v_dim)    /* convolved */ \
    STREAM(DZ, g->delta_v_heads * g->delta_v_dim)            /* gate of its output */ \
    STREAM(DG, g->delta_fused_gates ? 2 * g->delta_v_heads : 0)      /* logits of both gates, by key head */ \
    STREAM(DB, g->delta_v_heads)             /* beta */ \
    STREAM(DA, g->delta_v_heads)             /* decay */ \
    STREAM(DO, g->delta_v_heads * g->delta_v_dim)            /* what the state says */ \
    STREAM(G, g->ff)                         /* gate, then gate * up */ \
    STREAM(U, g->ff)                         /* up */ \
    STREAM(R, g->n_experts)                  /* router logits: of a layer with fewer experts, the first of them */ \
    STREAM(M, g->n_experts ? g->width : 0)   /* output of the experts */ \
    STREAM(T, g->ff_shared ? g->width : 0)   /* output of the shared expert */ \
    STREAM(SG, g->ff_shared)                 /* its gate, then gate * up */ \
    STREAM(SU, g->ff_shared)                 /* its up */ \
    STREAM(S1, g->ff_shared ? 1 : 0)         /* its own gate's logit */ \
    STREAM(AG, g->latent_gate ? g->n_heads * g->v_head : 0)  /* latent attention: gate of the heads' values */ \
    STREAM(XS, g->n_residuals * g->width)    /* residual streams beside each other, or earlier states of one */ \
    STREAM(XM, g->n_residuals ? (2 + g->n_residuals) * g->n_residuals : 0)   /* how they mix */ \
    STREAM(OA, g->o_groups * g->o_rank)      /* attention's output, compressed by groups of heads */ \
    STREAM(CK, g->o_groups ? 2 * g->head_dim : 0)            /* what compressed keys are made of */ \
    STREAM(IQ, g->o_groups ? g->index_heads * g->index_dim : 0)      /* indexer: queries, their weights, keys */ \
    STREAM(IW, g->o_groups ? g->index_heads : 0) \
    STREAM(IK, g->o_groups ? 2 * g->index_dim : 0) \
    STREAM(KF, g->kda ? g->delta_k_dim : 0)  /* decay of each channel, compressed, and expanded */ \
    STREAM(KD, g->kda ? g->delta_k_heads * g->delta_k_dim : 0) \
    STREAM(L, g->expert_width)               /* input of routed experts that are narrower than the model, and their output */ \
    STREAM(LM, g->expert_width) \
    STREAM(AH, g->ahead ? g->width : 0)      /* layer that predicts a further token: what the layer before it says, normed */ \
    STREAM(EH, g->ahead ? 2 * g->width : 0)  /* the token's embedding and that, beside each other */ \
    STREAM(OUT, g->width)                    /* rows whose logits are wanted */ \
    STREAM(LOGITS, g->vocab)

enum tl_stream {
#define STREAM(name, width) TL_S_##name,
    TL_STREAMS(STREAM)
#undef STREAM
    TL_STREAM_COUNT
};

/* Tensors by what they do. */
enum tl_role {
    TL_R_EMBED, TL_R_HEAD, TL_R_OUT_NORM, TL_R_ROPE_FACTORS,
    TL_R_ATTN_NORM, TL_R_ATTN_POST_NORM, TL_R_QKV, TL_R_Q, TL_R_K, TL_R_V, TL_R_O,
    TL_R_Q_BIAS, TL_R_K_BIAS, TL_R_V_BIAS, TL_R_O_BIAS, TL_R_Q_NORM, TL_R_K_NORM,
    TL_R_Q_A, TL_R_Q_A_NORM, TL_R_Q_B, TL_R_KV_A, TL_R_KV_A_NORM, TL_R_K_B, TL_R_V_B,
    TL_R_DELTA_QKVZ, TL_R_DELTA_QKV, TL_R_DELTA_Z, TL_R_DELTA_GATES, TL_R_DELTA_BETA, TL_R_DELTA_DECAY, TL_R_DELTA_CONV,
    TL_R_DELTA_RATE, TL_R_DELTA_BIAS, TL_R_DELTA_NORM, TL_R_DELTA_OUT,
    TL_R_KDA_CONV_Q, TL_R_KDA_CONV_K, TL_R_KDA_CONV_V, TL_R_KDA_DECAY_A, TL_R_KDA_DECAY_B,
    TL_R_ATTN_GATE, TL_R_ATTN_MIX, TL_R_FFN_MIX, TL_R_OUT_MIX, TL_R_ATTN_MIX_BASE, TL_R_FFN_MIX_BASE, TL_R_OUT_MIX_BASE,
    TL_R_ATTN_MIX_SCALE, TL_R_FFN_MIX_SCALE, TL_R_OUT_MIX_SCALE,
    TL_R_KEY, TL_R_KEY_NORM, TL_R_O_A, TL_R_PACK_KEY, TL_R_PACK_GATE, TL_R_PACK_PLACE, TL_R_PACK_NORM,
    TL_R_INDEX_Q, TL_R_INDEX_WEIGHT, TL_R_INDEX_KEY, TL_R_INDEX_GATE, TL_R_INDEX_PLACE, TL_R_INDEX_NORM, TL_R_INDEX_NORM_BIAS,
    TL_R_FFN_NORM, TL_R_FFN_POST_NORM, TL_R_GATE, TL_R_UP, TL_R_DOWN, TL_R_SINKS,
    TL_R_ROUTER, TL_R_ROUTER_BIAS, TL_R_CHOICE_BIAS,
    TL_R_HASH, TL_R_EXPERT_IN, TL_R_EXPERT_IN_NORM, TL_R_EXPERT_OUT,
    TL_R_EXPERT_GATE, TL_R_EXPERT_UP, TL_R_EXPERT_DOWN,
    TL_R_EXPERT_GATE_BIAS, TL_R_EXPERT_UP_BIAS, TL_R_EXPERT_DOWN_BIAS,
    TL_R_SHARED_GATE, TL_R_SHARED_UP, TL_R_SHARED_DOWN, TL_R_SHARED_SWITCH,
    TL_R_AHEAD_EMBED_NORM, TL_R_AHEAD_STATE_NORM, TL_R_AHEAD_JOIN, TL_R_AHEAD_NORM,
    TL_ROLES
};

enum { TL_STAGE_OPS = 16 };
#define TL_NO_WEIGHT UINT32_MAX

/* What an operation does; the kinds of stage in brackets. */
enum tl_op_kind {
    TL_OP_EMBED,             /* [rows] out = row of the weight for the token's id, times scale */
    TL_OP_NORM,              /* [rows] out = rms_norm(in) * weight, over the head of each of `heads` equal parts of a row */
    TL_OP_UNIT_NORM,         /* [rows] out = in / sqrt(sum of squares + 1e-6) * scale, of `heads` parts of `cols` from `offset` on */
    TL_OP_ROPE,              /* [rows] each head of in turns in place, from `offset` on */
    TL_OP_TEMPER,            /* [rows] out = out * (1 + temper_beta * ln(1 + floor(position / temper_length))) */
    TL_OP_COPY,              /* [rows] of each of `heads` equal parts of in, `cols` values from `offset` on go to out, from `to` on
                                `step` apart */
    TL_OP_KEEP,              /* [rows] K and V of each token enter the state of their layer */
    TL_OP_ADD,               /* [rows] out = out + in */
    TL_OP_GLU,               /* [rows] out = act(out) * in */
    TL_OP_SOFTCAP,           /* [rows] out = softcap(in) */
    TL_OP_ACTS,              /* [rows] in, in the form that products want */
    TL_OP_LINEAR,            /* [products] out = in * weight^T + bias */
    TL_OP_HEADS,             /* [heads] out[head] = in[head] * weight[head]^T, the leading `cols` of each head of in */
    TL_OP_ATTEND,            /* [attend] A = attention(Q, state); weight: sinks */
    TL_OP_CONV,              /* [rows, the first of its stage: reads rows before its own] out = silu(causal convolution of in), state too */
    TL_OP_DECAY,             /* [rows] out = sigmoid(out); in = decay(in + bias) by the rates of weight */
    TL_OP_DELTA,             /* [delta] out = the gated delta rule over in, by DB and DA; the state goes on */
    TL_OP_ROUTE,             /* [rows] in -> experts and weights of each token; weight: bias of the choice */
    TL_OP_EXPERTS,           /* [experts] out = sum of weight * expert(in), in expert order; weight: bank */
    TL_OP_SWITCH,            /* [rows] out = out * sigmoid(the one value of in) */
    TL_OP_PLANNED,           /* [rows] of architectures that are planned only: out from in by a vector, somehow */
    TL_OP_GATE,              /* [rows] out = out * sigmoid(in), of in the tail of each of `heads` equal parts */
};

struct tl_op {
    enum tl_op_kind kind;
    enum tl_stream in, out;
    enum tl_acts_form form;              /* ACTS, LINEAR */
    uint32_t weight, bias;               /* ids of the store, or TL_NO_WEIGHT */
    enum tl_role role;                   /* of the weight; EXPERTS: of gate */
    uint32_t expert_bias[3];             /* EXPERTS: of gate, up, down */
    enum tl_acts_form down_form;         /* EXPERTS: of the input of down; form is that of gate and up */
    uint32_t heads;                      /* NORM, UNIT_NORM, ROPE, COPY, GATE */
    uint32_t offset;                     /* ROPE: where in a head the rotated part begins; UNIT_NORM, COPY */
    uint32_t rows, cols;                 /* LINEAR, HEADS; UNIT_NORM and COPY: cols */
    uint32_t to, step;                   /* COPY */
    uint32_t layer;
    float scale;                         /* EMBED, UNIT_NORM */
};

enum tl_stage_kind { TL_STAGE_ROWS, TL_STAGE_PRODUCTS, TL_STAGE_ATTEND, TL_STAGE_EXPERTS, TL_STAGE_HEADS, TL_STAGE_DELTA };

struct tl_stage { enum tl_stage_kind kind; uint32_t first_op, n_ops; };

/* A run of stages of one part that passes over a chunk block by block; an EXPERTS stage is alone in its segment and takes
 * the whole chunk at once, as the last part takes its rows. first_op, n_ops: of all its stages. */
struct tl_segment { uint32_t first_stage, n_stages, first_op, n_ops; bool whole; };

/* Part 0: from ids to X; parts 1..n_layers: the layers; part n_layers + 1: from OUT to LOGITS. */
struct tl_program {
    struct tl_op *ops;
    struct tl_stage *stages;
    uint32_t n_ops, n_stages;
    uint64_t cap_ops, cap_stages;
    uint32_t *part_stage;                /* [parts + 1]: first stage of each part */
    uint32_t n_parts, n_bound;
    struct tl_segment *segments;
    uint32_t *part_segment;              /* [parts + 1]: first segment of each part */
    uint32_t n_segments, segment_ops;    /* segment_ops: most operations of one */
    bool wide[TL_STREAM_COUNT];          /* lives across a border of segments: has room for a chunk, others for a block */
    uint32_t acts_cols[TL_ACTS_FORMS];   /* widest input of each form; 0: form not used */
    uint32_t head_cols[TL_ACTS_FORMS];   /* of HEADS */
    uint64_t product_bytes;              /* weight bytes that one token's products read */
    uint64_t parameters, active_parameters;      /* elements of all tensors bound; of those that one token uses */
};

/* What an architecture asks of whoever binds its tensors: `count` matrices [rows, cols], or vectors (rows 0) of [cols]. */
struct tl_want {
    enum tl_role role;
    uint32_t layer, count;               /* count 0: one, and its tensor has no dimension of counts */
    uint32_t rows, cols;
    float add;
    bool optional;
};

/* Binds to a file and its store (bind.c), or to whatever else lists the tensors of a geometry. */
struct tl_binder {
    void *context;
    /* ret_id: TL_NO_WEIGHT where an optional one is absent; ret_number: how it is stored. */
    int (*bind)(void *context, const struct tl_want *want, uint32_t *ret_id, const struct tl_number **ret_number);
    int (*bank)(void *context, const uint32_t ids[TL_BANK_MATRICES], uint32_t *ret_bank);
};

struct tl_builder {
    const struct tl_geometry *geometry;
    const struct tl_binder *binder;
    struct tl_program *program;
    bool exact;                          /* --activations f32 */
    int acts_stream[TL_ACTS_FORMS];      /* which stream the acts of each form hold now; -1: none */
    uint32_t layer;
};

int tl_program_build(const struct tl_geometry *geometry, const struct tl_binder *binder, bool exact, struct tl_program *ret_program);
void tl_program_done(struct tl_program *program);
int tl_program_cut(struct tl_program *program);       /* segments.c: the last thing that building does */
uint64_t tl_stream_width(const struct tl_geometry *geometry, enum tl_stream stream);
/* Ids of the weights of an operation, TL_NO_WEIGHT among them; a bank's experts are asked for when they are needed. */
uint32_t tl_op_weights(const struct tl_op *op, uint32_t ids[4]);      /* order.c */

#define TL_TRY(call) do { int status_ = (call); if (status_ < 0) return status_; } while (0)

/* For architectures. A role that the file lacks is an error, except for biases, which are then absent. */
int tl_build_norm(struct tl_builder *builder, enum tl_stream in, enum tl_stream out, enum tl_role role, uint32_t heads);
int tl_build_linear(struct tl_builder *builder, enum tl_stream in, enum tl_stream out, enum tl_role weight, enum tl_role bias);
int tl_build_rope(struct tl_builder *builder, enum tl_stream stream, uint32_t heads, uint32_t offset);
int tl_build_temper(struct tl_builder *builder, enum tl_stream stream);
int tl_build_norm_part(struct tl_builder *builder, enum tl_stream in, enum tl_stream out, enum tl_role role, uint32_t cols);  /* the head of a row */
int tl_build_plain_norm(struct tl_builder *builder, enum tl_stream in, enum tl_stream out, enum tl_role role, uint32_t heads);
/* Nothing is added to its stored weights. */
int tl_build_unit_norm(struct tl_builder *builder, enum tl_stream stream, uint32_t offset, uint32_t heads, uint32_t cols, float scale);
struct tl_copy { uint32_t heads, offset, cols, to, step; };
int tl_build_copy(struct tl_builder *builder, enum tl_stream in, enum tl_stream out, struct tl_copy copy);
int tl_build_heads(struct tl_builder *builder, enum tl_stream in, enum tl_stream out, enum tl_role weight, uint32_t rows, uint32_t cols);
/* For architectures that are planned only: `count` matrices as of heads; `count` vectors (0: one) that something is made by. */
int tl_build_groups(struct tl_builder *builder, enum tl_stream in, enum tl_stream out, enum tl_role weight, uint32_t count, uint32_t rows, uint32_t cols);
int tl_build_planned(struct tl_builder *builder, enum tl_stream in, enum tl_stream out, enum tl_role role, uint32_t count, uint64_t cols);
int tl_build_attention(struct tl_builder *builder, enum tl_role sinks);       /* KEEP, then ATTEND: Q, K, V -> A; TL_ROLES: no sinks */
int tl_build_route(struct tl_builder *builder, enum tl_role choice_bias);     /* R -> the experts of each token */
int tl_build_experts(struct tl_builder *builder, bool biases);                /* H -> M; narrower ones: L -> LM */
int tl_build_switch(struct tl_builder *builder, enum tl_stream in, enum tl_stream out);
int tl_build_gate(struct tl_builder *builder, enum tl_stream in, enum tl_stream out, uint32_t heads);
int tl_build_conv(struct tl_builder *builder);        /* DI -> DC */
int tl_build_decay(struct tl_builder *builder);       /* DB, DA: logits -> beta and decay */
int tl_build_delta_rule(struct tl_builder *builder);  /* DC, DB, DA -> DO */
int tl_build_add(struct tl_builder *builder, enum tl_stream in, enum tl_stream out);
int tl_build_glu(struct tl_builder *builder, enum tl_stream gate, enum tl_stream up);        /* gate, up -> gate */

/* blocks.c: what families share. Each begins with its norm of X and ends by adding to X. HEAD_NORMS: of each head of q and
 * k; ROW_NORMS: of all heads together. */
enum { TL_HEAD_NORMS = 1, TL_POST_NORMS = 2, TL_BIASES = 4, TL_SINKS = 8, TL_EXPERT_BIASES = 16, TL_ROW_NORMS = 32 };
int tl_build_gqa(struct tl_builder *builder, unsigned features);
int tl_build_mla(struct tl_builder *builder);         /* latent attention, absorbed (DeepSeek-V2, section 2.1) */
int tl_build_delta_net(struct tl_builder *builder);   /* gated delta net (Yang et al. 2024) as Qwen3-Next has it */
int tl_build_join(struct tl_builder *builder);        /* X, embedded, and AH -> X: how a layer that predicts a further token begins */
int tl_build_dense_ffn(struct tl_builder *builder, unsigned features);
int tl_build_shared(struct tl_builder *builder);      /* M += the shared expert of H */
int tl_build_expert_ffn(struct tl_builder *builder, unsigned features);       /* shared expert too, where the geometry has one */

#endif
