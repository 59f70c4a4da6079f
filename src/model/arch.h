/* SPDX-License-Identifier: MIT */
/* An architecture is data: how it is recognised, what its tensors are called, what differs in its geometry, and its list
 * of operations. One file under arch/ and one row of archs.def. */
#ifndef TL_MODEL_ARCH_H
#define TL_MODEL_ARCH_H

#include "model/geometry.h"
#include "model/program.h"

/* How a tensor lies in a vendor's file where it is not simply [rows, cols]: two matrices fused by alternating rows or one
 * above the other, columns outermost; or for each head nope rows of keys (used transposed) above v_head rows of values. Taps of a
 * convolution have the channels outermost, in every kind of file. */
enum tl_layout {
    TL_LAYOUT_EVEN = 1, TL_LAYOUT_ODD = 2, TL_LAYOUT_TOP = 4, TL_LAYOUT_BOTTOM = 8, TL_LAYOUT_TRANSPOSED = 16,
    TL_LAYOUT_LATENT_K = 32, TL_LAYOUT_LATENT_V = 64, TL_LAYOUT_TAPS = 128,
};

/* Names of a tensor in both kinds of file: %u is the layer, %e the expert; "": there is none. layout is that of `hf`. */
struct tl_name { enum tl_role role; const char *gguf, *hf; unsigned layout; };

struct tl_arch {
    const char *name;                    /* general.architecture of GGUF */
    const char *model_types[4];          /* model_type of config.json, NULL-terminated */
    const char *transformers;            /* the class that runs it there; NULL: none is known */
    const struct tl_name *names;         /* own names, ended by a NULL gguf; looked up before the common ones */
    float rope_share;                    /* of each head that turns, where config.json does not say; 0: all of it */
    bool halves;                         /* GGUF keeps the vendor's order of q and k rows, so rotation pairs halves */
    uint32_t full_every;                 /* GGUF: of so many layers the last sees all, the others a window; 0: no layer has one */
    bool less_one;                       /* safetensors hold norm weights minus one */
    bool ahead_apart;                    /* layers that predict further tokens are mtp.layers.N in safetensors; else they follow the model's */
    bool delta_fused, delta_tiled;       /* geometry.h's: in safetensors; in GGUF */
    bool planned;                        /* planned only: the interpreter lacks operations of it */
    bool tied;                           /* the embedding is the head where config.json does not say */
    enum tl_role biases[6];              /* that every model of it has, of those that not all need; ended by 0 */
    /* What is particular in the geometry; the common part has been read. NULL: nothing. */
    int (*read)(const struct tl_modelfile *file, struct tl_geometry *geometry);
    /* Tensors of a layer that files have and the operations here do without, with which a model is written again: the nth of them.
     * False: there are no more. NULL: none. */
    bool (*beside)(const struct tl_geometry *geometry, uint32_t nth, struct tl_want *ret_want);
    /* Appends the operations of one layer. */
    int (*layer)(struct tl_builder *builder);          /* the layer is builder->layer */
};

/* Does a model have this tensor that not all models of its architecture need? For geometries without a file. */
bool tl_arch_brings(const struct tl_arch *arch, const struct tl_modelfile *config, const struct tl_want *want);

const struct tl_arch *tl_arch_find(const struct tl_modelfile *file);  /* NULL: unknown; then the sentence is recorded */

#endif
