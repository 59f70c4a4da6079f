/* SPDX-License-Identifier: MIT */
/* Log-probabilities in both shapes: an object a token (chats), and lists beside each other (completions). */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "wire/openai_answer.h"

/* Where the likelihood is 0; no JSON number is minus infinity. */
static const double least_logprob = -9999;

static void put_logprob(struct tl_buffer *out, float logprob)
{
    if (isnan(logprob))
        tl_buffer_append(out, "null", 4);
    else
        tl_buffer_printf(out, "%.7g", logprob > least_logprob ? (double)logprob : least_logprob);
}

struct piece { const char *bytes; size_t n_bytes; };

static struct piece piece_of(const struct tl_tokenizer *tokenizer, int32_t id)
{
    struct piece piece = {"", 0};
    tl_tokenizer_piece(tokenizer, id, true, &piece.bytes, &piece.n_bytes);
    return piece;
}

static void put_piece(struct tl_buffer *out, const struct tl_tokenizer *tokenizer, int32_t id)
{
    struct piece piece = piece_of(tokenizer, id);
    tl_buffer_json_string(out, piece.bytes, piece.n_bytes);
}

/* --- chats ------------------------------------------------------------------------------------------------------------------ */

static void put_token(struct tl_buffer *out, const struct tl_tokenizer *tokenizer, const struct tl_event_logprob *token)
{
    struct piece piece = piece_of(tokenizer, token->id);
    tl_buffer_printf(out, "{\"token\":");
    tl_buffer_json_string(out, piece.bytes, piece.n_bytes);
    tl_buffer_printf(out, ",\"logprob\":");
    put_logprob(out, token->logprob);
    tl_buffer_printf(out, ",\"bytes\":[");
    for (size_t i = 0; i < piece.n_bytes; i++)
        tl_buffer_printf(out, "%s%u", i ? "," : "", (unsigned char)piece.bytes[i]);
    tl_buffer_append(out, "]", 1);
}

void tl_openai_put_chat_logprobs(struct tl_buffer *out, const struct tl_tokenizer *tokenizer, const struct tl_gather *gather, uint64_t from, uint64_t to)
{
    uint32_t top = gather->n_top;
    tl_buffer_printf(out, "{\"content\":[");
    for (uint64_t i = from; i < to; i++) {
        const struct tl_event_logprob *token = gather->logprobs + i * (1 + top);
        tl_buffer_append(out, ",", i > from);
        put_token(out, tokenizer, token);
        tl_buffer_printf(out, ",\"top_logprobs\":[");
        for (uint32_t k = 1; k <= top; k++) {
            tl_buffer_append(out, ",", k > 1);
            put_token(out, tokenizer, token + k);
            tl_buffer_append(out, "}", 1);
        }
        tl_buffer_append(out, "]}", 2);
    }
    tl_buffer_printf(out, "],\"refusal\":null}");
}

/* --- completions ------------------------------------------------------------------------------------------------------------ */

static size_t characters(struct piece piece)
{
    size_t n = 0;
    for (size_t i = 0; i < piece.n_bytes; i++)
        n += ((unsigned char)piece.bytes[i] & 0xC0) != 0x80;
    return n;
}

/* Control tokens stand in the text by their names only where they are shown; the count of a text's characters goes without. */
static size_t shown_characters(const struct tl_tokenizer *tokenizer, int32_t id)
{
    struct piece piece = {"", 0};
    tl_tokenizer_piece(tokenizer, id, false, &piece.bytes, &piece.n_bytes);
    return characters(piece);
}

/* Pieces that are one text as JSON (single bytes of characters are) stand there once, with the likeliest. */
static bool is_repeated(const struct tl_buffer *out, const size_t *starts, const size_t *ends, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (ends[i] - starts[i] == ends[n] - starts[n] && memcmp(out->data + starts[i], out->data + starts[n], ends[n] - starts[n]) == 0)
            return true;
    return false;
}

static void put_top(struct tl_buffer *out, const struct tl_tokenizer *tokenizer, const struct tl_event_logprob *token, uint32_t top)
{
    size_t starts[TL_OPENAI_TOP], ends[TL_OPENAI_TOP];
    uint32_t n = 0;
    if (isnan(token->logprob)) {
        tl_buffer_append(out, "null", 4);
        return;
    }
    tl_buffer_append(out, "{", 1);
    for (uint32_t k = 1; k <= top && k <= TL_OPENAI_TOP; k++) {
        size_t before = out->len;
        tl_buffer_append(out, ",", n > 0);
        starts[n] = out->len;
        put_piece(out, tokenizer, token[k].id);
        ends[n] = out->len;
        if (out->status >= 0 && is_repeated(out, starts, ends, n)) {
            out->len = before;
            continue;
        }
        n++;
        tl_buffer_append(out, ":", 1);
        put_logprob(out, token[k].logprob);
    }
    tl_buffer_append(out, "}", 1);
}

void tl_openai_put_plain_logprobs(struct tl_buffer *out, const struct tl_tokenizer *tokenizer, const struct tl_gather *gather, uint64_t from,
                                  uint64_t to, uint64_t *offset)
{
    uint32_t top = gather->n_top;
    uint64_t width = 1 + top;
    tl_buffer_printf(out, "{\"tokens\":[");
    for (uint64_t i = from; i < to; i++) {
        tl_buffer_append(out, ",", i > from);
        put_piece(out, tokenizer, gather->logprobs[i * width].id);
    }
    tl_buffer_printf(out, "],\"token_logprobs\":[");
    for (uint64_t i = from; i < to; i++) {
        tl_buffer_append(out, ",", i > from);
        put_logprob(out, gather->logprobs[i * width].logprob);
    }
    tl_buffer_printf(out, "],\"top_logprobs\":%s", top ? "[" : "null");
    for (uint64_t i = from; i < to && top; i++) {
        tl_buffer_append(out, ",", i > from);
        put_top(out, tokenizer, gather->logprobs + i * width, top);
    }
    tl_buffer_printf(out, "%s,\"text_offset\":[", top ? "]" : "");
    for (uint64_t i = from; i < to; i++) {
        tl_buffer_printf(out, "%s%" PRIu64, i > from ? "," : "", *offset);
        *offset += shown_characters(tokenizer, gather->logprobs[i * width].id);
    }
    tl_buffer_append(out, "]}", 2);
}
