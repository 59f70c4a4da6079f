/* SPDX-License-Identifier: MIT */
/* config.json of a folder whose experts are fewer: the source's text but for the counts that change. */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "compress/quantize_impl.h"

struct editing {
    const struct tl_quantizing *q;
    struct tl_json json;
    struct tl_buffer text;
    const char *copied;                  /* as far as the source's text is in ours */
    unsigned depth;                      /* where the counts are: of the model itself, or of its text_config */
    bool inside;
};

/* As count_of the metadata, by the names that families have for them. */
static bool is_experts(const struct tl_json *json)
{
    return tl_json_is(json, "num_experts") || tl_json_is(json, "n_routed_experts") || tl_json_is(json, "num_local_experts");
}

static bool is_ahead(const struct tl_json *json)
{
    return tl_json_is(json, "num_nextn_predict_layers") || tl_json_is(json, "mtp_num_hidden_layers");
}

static void put_experts(struct editing *e)
{
    const struct tl_quantizing *q = e->q;
    uint32_t count, n_layers = tl_model_geometry(q->model)->n_layers;
    if (tl_quantize_even(q, &count)) {
        tl_buffer_printf(&e->text, "%u", count);
        return;
    }
    for (uint32_t layer = 0; layer < n_layers; layer++)
        tl_buffer_printf(&e->text, "%s%u", layer ? ", " : "[", q->n_kept[layer]);
    tl_buffer_printf(&e->text, "]");
}

/* Behind a key: its value, a number or an array of such, is told anew. */
static int replace(struct editing *e, bool experts)
{
    int event = tl_json_next(&e->json);
    const char *value = e->json.raw;
    if (event == TL_JSON_ARRAY) {
        int r = tl_json_skip(&e->json);
        if (r < 0)
            return r;
    } else if (event != TL_JSON_NUMBER) {
        return event;
    }
    tl_buffer_append(&e->text, e->copied, (size_t)(value - e->copied));
    if (experts)
        put_experts(e);
    else
        tl_buffer_printf(&e->text, "0");
    e->copied = e->json.at;
    return event;
}

static int edit(struct editing *e)
{
    int event;
    while ((event = tl_json_next(&e->json)) > TL_JSON_END) {
        if (event != TL_JSON_KEY)
            continue;
        if (e->json.depth == 1 && e->depth == 2)
            e->inside = tl_json_is(&e->json, "text_config");
        bool experts = is_experts(&e->json);
        if (e->json.depth == e->depth && e->inside && (experts || is_ahead(&e->json)) && (event = replace(e, experts)) < 0)
            break;
    }
    tl_buffer_append(&e->text, e->copied, (size_t)(e->json.end - e->copied));
    return event;
}

int tl_quantize_config(const struct tl_quantizing *q)
{
    bool nested = tl_text_ends(tl_model_geometry(q->model)->prefix, "text_config.");
    struct editing e = {.q = q, .depth = nested ? 2 : 1, .inside = !nested};
    TL_AUTO char *text = NULL;
    size_t n_bytes;
    int r = tl_modelfile_beside(q->file, "config.json", &text, &n_bytes);
    if (r <= 0)
        return r;
    e.copied = text;
    tl_buffer_init(&e.text, 0);
    tl_json_init(&e.json, tl_modelfile_path(q->file), text, n_bytes);
    r = edit(&e);
    if (r >= 0)
        r = e.text.status < 0 ? e.text.status : tl_writer_beside(q->writer, "config.json", e.text.data, e.text.len);
    tl_json_done(&e.json);
    tl_buffer_done(&e.text);
    return r;
}
