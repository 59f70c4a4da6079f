/* SPDX-License-Identifier: MIT */
/* Plain values and lists of a request: each is checked against its row where it is read. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "wire/openai_fields.h"
#include "wire/openai_lists.h"

/* --- plain values ----------------------------------------------------------------------------------------------------------- */

int tl_openai_take_ignored(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    (void)field;
    return tl_json_skip(&reader->json);
}

int tl_openai_take_refused(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    (void)reader;
    return tl_fail(TL_E_USAGE, "%s %s", field->name, field->reason);
}

int tl_openai_take_neutral(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    double value;
    int r = tl_json_f64(&reader->json, &value);
    if (r < 0 || value == field->min)
        return r;
    return tl_fail(TL_E_USAGE, "%s is not supported: only %g, which is as good as without it", field->name, field->min);
}

int tl_openai_keep(struct tl_json *json, char **slot, int (*write)(struct tl_json *json, struct tl_buffer *out))
{
    struct tl_buffer out;
    tl_buffer_init(&out, 0);
    int r = write(json, &out);
    if (r >= 0 && (r = out.status) >= 0) {
        tl_free(*slot);
        *slot = tl_buffer_take(&out, NULL);
    }
    tl_buffer_done(&out);
    return r;
}

int tl_openai_take_text(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    return tl_openai_text(&reader->json, tl_openai_member(reader, field));
}

static int check_range(const struct tl_openai_field *field, double value)
{
    if (value >= field->min && value <= field->max)
        return 0;
    return tl_fail(TL_E_USAGE, "%s: expected a number from %.10g to %.10g, found %.10g", field->name, field->min, field->max, value);
}

int tl_openai_take_number(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    double value;
    int r = tl_json_f64(&reader->json, &value);
    if (r < 0 || (r = check_range(field, value)) < 0)
        return r;
    *(float *)tl_openai_member(reader, field) = (float)value;
    return 0;
}

int tl_openai_take_whole(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    return tl_json_i64(&reader->json, (int64_t)field->min, (int64_t)field->max, tl_openai_member(reader, field));
}

int tl_openai_take_count(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    int64_t value;
    int r = tl_json_i64(&reader->json, (int64_t)field->min, (int64_t)field->max, &value);
    if (r >= 0)
        *(uint32_t *)tl_openai_member(reader, field) = (uint32_t)value;
    return r;
}

/* -1, as some write it, is off like 0. */
int tl_openai_take_top_k(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    int64_t value;
    int r = tl_json_i64(&reader->json, (int64_t)field->min, (int64_t)field->max, &value);
    if (r >= 0)
        *(uint32_t *)tl_openai_member(reader, field) = value < 0 ? 0 : (uint32_t)value;
    return r;
}

int tl_openai_take_seed(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    int64_t value;
    int r = tl_json_i64(&reader->json, INT64_MIN, INT64_MAX, &value);
    if (r >= 0)
        *(uint64_t *)tl_openai_member(reader, field) = (uint64_t)value;
    return r;
}

int tl_openai_take_flag(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    return tl_json_bool(&reader->json, tl_openai_member(reader, field));
}

int tl_openai_take_skip(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    bool skip;
    int r = tl_json_bool(&reader->json, &skip);
    if (r >= 0)
        *(bool *)tl_openai_member(reader, field) = !skip;
    return r;
}

/* Of a chat true or false, of a completion how many alternatives. */
int tl_openai_take_logprobs(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    struct tl_openai_request *request = reader->request;
    int64_t top;
    if (request->kind != TL_OPENAI_COMPLETION)
        return tl_json_bool(&reader->json, &request->logprobs);
    int r = tl_json_i64(&reader->json, (int64_t)field->min, (int64_t)field->max, &top);
    if (r >= 0) {
        request->logprobs = true;
        request->top_logprobs = (uint32_t)top;
    }
    return r;
}

int tl_openai_take_nothing(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    int r = tl_json_next(&reader->json);
    if (r >= 0 && (r != TL_JSON_STRING || reader->json.string.len))
        return tl_fail(TL_E_USAGE, "%s is not supported: what follows the answer is not looked at", field->name);
    return r;
}

/* --- lists ------------------------------------------------------------------------------------------------------------------ */

int tl_openai_take_stops(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    (void)field;
    return tl_openai_stops(&reader->json, reader->request);
}

int tl_openai_take_biases(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    return tl_openai_biases(&reader->json, reader->request, field->min, field->max);
}

int tl_openai_take_prompt(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    return tl_openai_prompts(&reader->json, field->name, (uint32_t)field->max, reader->request);
}

int tl_openai_take_encoding(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    int r = tl_json_next(&reader->json);
    if (r < 0)
        return r;
    bool base64 = r == TL_JSON_STRING && tl_json_is(&reader->json, "base64");
    if (!base64 && !(r == TL_JSON_STRING && tl_json_is(&reader->json, "float")))
        return tl_fail(TL_E_USAGE, "%s: expected \"float\" or \"base64\"", field->name);
    *(bool *)tl_openai_member(reader, field) = base64;
    return 0;
}

