/* SPDX-License-Identifier: MIT */
/* From messages to ids by the model's chat template. */
#ifndef TL_ENGINE_CHAT_H
#define TL_ENGINE_CHAT_H

#include "engine/engine.h"

struct tl_chat {
    const char *messages, *tools, *variables;        /* JSON; the last two may be NULL */
    const char *template_text;           /* NULL: the model's own */
    bool no_generation_prompt;
    bool goes_on;                        /* a last message of the assistant's, if there is one, is how the answer begins */
    int64_t now;                         /* seconds since 1970, for templates that tell the date; 0: the time that it is */
};

/* When a model is opened: finds out what its template tells (engine->tells_...). */
void tl_chat_look(struct tl_engine *engine);
/* Tools that the model's own template does not tell are told in a message (tl_turn_tell). */
int tl_chat_render(const struct tl_engine *engine, const struct tl_chat *chat, struct tl_parts *ret_parts);      /* tl_parts_done */
/* The joined text of the parts, and which of its bytes came from messages and tools (tl_tokenizer_encode_marked). tl_free both. */
int tl_chat_join(const struct tl_parts *parts, char **ret_text, uint8_t **ret_plain, size_t *ret_bytes);
/* Control tokens are recognised in what the template wrote, never in what came from messages and tools. ids: tl_free. */
int tl_chat_tokenize(const struct tl_engine *engine, const struct tl_chat *chat, int32_t **ret_ids, size_t *ret_count);

#endif
