/* SPDX-License-Identifier: MIT */
/* trill inspect: what is in a model file. The library makes the JSON document; for people it is read back and laid out
 * in at most 100 columns. Nothing but headers is read from the model. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/setup.h"

enum { COLUMNS = 100, FORMATS = 64, FORMAT_BYTES = 24, KEY_COLUMN = 44 };

struct settings {
    struct tl_setup setup;
    bool tensors, json;
};

static const struct tl_option options[] = {
    TL_COMMAND_OPTION(struct settings, tensors, FLAG, 0, "tensors", NULL,
                      .help = "every tensor with its type, shape and bytes"),
    TL_COMMAND_OPTION(struct settings, json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
#define SETUP_MODEL
#include "cli/setup_options.def"
};

static const struct tl_command_word words[] = {{"MODEL", offsetof(struct settings, setup.model)}};

struct format { char name[FORMAT_BYTES]; uint64_t bytes, tensors; };

struct view {
    struct tl_json json;
    struct tl_buffer head, metadata, tensors;
    struct format formats[FORMATS];
    size_t n_formats;
    uint64_t bytes, parameters, active, stored;
};

struct tensor { char name[96], type[FORMAT_BYTES], shape[64]; uint64_t bytes; };

/* Printable, and cut to the room there is: names and values come from the file. */
static void copy_text(char *to, size_t room, const char *from, size_t n_bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < n_bytes && n < room - 1; i++)
        to[n++] = (unsigned char)from[i] < 0x20 || from[i] == 0x7F ? ' ' : from[i];
    if (n_bytes > room - 1)
        memcpy(to + room - 4, "...", 3);
    to[n] = 0;
}

static int read_string(struct tl_json *json, char *to, size_t room)
{
    TL_AUTO char *text = NULL;
    int r = tl_json_text(json, &text);
    if (r >= 0)
        copy_text(to, room, text, strlen(text));
    return r;
}

static int read_shape(struct tl_json *json, char *to, size_t room)
{
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    int r = tl_json_next(json);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_NUMBER)
        tl_buffer_printf(&text, "%s%.*s", text.len ? " x " : "", (int)json->raw_bytes, json->raw);
    copy_text(to, room, text.data ? text.data : "", text.len);
    tl_buffer_done(&text);
    return r;
}

static void count_format(struct view *view, const struct tensor *tensor)
{
    size_t i = 0;
    while (i < view->n_formats && strcmp(view->formats[i].name, tensor->type) != 0)
        i++;
    if (i == FORMATS)
        return;
    if (i == view->n_formats) {
        view->n_formats++;
        memcpy(view->formats[i].name, tensor->type, FORMAT_BYTES);
    }
    view->formats[i].bytes += tensor->bytes;
    view->formats[i].tensors++;
}

static int read_tensor(struct view *view)
{
    struct tl_json *json = &view->json;
    struct tensor tensor = {0};
    int r;
    while ((r = tl_json_next(json)) == TL_JSON_KEY) {
        if (tl_json_is(json, "name"))
            r = read_string(json, tensor.name, sizeof tensor.name);
        else if (tl_json_is(json, "type"))
            r = read_string(json, tensor.type, sizeof tensor.type);
        else if (tl_json_is(json, "shape"))
            r = read_shape(json, tensor.shape, sizeof tensor.shape);
        else if (tl_json_is(json, "bytes"))
            r = tl_json_u64(json, UINT64_MAX, &tensor.bytes);
        else
            r = tl_json_skip(json);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return r;
    count_format(view, &tensor);
    return tl_buffer_printf(&view->tensors, "  %-48.58s %-8.10s %-22.30s %14" PRIu64 "\n", tensor.name, tensor.type,
                            tensor.shape, tensor.bytes);
}

static int read_tensors(struct view *view)
{
    int r = tl_json_next(&view->json);
    while (r >= 0 && (r = tl_json_next(&view->json)) == TL_JSON_OBJECT)
        r = read_tensor(view);
    return r;
}

/* A long list comes as {"count": N}. */
static int read_object(struct tl_json *json, char *to, size_t room)
{
    int r;
    copy_text(to, room, "{...}", 5);
    while ((r = tl_json_next(json)) == TL_JSON_KEY) {
        uint64_t count = 0;
        bool counted = tl_json_is(json, "count");
        r = counted ? tl_json_u64(json, UINT64_MAX, &count) : tl_json_skip(json);
        if (r < 0)
            return r;
        if (counted)
            snprintf(to, room, "[%" PRIu64 " values]", count);
    }
    return r;
}

/* One metadata value: as it is, cut to its column; of long lists only how long they are. */
static int read_value(struct view *view, const char *key)
{
    static const char *const plain[] = {[TL_JSON_TRUE] = "true", [TL_JSON_FALSE] = "false", [TL_JSON_NULL] = "null"};
    char value[COLUMNS - KEY_COLUMN];
    struct tl_json *json = &view->json;
    int event = tl_json_next(json), r = event;
    if (event == TL_JSON_OBJECT) {
        r = read_object(json, value, sizeof value);
    } else if (event == TL_JSON_ARRAY) {
        const char *text = json->raw;
        r = tl_json_skip(json);
        copy_text(value, sizeof value, text, (size_t)(json->at - text));
    } else if (event == TL_JSON_STRING) {
        copy_text(value, sizeof value, json->string.data ? json->string.data : "", json->string.len);
    } else if (event == TL_JSON_NUMBER) {
        copy_text(value, sizeof value, json->raw, json->raw_bytes);
    } else if (event >= 0) {
        copy_text(value, sizeof value, plain[event], strlen(plain[event]));
    }
    return r < 0 ? r : tl_buffer_printf(&view->metadata, "  %-*s %s\n", KEY_COLUMN - 4, key, value);
}

static int read_metadata(struct view *view)
{
    int r = tl_json_next(&view->json);
    while (r >= 0 && (r = tl_json_next(&view->json)) == TL_JSON_KEY) {
        char key[KEY_COLUMN - 3];
        copy_text(key, sizeof key, view->json.string.data, view->json.string.len);
        r = read_value(view, key);
    }
    return r;
}

static void append_count(struct view *view, const char *label, uint64_t count)
{
    char text[TL_AMOUNT_BYTES];
    tl_buffer_printf(&view->head, "%-20s %s (%" PRIu64 ")\n", label, tl_amount_of_count((double)count, text), count);
}

/* Fewer are stored where experts share what is. */
static void append_counts(struct view *view)
{
    append_count(view, "parameters", view->parameters);
    append_count(view, "active a token", view->active);
    if (view->stored < view->parameters)
        append_count(view, "stored", view->stored);
}

static int read_architecture(struct view *view)
{
    char name[64] = "not said";
    struct tl_json *json = &view->json;
    int r = tl_json_next(json);
    if (r == TL_JSON_STRING)
        copy_text(name, sizeof name, json->string.data ? json->string.data : "", json->string.len);
    return r < 0 ? r : tl_buffer_printf(&view->head, "%-20s %s\n", "architecture", name);
}

static void append_span(struct tl_buffer *head, const char *name, double least, double most)
{
    if (least < most)
        tl_buffer_printf(head, ", %ss %.4g to %.4g", name, least, most);
    else
        tl_buffer_printf(head, ", %s %.4g", name, most);
}

static int read_adapter(struct view *view)
{
    struct tl_json *json = &view->json;
    char base[64] = "", refused[400] = "";
    uint64_t n = 0, rank = 0, least = 0;
    double scale = 0, least_scale = 0;
    int r = tl_json_next(json);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        bool is_rank = tl_json_is(json, "rank"), is_scale = tl_json_is(json, "scale");
        if (tl_json_is(json, "base"))
            r = read_string(json, base, sizeof base);
        else if (tl_json_is(json, "not_supported"))
            r = read_string(json, refused, sizeof refused);
        else if (is_rank || tl_json_is(json, "least_rank"))
            r = tl_json_u64(json, UINT64_MAX, is_rank ? &rank : &least);
        else if (is_scale || tl_json_is(json, "least_scale"))
            r = tl_json_f64(json, is_scale ? &scale : &least_scale);
        else
            r = tl_json_is(json, "matrices") ? tl_json_u64(json, UINT64_MAX, &n) : tl_json_skip(json);
    }
    if (r >= 0 && refused[0])
        return tl_buffer_printf(&view->head, "%-20s not supported: %s\n", "adapter", refused);
    if (r < 0)
        return r;
    tl_buffer_printf(&view->head, "%-20s for %s: %" PRIu64 " matrices", "adapter", base, n);
    append_span(&view->head, "rank", (double)least, (double)rank);
    append_span(&view->head, "scale", least_scale, scale);
    return tl_buffer_printf(&view->head, "\n");
}

static int read_document(struct view *view)
{
    struct tl_json *json = &view->json;
    int r = tl_json_next(json);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        if (tl_json_is(json, "architecture"))
            r = read_architecture(view);
        else if (tl_json_is(json, "adapter"))
            r = read_adapter(view);
        else if (tl_json_is(json, "parameters"))
            r = tl_json_u64(json, UINT64_MAX, &view->parameters);
        else if (tl_json_is(json, "active_parameters"))
            r = tl_json_u64(json, UINT64_MAX, &view->active);
        else if (tl_json_is(json, "stored_parameters"))
            r = tl_json_u64(json, UINT64_MAX, &view->stored);
        else if (tl_json_is(json, "bytes"))
            r = tl_json_u64(json, UINT64_MAX, &view->bytes);
        else if (tl_json_is(json, "tensors"))
            r = read_tensors(view);
        else if (tl_json_is(json, "metadata"))
            r = read_metadata(view);
        else
            r = tl_json_skip(json);
    }
    return r;
}

static void append_formats(struct view *view)
{
    struct tl_buffer *head = &view->head;
    char text[TL_AMOUNT_BYTES];
    append_counts(view);
    tl_buffer_printf(head, "%-20s %s (%" PRIu64 " bytes)\n\nformats\n", "file", tl_amount_of_bytes((double)view->bytes, text), view->bytes);
    for (size_t done = 0; done < view->n_formats; done++) {
        size_t most = 0;
        for (size_t i = 1; i < view->n_formats; i++)
            if (view->formats[i].tensors && (!view->formats[most].tensors || view->formats[i].bytes > view->formats[most].bytes))
                most = i;
        struct format *format = &view->formats[most];
        double share = view->bytes ? 100 * (double)format->bytes / (double)view->bytes : 0;
        tl_buffer_printf(head, "  %-18s %5.1f %% %16" PRIu64 " bytes %6" PRIu64 " tensor%s\n", format->name, share,
                         format->bytes, format->tensors, format->tensors == 1 ? "" : "s");
        *format = (struct format){0};
    }
}

static int print_view(struct view *view, bool tensors)
{
    append_formats(view);
    tl_buffer_printf(&view->head, "\nmetadata\n");
    tl_buffer_append(&view->head, view->metadata.data, view->metadata.len);
    if (tensors) {
        tl_buffer_printf(&view->head, "\ntensors\n");
        tl_buffer_append(&view->head, view->tensors.data, view->tensors.len);
    }
    int failed = view->metadata.status < 0 ? view->metadata.status : view->tensors.status;
    return failed < 0 ? failed : tl_output_buffer(&view->head);
}

static int print_table(const char *document, bool tensors)
{
    TL_AUTO struct view *view = tl_alloc(1, sizeof *view);
    if (!view)
        return TL_E_NOMEM;
    tl_json_init(&view->json, "inspect", document, strlen(document));
    tl_buffer_init(&view->head, 0);
    tl_buffer_init(&view->metadata, 0);
    tl_buffer_init(&view->tensors, 0);
    int r = read_document(view);
    if (r >= 0)
        r = print_view(view, tensors);
    tl_json_done(&view->json);
    tl_buffer_done(&view->head);
    tl_buffer_done(&view->metadata);
    tl_buffer_done(&view->tensors);
    return r;
}

static int run(const void *given)
{
    const struct settings *settings = given;
    TL_AUTO char *path = NULL;
    char *document = NULL;
    int r = tl_setup_check(&settings->setup);
    if (r >= 0)
        r = tl_place_model(settings->setup.model, settings->setup.home, &path);
    if (r >= 0)
        r = tl_command_status(trill_inspect(path, &document));
    if (r >= 0 && settings->json)
        r = tl_output_text(document);
    else if (r >= 0)
        r = print_table(document, settings->tensors);
    if (r >= 0 && settings->json && document[strlen(document) - 1] != '\n')
        r = tl_output_text("\n");
    trill_free(document);
    return r;
}

const struct tl_command_body tl_inspect_command = {
    .about = "Shows architecture, parameters, number formats and metadata of a model, and with --tensors every\n"
             "tensor. Only headers are read, so it takes no time and no memory on any size of model.",
    .examples = "trill inspect smollm2-135m-instruct\n"
                "trill inspect model.gguf --tensors\n"
                "trill inspect folder --json\n",
    .options = options, .n_options = TL_COUNT(options),
    .words = words, .n_words = TL_COUNT(words),
    .settings_bytes = sizeof(struct settings), .run = run,
};
