/* SPDX-License-Identifier: MIT */
/* Failures and bounds of a rendering. */
#include "text/jinja.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

int tl_jinja_fail(const struct tl_jinja *j, int code, const char *format, ...)
{
    char sentence[400];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    if (n >= (int)sizeof sentence)
        sentence[sizeof sentence - 1 - tl_utf8_unfinished(sentence, sizeof sentence - 1)] = 0;
    for (char *c = sentence; *c; c++)
        if ((unsigned char)*c < 0x20)
            *c = ' ';
    return tl_fail(code, "template:%u: %s", j->line, sentence);
}

const char *tl_jinja_kind_name(const struct tl_jinja_value *v)
{
    static const char *const titles[] = {
#define KIND(name, title) title,
#include "text/jinja_kinds.def"
#undef KIND
    };
    return titles[v->kind];
}

int tl_jinja_fail_undefined(const struct tl_jinja *j, const struct tl_jinja_value *v)
{
    int n = v->text ? (int)(v->text->n < 100 ? v->text->n : 100) : 0;
    struct tl_jinja_value owner = {.kind = v->owner};
    if (!v->text)
        return tl_jinja_fail(j, TL_E_USAGE, "a value is undefined");
    if (v->owner == TL_JINJA_MISSING)
        return tl_jinja_fail(j, TL_E_USAGE, "'%.*s' is undefined", n, v->text->bytes);
    return tl_jinja_fail(j, TL_E_USAGE, "a %s has no '%.*s'", tl_jinja_kind_name(&owner), n, v->text->bytes);
}

int tl_jinja_step(struct tl_jinja *j, uint64_t n)
{
    j->steps += n;
    if (j->steps <= j->limit_steps)
        return 0;
    return tl_jinja_fail(j, TL_E_FILE, "the template takes more than %" PRIu64 " steps", j->limit_steps);
}

int tl_jinja_scan(struct tl_jinja *j, uint64_t n_bytes)
{
    return n_bytes < 256 ? 0 : tl_jinja_step(j, n_bytes / 256);
}

int tl_jinja_enter(struct tl_jinja *j)
{
    if (++j->depth <= j->limit_depth)
        return tl_jinja_step(j, 1);
    return tl_jinja_fail(j, TL_E_FILE, "the template nests calls and blocks deeper than %u", j->limit_depth);
}

int tl_jinja_take(struct tl_jinja *j, size_t count, size_t elem_bytes, void *ret)
{
    int status;
    void *piece = tl_jinja_memory_take(&j->memory, count, elem_bytes, &status);
    if (!piece && status == TL_JINJA_NO_ROOM)
        return tl_jinja_fail(j, TL_E_FILE, "the template's values take more than %" PRIu64 " bytes", j->memory.limit_bytes);
    if (!piece)
        return status;
    memcpy(ret, &piece, sizeof piece);
    return 0;
}
