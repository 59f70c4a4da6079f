/* SPDX-License-Identifier: MIT */
/* The objects that clients read: "chat.completion", "text_completion" and their log-probabilities in both shapes. */
#include "wire/openai_answer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Where the likelihood is 0; no JSON number is minus infinity. */
static const double least_logprob = -9999;

static int put_logprob(struct tl_buffer *out, float logprob)
{
    return tl_buffer_printf(out, "%.7g", logprob > least_logprob ? (double)logprob : least_logprob);
}

static void piece_of(const struct tl_tokenizer *tokenizer, int32_t id, const char **ret_bytes, size_t *ret_count)
{
    *ret_bytes = "";
    *ret_count = 0;
    tl_tokenizer_piece(tokenizer, id, true, ret_bytes, ret_count);
}

/* --- chats ------------------------------------------------------------------------------------------------------------------ */

static int put_token(struct tl_buffer *out, const struct tl_tokenizer *tokenizer, const struct tl_openai_logprob *token)
{
    const char *bytes;
    size_t n_bytes;
    piece_of(tokenizer, token->id, &bytes, &n_bytes);
    tl_buffer_printf(out, "{\"token\":");
    tl_buffer_json_string(out, bytes, n_bytes);
    tl_buffer_printf(out, ",\"logprob\":");
    put_logprob(out, token->logprob);
    tl_buffer_printf(out, ",\"bytes\":[");
    for (size_t i = 0; i < n_bytes; i++)
        tl_buffer_printf(out, "%s%u", i ? "," : "", (unsigned char)bytes[i]);
    return tl_buffer_append(out, "]", 1);
}

static int put_chat_logprobs(struct tl_buffer *out, const struct tl_tokenizer *tokenizer, const struct tl_openai_choice *choice, uint32_t top)
{
    tl_buffer_printf(out, "{\"content\":[");
    for (size_t i = 0; i < choice->n_tokens; i++) {
        const struct tl_openai_logprob *token = choice->logprobs + i * (1 + top);
        tl_buffer_append(out, ",", i > 0);
        put_token(out, tokenizer, token);
        tl_buffer_printf(out, ",\"top_logprobs\":[");
        for (uint32_t k = 0; k < top; k++) {
            tl_buffer_append(out, ",", k > 0);
            put_token(out, tokenizer, token + 1 + k);
            tl_buffer_append(out, "}", 1);
        }
        tl_buffer_append(out, "]}", 2);
    }
    return tl_buffer_printf(out, "],\"refusal\":null}");
}

/* --- completions ------------------------------------------------------------------------------------------------------------ */

static size_t characters(const char *bytes, size_t n_bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < n_bytes; i++)
        n += ((unsigned char)bytes[i] & 0xC0) != 0x80;
    return n;
}

static void put_top(struct tl_buffer *out, const struct tl_tokenizer *tokenizer, const struct tl_openai_logprob *tops, uint32_t top)
{
    const char *bytes;
    size_t n_bytes;
    tl_buffer_append(out, "{", 1);
    for (uint32_t k = 0; k < top; k++) {
        piece_of(tokenizer, tops[k].id, &bytes, &n_bytes);
        tl_buffer_append(out, ",", k > 0);
        tl_buffer_json_string(out, bytes, n_bytes);
        tl_buffer_append(out, ":", 1);
        put_logprob(out, tops[k].logprob);
    }
    tl_buffer_append(out, "}", 1);
}

static int put_plain_logprobs(struct tl_buffer *out, const struct tl_tokenizer *tokenizer, const struct tl_openai_choice *choice, uint32_t top)
{
    const char *bytes;
    size_t n_bytes, offset = 0, width = 1 + top;
    tl_buffer_printf(out, "{\"tokens\":[");
    for (size_t i = 0; i < choice->n_tokens; i++) {
        piece_of(tokenizer, choice->logprobs[i * width].id, &bytes, &n_bytes);
        tl_buffer_append(out, ",", i > 0);
        tl_buffer_json_string(out, bytes, n_bytes);
    }
    tl_buffer_printf(out, "],\"token_logprobs\":[");
    for (size_t i = 0; i < choice->n_tokens; i++) {
        tl_buffer_append(out, ",", i > 0);
        put_logprob(out, choice->logprobs[i * width].logprob);
    }
    tl_buffer_printf(out, "],\"top_logprobs\":%s", top ? "[" : "null");
    for (size_t i = 0; i < choice->n_tokens && top; i++) {
        tl_buffer_append(out, ",", i > 0);
        put_top(out, tokenizer, choice->logprobs + i * width + 1, top);
    }
    tl_buffer_printf(out, "%s,\"text_offset\":[", top ? "]" : "");
    for (size_t i = 0; i < choice->n_tokens; i++) {
        tl_buffer_printf(out, "%s%zu", i ? "," : "", offset);
        piece_of(tokenizer, choice->logprobs[i * width].id, &bytes, &n_bytes);
        offset += characters(bytes, n_bytes);
    }
    return tl_buffer_append(out, "]}", 2);
}

/* --- answers ---------------------------------------------------------------------------------------------------------------- */

static int put_choice(struct tl_buffer *out, const struct tl_tokenizer *tokenizer, const struct tl_openai_answer *answer, uint32_t index)
{
    const struct tl_openai_choice *choice = &answer->choice[index];
    bool chat = answer->kind == TL_OPENAI_CHAT;
    tl_buffer_printf(out, "%s{\"index\":%" PRIu32 ",%s", index ? "," : "", index,
                     chat ? "\"message\":{\"role\":\"assistant\",\"content\":" : "\"text\":");
    tl_buffer_json_string(out, choice->text, choice->n_bytes);
    tl_buffer_printf(out, "%s,\"logprobs\":", chat ? ",\"refusal\":null}" : "");
    if (!choice->logprobs)
        tl_buffer_printf(out, "null");
    else
        (chat ? put_chat_logprobs : put_plain_logprobs)(out, tokenizer, choice, answer->top);
    return tl_buffer_printf(out, ",\"finish_reason\":\"%s\"}", choice->finish);
}

int tl_openai_write_answer(struct tl_buffer *out, const struct tl_tokenizer *tokenizer, const struct tl_openai_answer *answer)
{
    bool chat = answer->kind == TL_OPENAI_CHAT;
    const char *model = answer->model ? answer->model : "";
    tl_buffer_printf(out, "{\"id\":\"%s-%s\",\"object\":\"%s\",\"created\":%" PRId64 ",\"model\":", chat ? "chatcmpl" : "cmpl", answer->id,
                     chat ? "chat.completion" : "text_completion", answer->created);
    tl_buffer_json_string(out, model, strlen(model));
    tl_buffer_printf(out, ",\"choices\":[");
    for (uint32_t i = 0; i < answer->n_choices; i++)
        put_choice(out, tokenizer, answer, i);
    return tl_buffer_printf(out, "],\"usage\":{\"prompt_tokens\":%" PRIu64 ",\"completion_tokens\":%" PRIu64 ",\"total_tokens\":%" PRIu64 "}}",
                            answer->prompt_tokens, answer->completion_tokens, answer->prompt_tokens + answer->completion_tokens);
}

static void put_or_null(struct tl_buffer *out, const char *text)
{
    if (text && *text)
        tl_buffer_json_string(out, text, strlen(text));
    else
        tl_buffer_append(out, "null", 4);
}

int tl_openai_write_error(struct tl_buffer *out, const char *message, const char *type, const char *param, const char *code)
{
    tl_buffer_printf(out, "{\"error\":{\"message\":");
    tl_buffer_json_string(out, message, strlen(message));
    tl_buffer_printf(out, ",\"type\":");
    put_or_null(out, type);
    tl_buffer_printf(out, ",\"param\":");
    put_or_null(out, param);
    tl_buffer_printf(out, ",\"code\":");
    put_or_null(out, code);
    return tl_buffer_append(out, "}}", 2);
}
