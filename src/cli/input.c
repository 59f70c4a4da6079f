/* SPDX-License-Identifier: MIT */
/* Reads whole inputs into memory and parses lists of ids. Nothing here knows what the text or the ids are for. */
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"
#include "cli/interrupt.h"

#define INPUT_LIMIT_BYTES ((size_t)1 << 30)

static int read_all(int fd, const char *name, struct tl_buffer *buffer)
{
    char piece[65536];
    for (;;) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR && !tl_interrupt_seen())
            continue;
        if (n < 0 && errno == EINTR)
            return tl_fail(TL_E_CANCEL, "interrupted");
        if (n < 0)
            return tl_fail(TL_E_IO, "%s: %s", name, strerror(errno));
        if (n == 0)
            return tl_buffer_append(buffer, "", 0);
        int r = tl_buffer_append(buffer, piece, (size_t)n);
        if (r < 0)
            return tl_fail_in(r, "%s", name);
    }
}

int tl_input_text(const char *path, char **ret_text, size_t *ret_bytes)
{
    bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? "standard input" : path;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tl_fail(TL_E_IO, "%s: %s", name, strerror(errno));
    struct tl_buffer buffer;
    tl_buffer_init(&buffer, INPUT_LIMIT_BYTES);
    int r = read_all(fd, name, &buffer);
    if (!standard)
        close(fd);
    if (r >= 0) {
        char *text = tl_buffer_take(&buffer, ret_bytes);
        if (text)
            *ret_text = text;
        r = text ? 0 : TL_E_NOMEM;
    }
    tl_buffer_done(&buffer);
    return r;
}

static int append_id(struct tl_buffer *ids, const char *name, size_t position, int64_t value)
{
    if (value < 0 || value > INT32_MAX)
        return tl_fail(TL_E_USAGE, "%s: id %zu: expected 0 to %d, found %lld", name, position, INT32_MAX, (long long)value);
    int32_t id = (int32_t)value;
    return tl_buffer_append(ids, &id, sizeof id);
}

static int parse_list(const char *name, const char *text, size_t n_bytes, struct tl_buffer *ids)
{
    struct tl_json json;
    tl_json_init(&json, name, text, n_bytes);
    int r = tl_json_next(&json);
    for (size_t i = 0; r >= 0; i++) {
        r = tl_json_next(&json);
        if (r < 0 || r == TL_JSON_ARRAY_END)
            break;
        int64_t value;
        if (r != TL_JSON_NUMBER || !tl_parse_i64(json.raw, json.raw_bytes, &value))
            r = tl_json_fail(&json, "a list of whole numbers");
        else
            r = append_id(ids, name, i, value);
    }
    if (r == TL_JSON_ARRAY_END)
        r = tl_json_next(&json);
    tl_json_done(&json);
    return r == TL_E_FILE ? TL_E_USAGE : r;
}

static int parse_words(const char *name, const char *text, size_t n_bytes, struct tl_buffer *ids)
{
    static const char blanks[] = " \t\r\n\v\f";
    const char *at = text, *end = text + n_bytes;
    for (size_t i = 0;; i++) {
        at += strspn(at, blanks);
        if (at == end)
            return 0;
        size_t n = strcspn(at, blanks);
        int64_t value;
        if (n == 0 || !tl_parse_i64(at, n, &value))
            return tl_fail(TL_E_USAGE, "%s: id %zu: expected a whole number, found '%.*s'", name, i, n < 40 ? (int)n : 40, at);
        int r = append_id(ids, name, i, value);
        if (r < 0)
            return r;
        at += n;
    }
}

int tl_input_ids(const char *path, int32_t **ret_ids, size_t *ret_count)
{
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    TL_AUTO char *text = NULL;
    size_t n_bytes = 0;
    int r = tl_input_text(path, &text, &n_bytes);
    if (r < 0)
        return r;
    struct tl_buffer ids;
    tl_buffer_init(&ids, 0);
    if (text[strspn(text, " \t\r\n")] == '[')
        r = parse_list(name, text, n_bytes, &ids);
    else
        r = parse_words(name, text, n_bytes, &ids);
    size_t ids_bytes = 0;
    void *taken = r < 0 ? NULL : tl_buffer_take(&ids, &ids_bytes);
    tl_buffer_done(&ids);
    if (r >= 0 && !taken)
        return TL_E_NOMEM;
    if (r < 0)
        return r;
    *ret_ids = taken;
    *ret_count = ids_bytes / sizeof **ret_ids;
    return 0;
}
