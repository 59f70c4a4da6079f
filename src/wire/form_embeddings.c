/* SPDX-License-Identifier: MIT */
/* /v1/embeddings: a list of vectors, as numbers or as base64 of their little-endian float32 (RFC 4648). Never a stream. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "wire/openai_answer.h"

static int read_inputs(struct tl_openai_request *request, const char *where, const char *text, size_t n_bytes)
{
    int status = tl_openai_read(request, TL_OPENAI_EMBEDDING, where, text, n_bytes);
    request->stream = request->logprobs = request->echo = false;       /* of defaults */
    return status;
}

/* --- values ----------------------------------------------------------------------------------------------------------------- */

static void put_base64(struct tl_buffer *out, const uint8_t *bytes, size_t n_bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n_bytes; i += 3) {
        size_t n = n_bytes - i < 3 ? n_bytes - i : 3;
        uint32_t three = (uint32_t)bytes[i] << 16 | (n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (n > 2 ? bytes[i + 2] : 0);
        char four[4] = {digits[three >> 18], digits[three >> 12 & 63], n > 1 ? digits[three >> 6 & 63] : '=', n > 2 ? digits[three & 63] : '='};
        tl_buffer_append(out, four, 4);
    }
}

static int put_packed(struct tl_buffer *out, const struct tl_gather *input)
{
    TL_AUTO uint8_t *bytes = tl_alloc(input->n_values, sizeof(float));
    if (!bytes)
        return TL_E_NOMEM;
    for (uint32_t i = 0; i < input->n_values; i++) {
        uint32_t bits;
        memcpy(&bits, &input->values[i], sizeof(bits));
        for (size_t k = 0; k < 4; k++)
            bytes[4 * i + k] = (uint8_t)(bits >> 8 * k);
    }
    tl_buffer_append(out, "\"", 1);
    put_base64(out, bytes, 4 * (size_t)input->n_values);
    return tl_buffer_append(out, "\"", 1);
}

static int put_values(struct tl_buffer *out, const struct tl_gather *input)
{
    tl_buffer_append(out, "[", 1);
    for (uint32_t i = 0; i < input->n_values; i++)
        tl_buffer_printf(out, "%s%.9g", i ? "," : "", (double)input->values[i]);
    return tl_buffer_append(out, "]", 1);
}

/* --- the writer ------------------------------------------------------------------------------------------------------------- */

static int begin(struct tl_form_writer *writer, struct tl_buffer *out)
{
    (void)writer;
    return out->status;
}

static int event(struct tl_form_writer *opaque, const struct tl_event *event, struct tl_buffer *out)
{
    (void)out;
    return tl_gather_event(&((struct tl_openai_writer *)opaque)->part[event->part].gather, event);
}

static int finish(struct tl_form_writer *opaque, struct tl_buffer *out)
{
    const struct tl_openai_writer *writer = (const struct tl_openai_writer *)opaque;
    uint64_t tokens = 0;
    int status = 0;
    tl_buffer_printf(out, "{\"object\":\"list\",\"data\":[");
    for (uint32_t i = 0; i < writer->facts.n_parts && status >= 0; i++) {
        tl_buffer_printf(out, "%s{\"object\":\"embedding\",\"index\":%" PRIu32 ",\"embedding\":", i ? "," : "", i);
        status = (writer->facts.request->base64 ? put_packed : put_values)(out, &writer->part[i].gather);
        tl_buffer_append(out, "}", 1);
        tokens += writer->part[i].gather.usage.prompt_tokens;
    }
    tl_buffer_append(out, "]", 1);
    tl_buffer_json_member(out, "model", writer->facts.model ? writer->facts.model : "");
    tl_buffer_printf(out, ",\"usage\":{\"prompt_tokens\":%" PRIu64 ",\"total_tokens\":%" PRIu64 "}}", tokens, tokens);
    return status < 0 ? status : out->status;
}

static void beat(struct tl_buffer *out) { (void)out; }

const struct tl_form tl_form_embeddings = {
    .name = "embeddings", .path = "/v1/embeddings", .read = read_inputs, .writer_new = tl_openai_writer_new,
    .writer_free = tl_openai_writer_free, .begin = begin, .event = event, .finish = finish, .beat = beat, .error = tl_openai_put_error,
};
