/* SPDX-License-Identifier: MIT */
/* Global functions: range, dict, namespace, raise_exception, strftime_now. */
#include "base/error.h"
#include "text/jinja.h"
#include "text/jinja_builtin.h"
#include "text/jinja_text.h"
#include "text/jinja_time.h"

#define UNUSED (void)arg, (void)all, (void)self, (void)j, (void)ret

enum { MAX_RANGE = 100000 };             /* of Jinja2's sandbox */

TL_JINJA_FUNCTION(tl_jinja_global_range)
{
    UNUSED;
    struct tl_jinja_range *range;
    int64_t start, stop, step;
    int r = 0;
    for (int i = 0; i < 3; i++)
        if (arg[i].kind == TL_JINJA_NONE)
            return tl_jinja_fail(j, TL_E_USAGE, "'range' takes integers, found none");
    if ((r = tl_jinja_builtin_int(j, &arg[0], 0, &start)) < 0 || (r = tl_jinja_builtin_int(j, &arg[1], 0, &stop)) < 0 ||
        (r = tl_jinja_builtin_int(j, &arg[2], 1, &step)) < 0 || (r = tl_jinja_take(j, 1, sizeof *range, &range)) < 0)
        return r;
    if (tl_jinja_is_missing(&arg[1])) {
        stop = start;
        start = 0;
    }
    if (step == 0)
        return tl_jinja_fail(j, TL_E_USAGE, "the step of a range is 0");
    uint64_t span = step > 0 ? (uint64_t)stop - (uint64_t)start : (uint64_t)start - (uint64_t)stop;
    uint64_t width = step > 0 ? (uint64_t)step : -(uint64_t)step, n = 0;
    if (step > 0 ? stop > start : start > stop)
        n = (span - 1) / width + 1;
    if (n > MAX_RANGE)
        return tl_jinja_fail(j, TL_E_USAGE, "a range has at most %d items", MAX_RANGE);
    *range = (struct tl_jinja_range){start, stop, step, n};
    *ret = (struct tl_jinja_value){.kind = TL_JINJA_RANGE, .range = range};
    return 0;
}

/* dict(other, key=value ...) */
static int fill_dict(struct tl_jinja *j, const struct tl_jinja_args *all, struct tl_jinja_value *dict)
{
    int r = 0;
    if (all->n_pos > 1)
        return tl_jinja_fail(j, TL_E_USAGE, "'dict' takes one mapping, found %zu", all->n_pos);
    if (all->n_pos && (r = tl_jinja_dict_update(j, dict->dict, &all->pos[0])) < 0)
        return r;
    for (size_t i = 0; i < all->n_named && r >= 0; i++) {
        struct tl_jinja_value key = tl_jinja_string(all->name[i]);
        r = tl_jinja_dict_put(j, dict->dict, &key, &all->named[i]);
    }
    return r;
}

TL_JINJA_FUNCTION(tl_jinja_global_dict)
{
    UNUSED;
    int r = tl_jinja_dict_new(j, TL_JINJA_DICT, all->n_named, ret);
    ret->user = all->n_pos && all->pos[0].user;
    return r < 0 ? r : fill_dict(j, all, ret);
}

TL_JINJA_FUNCTION(tl_jinja_global_namespace)
{
    UNUSED;
    int r = tl_jinja_dict_new(j, TL_JINJA_NAMESPACE, all->n_named + 1, ret);
    if (r < 0 || (r = fill_dict(j, all, ret)) < 0)
        return r;
    for (size_t i = 0; i < ret->dict->n; i++) {
        const struct tl_jinja_value *key = &ret->dict->pair[i].key;
        if (tl_jinja_is_string(key) && key->text->n && *key->text->bytes == '_')
            return tl_jinja_fail(j, TL_E_USAGE, "a namespace holds no names that begin with '_'");
    }
    return 0;
}

TL_JINJA_FUNCTION(tl_jinja_global_raise)
{
    UNUSED;
    struct tl_jinja_value message;
    int r = tl_jinja_print_text(j, &arg[0], &message);
    return r < 0 ? r : tl_jinja_fail(j, TL_E_USAGE, "%.*s", message.text->n < 300 ? (int)message.text->n : 300, message.text->bytes);
}

TL_JINJA_FUNCTION(tl_jinja_global_strftime)
{
    UNUSED;
    const struct tl_jinja_text *format;
    char text[TL_JINJA_TIME_BYTES];
    size_t n;
    int r = tl_jinja_builtin_text(j, &arg[0], &format);
    if (r < 0)
        return r;
    if (!tl_jinja_time_format(j->input->now, format->bytes, format->n, text, &n))
        return tl_jinja_fail(j, TL_E_USAGE, "the format of strftime_now is too long or not known");
    return tl_jinja_text_new(j, text, n, format->user || format->from, ret);
}
