/* SPDX-License-Identifier: MIT */
/* Tensors of the source that the other file is not made of. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "compress/convert_impl.h"

static const char ahead_text[] = "the layer that predicts a further token", silently[] = "";

/* Which layer behind the model's own a tensor is of, from 0; UINT64_MAX: of none. */
static uint64_t layer_ahead(const struct tl_conversion *c, const char *name)
{
    static const char *const begins[] = {"model.layers.", "model.language_model.layers.", "language_model.model.layers.", "blk."};
    if (tl_text_begins(name, "mtp.") || tl_text_begins(name, "model.mtp.") || tl_text_begins(name, "language_model.mtp."))
        return 0;
    for (size_t i = 0; i < TL_COUNT(begins); i++) {
        uint64_t layer = tl_text_begins(name, begins[i]) ? strtoull(name + strlen(begins[i]), NULL, 10) : 0;
        if (layer >= c->from.n_layers)
            return layer - c->from.n_layers;
    }
    return UINT64_MAX;
}

/* What a tensor that nobody takes is, of those that no text model needs; NULL: none of them. */
static const char *what_is(const struct tl_conversion *c, const char *name)
{
    static const struct { const char *in, *what; } rest[] = {
        {"rotary_emb.inv_freq", silently}, {".attention.masked_bias", silently}, {"rope_freqs.weight", silently}, {".weight_shape", silently},
        {"model.visual.", "what sees"}, {"visual.", "what sees"}, {"vision_tower.", "what sees"}, {"multi_modal_projector.", "what sees"},
    };
    static const char *const shared[] = {".embed_tokens.weight", ".shared_head.head.weight", ".shared_head_head.weight", ".lm_head.weight"};
    for (size_t i = 0; i < TL_COUNT(rest); i++)
        if (strstr(name, rest[i].in))
            return rest[i].what;
    uint64_t layer = layer_ahead(c, name);
    for (size_t i = 0; i < TL_COUNT(shared) && layer == 0; i++)
        if (tl_text_ends(name, shared[i]))
            return "what the layer that predicts a further token has in place of the model's embedding and head";
    if (layer == UINT64_MAX)
        return strstr(name, "lm_head.weight") ? silently : NULL;
    return ahead_text;
}

/* A layer of which something is not known is none that trill runs. */
static void check_ahead(struct tl_conversion *c, const uint8_t *marks)
{
    for (uint64_t i = 0; i < tl_modelfile_tensors(c->source); i++) {
        const char *name = tl_modelfile_tensor(c->source, i)->name;
        if (!marks[i] && what_is(c, name) == ahead_text && layer_ahead(c, name) == 0)
            c->ahead = false;
    }
}

int tl_convert_check_rest(struct tl_conversion *c)
{
    TL_AUTO uint8_t *marks = tl_alloc(tl_modelfile_tensors(c->source) + 1, 1);
    const char *said = silently;
    if (!marks)
        return TL_E_NOMEM;
    tl_store_mark(c->store, marks);
    check_ahead(c, marks);
    for (uint64_t i = 0; i < tl_modelfile_tensors(c->source); i++) {
        const char *name = tl_modelfile_tensor(c->source, i)->name, *what = marks[i] ? silently : what_is(c, name);
        char text[256];
        if (!what)
            return tl_fail(TL_E_USAGE, "%s: tensor %s is none that a model of the architecture %s is known to have, so it cannot be converted",
                           tl_modelfile_path(c->source), name, c->from.arch->name);
        snprintf(text, sizeof(text), "%s is left out: %s", what, name);
        if (*what && what != said && c->log)
            c->log(c->context, 1, text);
        said = *what ? what : said;
    }
    return 0;
}
