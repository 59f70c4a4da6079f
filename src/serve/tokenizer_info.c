/* SPDX-License-Identifier: MIT */
/* GET /tokenizer_info, as vLLM has it: what evaluation harnesses ask for before they send ids. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "serve/routes.h"
#include "serve/server.h"

enum { NOTHING = -1 };

struct info { int64_t bos, eos; char *chat_template; };

static int read_fact(struct tl_json *json, struct info *info)
{
    if (tl_json_is(json, "tokenizer.ggml.bos_token_id"))
        return tl_json_i64(json, 0, INT32_MAX, &info->bos);
    if (tl_json_is(json, "tokenizer.ggml.eos_token_id"))
        return tl_json_i64(json, 0, INT32_MAX, &info->eos);
    if (tl_json_is(json, "tokenizer.chat_template") && !info->chat_template)
        return tl_json_text(json, &info->chat_template);
    return tl_json_skip(json);
}

/* The metadata of a model file, where it has these; what it lacks is asked of the open model. */
static void read_file(const char *path, struct info *info)
{
    struct tl_json json;
    char *text;
    if (trill_inspect(path, &text) < 0)
        return;
    tl_json_init(&json, path, text, strlen(text));
    int r = tl_json_next(&json);
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY) {
        if (!tl_json_is(&json, "metadata")) {
            r = tl_json_skip(&json);
            continue;
        }
        r = tl_json_next(&json);
        while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY)
            r = read_fact(&json, info);
        break;
    }
    tl_json_done(&json);
    trill_free(text);
}

static void ask_model(struct trill_model *model, uint32_t vocabulary, struct info *info)
{
    int32_t *ids;
    size_t n;
    if (info->bos == NOTHING && trill_tokenize(model, "", 0, TRILL_BOS, &ids, &n) >= 0) {
        info->bos = n ? ids[0] : NOTHING;
        trill_free(ids);
    }
    for (uint32_t id = 0; id < vocabulary && info->eos == NOTHING; id++)
        info->eos = trill_token_ends(model, (int32_t)id) > 0 ? (int64_t)id : NOTHING;
}

static void write_token(struct trill_model *model, const char *name, int64_t id, struct tl_buffer *out)
{
    char *text = NULL;
    size_t n = 0;
    int32_t token = (int32_t)id;
    bool there = id != NOTHING && trill_detokenize(model, &token, 1, TRILL_SPECIAL, &text, &n) >= 0;
    tl_buffer_json_member(out, name, there ? text : NULL);
    trill_free(text);
}

int tl_tokenizer_info_get(struct tl_exchange *exchange)
{
    struct tl_models *models = &exchange->server->models;
    struct info info = {NOTHING, NOTHING, NULL};
    struct trill_model_figures figures;
    struct trill_model *model;
    struct tl_buffer body;
    if (tl_models_enter(exchange, NULL, &model) != 0)
        return 0;
    trill_model_figures(model, &figures, sizeof(figures));
    read_file(models->options->models[models->current].path, &info);
    ask_model(model, figures.vocabulary, &info);
    tl_buffer_init(&body, 0);
    tl_buffer_append(&body, "{", 1);
    write_token(model, "bos_token", info.bos, &body);
    write_token(model, "eos_token", info.eos, &body);
    tl_buffer_json_member(&body, "chat_template", info.chat_template);
    tl_buffer_printf(&body, ",\"vocab_size\":%u,\"max_model_len\":%u}\n", figures.vocabulary, figures.context);
    tl_models_leave(models);
    tl_free(info.chat_template);
    tl_exchange_reply(exchange, 200, NULL, &body);
    return 0;
}
