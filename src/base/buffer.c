/* SPDX-License-Identifier: MIT */
/* Growable bytes with a bound. The first failure sticks, so that writers check once; sizes double, and text is always
 * terminated. Formatted numbers come out the same under every locale. */
#include "base/buffer.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

void tl_buffer_init(struct tl_buffer *buffer, size_t limit)
{
    *buffer = (struct tl_buffer){.limit = limit};
}

void tl_buffer_done(struct tl_buffer *buffer)
{
    if (!buffer)
        return;
    tl_free(buffer->data);
    *buffer = (struct tl_buffer){0};
}

/* Room for n_bytes more and a terminator. */
static int reserve(struct tl_buffer *buffer, size_t n_bytes)
{
    size_t limit = buffer->limit ? buffer->limit : SIZE_MAX / 4;
    if (buffer->status < 0)
        return buffer->status;
    if (n_bytes > limit - buffer->len)
        return buffer->status = tl_fail(TL_E_FAIL, "text grows past its limit of %zu bytes", limit);
    size_t needed = buffer->len + n_bytes + 1;
    if (needed <= buffer->cap)
        return 0;
    size_t cap = buffer->cap ? 2 * buffer->cap : 64;
    if (cap > limit + 1)
        cap = limit + 1;
    if (cap < needed)
        cap = needed;
    char *data = tl_realloc(buffer->data, cap, 1);
    if (!data)
        return buffer->status = TL_E_NOMEM;
    buffer->data = data;
    buffer->cap = cap;
    return 0;
}

int tl_buffer_append(struct tl_buffer *buffer, const void *bytes, size_t n_bytes)
{
    int r = reserve(buffer, n_bytes);
    if (r < 0)
        return r;
    if (n_bytes)
        memcpy(buffer->data + buffer->len, bytes, n_bytes);
    buffer->len += n_bytes;
    buffer->data[buffer->len] = 0;
    return 0;
}

static int append_format(struct tl_buffer *buffer, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0)
        return buffer->status = tl_fail(TL_E_FAIL, "text cannot be formatted");
    int r = reserve(buffer, (size_t)length);
    if (r < 0)
        return r;
    vsnprintf(buffer->data + buffer->len, (size_t)length + 1, format, args);
    buffer->len += (size_t)length;
    return 0;
}

int tl_buffer_printf(struct tl_buffer *buffer, const char *format, ...)
{
    if (buffer->status < 0)
        return buffer->status;
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = plain ? uselocale(plain) : (locale_t)0;
    va_list args;
    va_start(args, format);
    int r = append_format(buffer, format, args);
    va_end(args);
    if (plain) {
        uselocale(before);
        freelocale(plain);
    }
    return r;
}

/* One code point inside a JSON string; `n` bytes of well-formed UTF-8 at `text`. */
static int append_json_char(struct tl_buffer *buffer, uint32_t code, const char *text, size_t n)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = code && code < 0x80 ? strchr(plain, (int)code) : NULL;
    if (found)
        return tl_buffer_append(buffer, (char[]){'\\', letters[found - plain]}, 2);
    if (code < 0x20 || code == 0x7F)
        return tl_buffer_printf(buffer, "\\u%04x", (unsigned)code);
    return tl_buffer_append(buffer, text, n);
}

int tl_buffer_json_string(struct tl_buffer *buffer, const char *text, size_t n_bytes)
{
    tl_buffer_append(buffer, "\"", 1);
    for (size_t at = 0; at < n_bytes && buffer->status >= 0;) {
        uint32_t code;
        int n = tl_utf8_decode(text + at, n_bytes - at, &code);
        if (n > 0)
            append_json_char(buffer, code, text + at, (size_t)n);
        else
            tl_buffer_append(buffer, "\xEF\xBF\xBD", 3);
        at += (size_t)(n > 0 ? n : -n);
    }
    return tl_buffer_append(buffer, "\"", 1);
}

int tl_buffer_json_member(struct tl_buffer *buffer, const char *name, const char *text)
{
    bool begins = !buffer->len || buffer->data[buffer->len - 1] == '{';
    tl_buffer_printf(buffer, "%s\"%s\":", begins ? "" : ",", name);
    return text ? tl_buffer_json_string(buffer, text, strlen(text)) : tl_buffer_append(buffer, "null", 4);
}

void tl_buffer_clear(struct tl_buffer *buffer)
{
    buffer->len = 0;
    buffer->status = 0;
    if (buffer->data)
        buffer->data[0] = 0;
}

char *tl_buffer_take(struct tl_buffer *buffer, size_t *ret_len)
{
    if (tl_buffer_append(buffer, "", 0) < 0) {
        tl_free(buffer->data);
        *buffer = (struct tl_buffer){.limit = buffer->limit, .status = buffer->status};
        return NULL;
    }
    char *data = buffer->data;
    if (ret_len)
        *ret_len = buffer->len;
    *buffer = (struct tl_buffer){.limit = buffer->limit};
    return data;
}
