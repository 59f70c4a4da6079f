/* SPDX-License-Identifier: MIT */
/* Llama (Touvron et al. 2023; Llama 3, 2024), and all that share its layer: SmolLM2, Mistral 7B, TinyLlama.
 * GGUF stores the rows of q and k permuted, so that rotation pairs neighbours there. */
#include <string.h>

#include "model/arch.h"

/* Mistral's configuration windows every layer; where it names no window there is none. */
static int read_llama(const struct tl_modelfile *file, struct tl_geometry *g)
{
    const char *type = "";
    size_t n_bytes;
    int status = tl_meta_string(file, "config.model_type", &type, &n_bytes);
    for (uint32_t i = 0; i < g->n_layers && status > 0 && !strcmp(type, "mistral"); i++)
        g->layer_window[i] = g->window;
    return status;
}

static int layer(struct tl_builder *builder)
{
    TL_TRY(tl_build_gqa(builder, TL_BIASES));
    return tl_build_dense_ffn(builder, 0);
}

const struct tl_arch tl_arch_llama = { .name = "llama", .model_types = { "llama", "mistral" }, .transformers = "LlamaForCausalLM", .read = read_llama, .layer = layer };
