/* SPDX-License-Identifier: MIT */
/* The numbers that shape a model, read from a file's metadata. Everything here was checked against the bounds of
 * fields.def; shapes of tensors are checked against it when the model is built. */
#ifndef TL_MODEL_GEOMETRY_H
#define TL_MODEL_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "modelfile/modelfile.h"

enum { TL_MAX_LAYERS = 4096, TL_ROPES = 2, TL_MAX_ROT = 512, TL_INDEXED_PACK = 4 };

/* One set of rotation frequencies: angle = position * inv_freq[i]; cos and sin are multiplied by `scale`. */
struct tl_rope {
    float inv_freq[TL_MAX_ROT / 2];
    float scale;
};

/* The gated unit's activation: silu(g) * u; tanh-approximated gelu(g) * u; gpt-oss's clamped one. */
enum tl_unit { TL_UNIT_SILU, TL_UNIT_GELU, TL_UNIT_CLAMPED };

/* How a router's logits become weights: softmax over all; softmax over the chosen; sigmoid, with a bias for the choice
 * and groups of which the best are kept (DeepSeek-V3, section 2.1.2). */
enum tl_router { TL_ROUTER_SOFTMAX, TL_ROUTER_CHOSEN, TL_ROUTER_SIGMOID };

struct tl_geometry {
    const struct tl_arch *arch;
    enum tl_modelfile_format format;
    char prefix[64];                     /* of metadata keys: "llama." or "config.text_config." */
#define FIELD(member, gguf, safetensors, least, most, needed) uint32_t member;
#include "model/fields.def"
#undef FIELD
    uint32_t n_experts;                  /* the most of any layer */
    uint32_t vocab;
    uint32_t context_said;               /* by the file, where the operations here see less of it; 0: context */
    float epsilon;                       /* of the norms */
    float attention_scale;               /* of the scores */
    float attention_softcap, logit_softcap;      /* 0: none */
    float embed_scale;                   /* of the embeddings; 1: none */
    float norm_add;                      /* added to stored norm weights */
    bool rope_halves;                    /* pairs (i, i + n_rot/2); else (2i, 2i + 1) */
    enum tl_unit unit;                   /* of the gated units */
    enum tl_router router;
    uint32_t ff_shared;                  /* width of the shared expert, all shared ones together; 0: none */
    float route_scale;                   /* of the chosen weights */
    bool head_norms;                     /* for families that have them in some models */
    bool shared_switch;                  /* the shared expert is multiplied by the sigmoid of a gate of its own */
    bool route_norm;                     /* the chosen weights are divided by their sum */
    bool fused_qkv;                      /* q, k and v are one matrix, in this order */
    float temper_beta, temper_length;    /* queries grow with the logarithm of their position (Llama 4); 0: they do not */
    bool gated;                          /* attention's output is multiplied by the sigmoid of a gate beside each query */
    /* gated delta nets */
    bool delta_fused, delta_fused_gates; /* q, k, v and z in one matrix, by key head; the logits of beta and the decay too */
    bool delta_tiled;                    /* value head h belongs to key head h mod delta_k_heads; else to h / (v heads / k heads) */
    bool rate_log;                       /* the rates of the decay are stored as logarithms */
    /* of architectures that are planned only */
    bool kda;                            /* delta nets whose every channel decays by itself */
    bool rope_none, latent_gate;         /* latent attention that turns nothing; a gate of the heads' values */
    bool tied;                           /* the embedding is the head */
    uint32_t ahead;                      /* of the layer that predicts a further token: its number in the file; 0: of the model itself */
    struct tl_rope rope[TL_ROPES];       /* 0: full layers, 1: windowed layers */
    uint32_t layer_experts[TL_MAX_LAYERS + 1];   /* routed experts of layers that have some; the last: of the layer ahead */
    uint32_t layer_window[TL_MAX_LAYERS];        /* 0: full attention */
    uint16_t layer_pack[TL_MAX_LAYERS];          /* so many positions become one that stays in sight behind the window; 0: none do */
    uint8_t layer_recurrent[TL_MAX_LAYERS];      /* 1: a gated delta net instead of attention */
};

/* Values that a position takes beside keys and values of the window: packed positions, and the indexer's keys. */
uint32_t tl_geometry_packed(const struct tl_geometry *geometry, uint32_t layer);

/* Reads what every architecture shares and then calls the architecture's own reader. */
int tl_geometry_read(const struct tl_modelfile *file, struct tl_geometry *ret_geometry);

/* Have layers different numbers of experts? */
bool tl_geometry_uneven(const struct tl_geometry *geometry);

/* The same model as a file of that kind has it: which order and which form its weights have there. Keys are read with the
 * original's prefix still. */
void tl_geometry_as(const struct tl_geometry *geometry, enum tl_modelfile_format format, struct tl_geometry *ret_geometry);

/* Of the layer that predicts a further token, as a model of one layer. */
void tl_geometry_ahead(const struct tl_geometry *geometry, struct tl_geometry *ret_ahead);

/* A configuration without tensors (tl_modelfile_outline): what tensors would tell is then read from it. */
bool tl_geometry_is_outline(const struct tl_modelfile *file);

/* For architectures: a metadata value behind the file's own prefix; `gguf` or `hf` NULL: not there in that kind of file.
 * Returns as tl_meta_... does: 1 present, 0 absent (*ret as it was), < 0 wrong. */
int tl_geometry_f32(const struct tl_modelfile *file, const struct tl_geometry *geometry, const char *gguf, const char *hf, float *ret);
int tl_geometry_text(const struct tl_modelfile *file, const struct tl_geometry *geometry, const char *gguf, const char *hf, const char **ret);

#endif
