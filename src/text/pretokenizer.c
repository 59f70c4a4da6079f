/* SPDX-License-Identifier: MIT */
/* Cutting into words. Step i hands each of its parts to step i + 1 before it looks for the next one; the last hands words
 * to the caller. A step that rewrites text has one buffer, since only one of its parts is alive at a time. */
#include "text/pretokenizer.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "text/bytelevel.h"
#include "text/characters.h"

void tl_pretokenizer_done(struct tl_pretokenizer *pretokenizer)
{
    for (size_t i = 0; i < pretokenizer->count; i++) {
        tl_regex_free(pretokenizer->step[i].regex);
        tl_free(pretokenizer->step[i].pattern);
    }
    *pretokenizer = (struct tl_pretokenizer){0};
}

int tl_pretokenizer_add(struct tl_pretokenizer *pretokenizer, enum tl_pretoken_kind kind, struct tl_pretoken_step **ret_step)
{
    if (pretokenizer->count == TL_PRETOKENIZER_STEPS)
        return tl_fail(TL_E_FILE, "pre-tokenizer: more than %d steps", TL_PRETOKENIZER_STEPS);
    struct tl_pretoken_step *step = &pretokenizer->step[pretokenizer->count++];
    *step = (struct tl_pretoken_step){.kind = kind};
    *ret_step = step;
    return 0;
}

int tl_pretokenizer_add_split(struct tl_pretokenizer *pretokenizer, const char *regex, size_t n_bytes,
                              enum tl_split_behavior behavior, bool invert)
{
    struct tl_pretoken_step *step = NULL;
    int r = tl_pretokenizer_add(pretokenizer, TL_PRETOKEN_SPLIT, &step);
    if (r < 0)
        return r;
    step->behavior = behavior;
    step->invert = invert;
    step->n_pattern = n_bytes;
    step->pattern = tl_strndup(regex, n_bytes);
    return step->pattern ? tl_regex_new(regex, n_bytes, &step->regex) : TL_E_NOMEM;
}

/* --- running ------------------------------------------------------------------------------------------------------ */

static int run_step(struct tl_pretoken_run *run, size_t index, const char *text, size_t n_bytes, bool at_start);

/* The part that is being put together: [start, end) of the step's text. */
struct splitting {
    struct tl_pretoken_run *run;
    const struct tl_pretoken_step *step;
    size_t index;
    const char *text;
    bool at_start;
    size_t start, end;
    bool pending, delimiter;
};

static int flush_part(struct splitting *s)
{
    if (!s->pending || s->start == s->end)
        return 0;
    return run_step(s->run, s->index + 1, s->text + s->start, s->end - s->start, s->at_start && s->start == 0);
}

/* One match, or the text between two; an empty match is a border and nothing else. */
static int add_segment(struct splitting *s, size_t start, size_t end, bool is_match)
{
    bool delimiter = is_match != s->step->invert, joins = false;
    enum tl_split_behavior behavior = s->step->behavior;
    if (s->pending)
        joins = (behavior == TL_SPLIT_CONTIGUOUS && delimiter == s->delimiter) ||
                (behavior == TL_SPLIT_WITH_PREVIOUS && delimiter && !s->delimiter) ||
                (behavior == TL_SPLIT_WITH_NEXT && !delimiter && s->delimiter);
    if (joins) {
        s->end = end;
        s->delimiter = delimiter;
        return 0;
    }
    int r = flush_part(s);
    s->pending = behavior != TL_SPLIT_REMOVED || !delimiter;
    s->start = start;
    s->end = end;
    s->delimiter = delimiter;
    return r;
}

static int find(const struct splitting *s, size_t n_bytes, size_t from, size_t *ret_start, size_t *ret_end)
{
    if (s->step->regex)
        return tl_regex_find(s->step->regex, s->run->regex, s->text, n_bytes, from, ret_start, ret_end);
    const char *found = from < n_bytes ? memmem(s->text + from, n_bytes - from, s->step->pattern, s->step->n_pattern) : NULL;
    if (!found)
        return 0;
    *ret_start = (size_t)(found - s->text);
    *ret_end = *ret_start + s->step->n_pattern;
    return 1;
}

static int split(struct splitting *s, size_t n_bytes)
{
    size_t done = 0, from = 0, start, end;
    int found, r = 0;
    while (r >= 0 && from <= n_bytes && (found = find(s, n_bytes, from, &start, &end)) != 0) {
        if (found < 0)
            return found;
        if (start == end && start == done && done > 0) {     /* empty, right behind the last match */
            from = end < n_bytes ? end + tl_character_bytes(s->text + end, n_bytes - end) : n_bytes + 1;
            continue;
        }
        if (start > done)
            r = add_segment(s, done, start, false);
        if (r >= 0)
            r = add_segment(s, start, end, true);
        done = from = end;
        if (start == end)
            from = end < n_bytes ? end + tl_character_bytes(s->text + end, n_bytes - end) : n_bytes + 1;
    }
    if (r >= 0 && done < n_bytes)
        r = add_segment(s, done, n_bytes, false);
    return r < 0 ? r : flush_part(s);
}

static int write_metaspace(const struct tl_pretoken_step *step, const char *text, size_t n_bytes, bool prepend,
                           struct tl_buffer *out)
{
    bool has = n_bytes >= step->n_pattern && memcmp(text, step->pattern, step->n_pattern) == 0;
    if (prepend && !has && !(n_bytes && *text == ' '))
        tl_buffer_append(out, step->pattern, step->n_pattern);
    for (const char *end = text + n_bytes; text < end && out->status >= 0;) {
        const char *blank = memchr(text, ' ', (size_t)(end - text));
        tl_buffer_append(out, text, (size_t)((blank ? blank : end) - text));
        if (blank)
            tl_buffer_append(out, step->pattern, step->n_pattern);
        text = blank ? blank + 1 : end;
    }
    return out->status;
}

/* Room for n_bytes in an empty buffer; NULL: out of memory. */
static char *room(struct tl_buffer *out, size_t n_bytes)
{
    if (out->cap < n_bytes + 1) {
        char *data = tl_realloc(out->data, n_bytes + 1, 1);
        if (!data)
            return NULL;
        out->data = data;
        out->cap = n_bytes + 1;
    }
    return out->data;
}

static int rewrite(const struct tl_pretoken_step *step, const char *text, size_t n_bytes, bool first, bool continues,
                   struct tl_buffer *out)
{
    tl_buffer_clear(out);
    if (step->kind == TL_PRETOKEN_METASPACE) {
        bool wanted = step->prepend == TL_PREPEND_ALWAYS || (step->prepend == TL_PREPEND_FIRST && first);
        return write_metaspace(step, text, n_bytes, wanted && !continues, out);
    }
    if (step->kind == TL_PRETOKEN_PREFIX) {
        if (!continues && !(n_bytes && *text == ' '))
            tl_buffer_append(out, " ", 1);
        return tl_buffer_append(out, text, n_bytes);
    }
    char *to = room(out, 2 * n_bytes);
    if (!to)
        return TL_E_NOMEM;
    ptrdiff_t n = step->kind == TL_PRETOKEN_SPELL ? (ptrdiff_t)tl_bytelevel_spell(text, n_bytes, to) :
                                                    tl_bytelevel_unspell(text, n_bytes, to);
    if (n < 0)
        return tl_fail(TL_E_FILE, "pre-tokenizer: a step behind ByteLevel put in characters that stand for no byte");
    out->len = (size_t)n;
    return 0;
}

static int run_step(struct tl_pretoken_run *run, size_t index, const char *text, size_t n_bytes, bool at_start)
{
    if (index == run->pretokenizer->count)
        return run->emit(run->context, text, n_bytes);
    const struct tl_pretoken_step *step = &run->pretokenizer->step[index];
    if (step->kind == TL_PRETOKEN_SPLIT) {
        struct splitting s = {.run = run, .step = step, .index = index, .text = text, .at_start = at_start};
        return split(&s, n_bytes);
    }
    struct tl_buffer *out = &run->buffer[index];
    int r = rewrite(step, text, n_bytes, at_start && run->starts, at_start && run->continues, out);
    return r < 0 ? r : run_step(run, index + 1, out->data ? out->data : "", out->len, at_start);
}

int tl_pretokenizer_run(struct tl_pretoken_run *run, const char *text, size_t n_bytes)
{
    return n_bytes ? run_step(run, 0, text, n_bytes, true) : 0;
}

void tl_pretoken_run_done(struct tl_pretoken_run *run)
{
    for (size_t i = 0; i < TL_PRETOKENIZER_STEPS; i++)
        tl_buffer_done(&run->buffer[i]);
}
