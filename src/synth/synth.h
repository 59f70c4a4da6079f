/* SPDX-License-Identifier: MIT */
/* Models with random weights: any geometry, in any format that its kind of file holds, for tests and timing. */
#ifndef TL_SYNTH_SYNTH_H
#define TL_SYNTH_SYNTH_H

#include "base/progress.h"
#include "modelfile/modelfile.h"
#include "plan/recipe.h"

struct tl_synth {
    const char *source;                  /* a geometry's name, a config.json or a folder that holds one */
    const char *output;                  /* a file for GGUF, a folder for safetensors */
    const char *format;                  /* "gguf", "safetensors"; NULL: GGUF where output ends in .gguf */
    struct tl_recipe_names formats;
    uint32_t threads;                    /* 0: one per CPU */
    struct tl_outline_sizes sizes;
    double skew;                         /* share of the choices that the busiest quarter of experts takes; 0.25: even */
    uint64_t seed;
    bool ahead;                          /* with the layer that predicts a further token, where the geometry has one */
    bool force;                          /* an output that is there is replaced */
};

struct tl_synth_figures {
    const struct tl_known *known;        /* NULL: from a file */
    enum tl_modelfile_format format;
    uint64_t tensors, parameters, active_parameters;
    uint64_t stored_bytes, logical_bytes;        /* of the weights; logical: as if each expert were stored */
    uint32_t layers, experts, stored_experts;
    const char *experts_format, *trunk_format;
    double seconds;
};

int tl_synth_write(const struct tl_synth *how, struct tl_progress *progress, struct tl_synth_figures *ret_figures);

#endif
