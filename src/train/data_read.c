/* SPDX-License-Identifier: MIT */
/* Reads a corpus: files one by one, long texts in blocks that end where a line does, so that a tokenizer never sees more
 * than a block; lines of JSON one by one. A text that was there before, byte for byte, is dropped. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/utf8.h"
#include "engine/texts.h"
#include "wire/openai.h"
#include "train/data_impl.h"

enum { BLOCK_BYTES = 1 << 20, LINE_BYTES = 64 << 20, SEEN_BYTES = 16, ILL_SHARE = 20 };
static const size_t most_bytes = (size_t)4 << 30;

struct seen { uint8_t digest[SEEN_BYTES]; };

struct reading {
    const char *path;
    const struct tl_corpus_how *how;
    struct tl_corpus *corpus;
    bool folder;
    struct seen *seen;                   /* [cap], half of it empty: all zero */
    uint64_t n_seen, cap_seen, read_bytes;
    int32_t *ids;                        /* of the text that is read */
    uint64_t n_ids, cap_ids;
    char first_left[160];                /* why the first file was left out */
};

/* --- texts that were there ---------------------------------------------------------------------------------------- */

static struct seen *place_of(const struct reading *r, const struct seen *seen)
{
    static const struct seen empty;
    uint64_t at;
    memcpy(&at, seen->digest, sizeof(at));
    for (at &= r->cap_seen - 1;; at = (at + 1) & (r->cap_seen - 1))
        if (memcmp(&r->seen[at], &empty, sizeof(empty)) == 0 || memcmp(&r->seen[at], seen, sizeof(*seen)) == 0)
            return &r->seen[at];
}

static int grow_seen(struct reading *r)
{
    static const struct seen empty;
    struct seen *old = r->seen;
    uint64_t cap = r->cap_seen;
    struct seen *grown = tl_alloc(cap ? 2 * cap : 1024, sizeof(*grown));
    if (!grown)
        return TL_E_NOMEM;
    r->cap_seen = cap ? 2 * cap : 1024;
    r->seen = grown;
    for (uint64_t i = 0; i < cap; i++)
        if (memcmp(&old[i], &empty, sizeof(empty)) != 0)
            *place_of(r, &old[i]) = old[i];
    tl_free(old);
    return 0;
}

/* 1: it was there. */
static int look_up(struct reading *r, const char *text, size_t n_bytes)
{
    struct seen seen;
    uint8_t digest[TL_SHA256_BYTES];
    if (2 * r->n_seen >= r->cap_seen && grow_seen(r) < 0)
        return TL_E_NOMEM;
    tl_sha256_of(text, n_bytes, digest);
    memcpy(seen.digest, digest, SEEN_BYTES);
    struct seen *place = place_of(r, &seen);
    if (memcmp(place, &seen, sizeof(seen)) == 0) {
        r->corpus->counts.duplicates++;
        return 1;
    }
    *place = seen;
    r->n_seen++;
    r->corpus->counts.texts++;
    return 0;
}

/* --- a text ------------------------------------------------------------------------------------------------------- */

static int check_room(const struct reading *r, uint64_t more_bytes)
{
    uint64_t bytes = tl_corpus_bytes(r->corpus) + r->cap_seen * sizeof(*r->seen) + r->cap_ids * sizeof(*r->ids) + more_bytes;
    if (!r->how->ram_bytes || bytes <= r->how->ram_bytes)
        return 0;
    return tl_fail(TL_E_BUDGET, "%s: reading it takes more than the %.0f MB that the budget leaves for texts; give more --ram, or less text",
                   r->path, (double)r->how->ram_bytes * 1e-6);
}

static int put_ids(struct reading *r, const int32_t *ids, size_t n)
{
    if (tl_reserve((void **)&r->ids, r->n_ids + n, &r->cap_ids, sizeof(*r->ids)) < 0)
        return TL_E_NOMEM;
    if (n)
        memcpy(r->ids + r->n_ids, ids, n * sizeof(*ids));
    r->n_ids += n;
    return 0;
}

/* A block ends behind a line or, where there is none, between two characters. */
static size_t block_of(const char *text, size_t n_bytes)
{
    if (n_bytes <= BLOCK_BYTES)
        return n_bytes;
    for (size_t n = BLOCK_BYTES; n > BLOCK_BYTES / 2; n--)
        if (text[n - 1] == '\n')
            return n;
    return BLOCK_BYTES - tl_utf8_unfinished(text, BLOCK_BYTES);
}

static int encode(struct reading *r, const char *text, size_t n_bytes)
{
    const struct tl_tokenizer *tokenizer = r->how->tokenizer;
    int32_t bos = tl_tokenizer_bos(tokenizer), eos = tl_tokenizer_eos(tokenizer);
    int status = 0;
    r->n_ids = 0;
    if (tl_tokenizer_adds_bos(tokenizer) && bos >= 0)
        status = put_ids(r, &bos, 1);
    for (size_t at = 0; at < n_bytes && status >= 0;) {
        TL_AUTO int32_t *ids = NULL;
        size_t n = block_of(text + at, n_bytes - at), n_ids = 0;
        status = tl_tokenizer_encode(tokenizer, text + at, n, at ? TL_ENCODE_CONTINUE : 0, &ids, &n_ids);
        if (status >= 0)
            status = put_ids(r, ids, n_ids);
        at += n;
        r->read_bytes += n;
        if (status >= 0)
            status = tl_progress_move(r->how->progress, r->read_bytes);
    }
    if (status >= 0 && eos >= 0)
        status = put_ids(r, &eos, 1);
    return status;
}

static uint64_t most_of(const struct reading *r) { return (uint64_t)r->how->window * TL_CORPUS_PIECE; }

static bool is_blank(const char *text, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        if (!text[i] || !strchr(" \t\r\n", text[i]))
            return false;
    return true;
}

static int add_text(struct reading *r, const char *text, size_t n_bytes)
{
    if (is_blank(text, n_bytes))
        return 0;
    int status = look_up(r, text, n_bytes);
    if (status != 0)
        return status < 0 ? status : 0;
    status = encode(r, text, n_bytes);
    if (status >= 0)
        status = tl_corpus_add(r->corpus, r->ids, NULL, r->n_ids, most_of(r));
    return status < 0 ? status : check_room(r, 0);
}

static int add_messages(struct reading *r, const char *messages, size_t n_bytes)
{
    TL_AUTO int32_t *ids = NULL;
    TL_AUTO uint8_t *silent = NULL;
    uint64_t n;
    int status = look_up(r, messages, n_bytes);
    if (status != 0)
        return status < 0 ? status : 0;
    status = tl_corpus_chat(r->how, messages, &ids, &silent, &n);
    if (status >= 0)
        status = tl_corpus_add(r->corpus, ids, silent, n, most_of(r));
    return status < 0 ? status : check_room(r, 0);
}

/* --- a file of texts ---------------------------------------------------------------------------------------------- */

/* Says in `why` what makes it no text: a NUL byte, or many bytes that are no UTF-8. */
static bool is_text(const char *text, size_t n_bytes, char *why, size_t why_bytes)
{
    const char *nul = memchr(text, 0, n_bytes);
    size_t ill = 0;
    if (nul) {
        snprintf(why, why_bytes, "byte %zu is NUL, which no text has", (size_t)(nul - text));
        return false;
    }
    for (size_t at = 0; at < n_bytes;) {
        uint32_t code;
        int n = tl_utf8_decode(text + at, n_bytes - at, &code);
        ill += n < 0 ? (size_t)-n : 0;
        at += (size_t)(n < 0 ? -n : n);
    }
    if (ill > n_bytes / ILL_SHARE)
        snprintf(why, why_bytes, "%zu of its %zu bytes are no UTF-8", ill, n_bytes);
    return ill <= n_bytes / ILL_SHARE;
}

static int read_text(struct reading *r, const char *path, const struct tl_file *file)
{
    TL_AUTO char *text = NULL;
    size_t n_bytes = file->size_bytes;
    char why[96];
    int status = check_room(r, n_bytes);
    if (status >= 0)
        status = tl_file_slurp(path, most_bytes, &text, &n_bytes);
    if (status < 0)
        return status;
    if (is_text(text, n_bytes, why, sizeof(why)))
        return add_text(r, text, n_bytes);
    if (!r->folder)
        return tl_fail(TL_E_USAGE, "%s: is no text: %s", path, why);
    if (!r->corpus->counts.left_out++)
        snprintf(r->first_left, sizeof(r->first_left), "%s", why);
    return 0;
}

/* --- lines of JSON ------------------------------------------------------------------------------------------------ */

static int read_member(struct tl_json *json, struct tl_buffer *text, struct tl_buffer *messages)
{
    if (tl_json_is(json, "messages"))
        return tl_openai_messages(json, messages);
    if (!tl_json_is(json, "text"))
        return tl_json_skip(json);
    int event = tl_json_next(json);
    if (event >= 0 && event != TL_JSON_STRING)
        return tl_json_fail(json, "a string behind \"text\"");
    return event < 0 ? event : tl_buffer_append(text, json->string.data, json->string.len);
}

static int read_line(struct reading *r, const char *where, const char *line, size_t n_bytes)
{
    struct tl_json json;
    struct tl_buffer text, messages;
    tl_json_init(&json, where, line, n_bytes);
    tl_buffer_init(&text, 0);
    tl_buffer_init(&messages, 0);
    int event = tl_json_next(&json);
    if (event >= 0 && event != TL_JSON_OBJECT)
        event = tl_json_fail(&json, "an object");
    bool found = false;
    while (event >= 0 && (event = tl_json_next(&json)) == TL_JSON_KEY) {
        found |= tl_json_is(&json, "messages") || tl_json_is(&json, "text");
        event = read_member(&json, &text, &messages);
    }
    if (event >= 0)
        event = tl_json_next(&json);
    if (event >= 0 && !found)
        event = tl_fail(TL_E_USAGE, "%s: found neither \"text\" nor \"messages\"", where);
    if (event >= 0 && messages.len)
        event = add_messages(r, messages.data, messages.len);
    if (event >= 0 && text.len)
        event = add_text(r, text.data, text.len);
    if (event < 0 && !tl_text_begins(tl_error_text(), where))
        event = tl_fail_in(event, "%s", where);
    tl_json_done(&json);
    tl_buffer_done(&text);
    tl_buffer_done(&messages);
    return event < 0 ? event : 0;
}

struct lines { const struct tl_file *file; char *bytes; uint64_t at, from, n, cap; };       /* from: of the bytes that wait */

/* The next line without its end; 0: there is none. */
static int next_line(struct lines *l, const char **ret_line, size_t *ret_bytes)
{
    for (uint64_t seen = 0;;) {
        const char *end = l->n > seen ? memchr(l->bytes + l->from + seen, '\n', l->n - seen) : NULL;
        if (end || (l->at == l->file->size_bytes && l->n)) {
            *ret_line = l->bytes + l->from;
            *ret_bytes = end ? (size_t)(end - *ret_line) : l->n;
            l->from += *ret_bytes + !!end;
            l->n -= *ret_bytes + !!end;
            return 1;
        }
        if (l->at == l->file->size_bytes)
            return 0;
        seen = l->n;
        if (l->n && l->from)
            memmove(l->bytes, l->bytes + l->from, l->n);
        l->from = 0;
        if (l->n == l->cap) {
            if (l->cap >= LINE_BYTES)
                return tl_fail(TL_E_USAGE, "%s: a line of more than %d bytes", l->file->path, LINE_BYTES);
            if (tl_reserve((void **)&l->bytes, l->cap ? 2 * l->cap : BLOCK_BYTES, &l->cap, 1) < 0)
                return TL_E_NOMEM;
        }
        uint64_t left = l->file->size_bytes - l->at, more = l->cap - l->n < left ? l->cap - l->n : left;
        int status = tl_file_read(l->file, l->at, l->bytes + l->n, more);
        if (status < 0)
            return status;
        l->at += more;
        l->n += more;
    }
}

static int read_lines(struct reading *r, const char *path, const struct tl_file *file)
{
    struct lines lines = { .file = file };
    struct tl_buffer where;
    const char *line = NULL;
    size_t n_bytes = 0;
    int status = 0;
    tl_buffer_init(&where, 0);
    for (uint64_t number = 1; status >= 0 && (status = next_line(&lines, &line, &n_bytes)) > 0; number++) {
        tl_buffer_clear(&where);
        if (is_blank(line, n_bytes))
            continue;
        status = tl_buffer_printf(&where, "%s: line %" PRIu64, path, number);
        if (status >= 0)
            status = read_line(r, where.data, line, n_bytes);
    }
    tl_buffer_done(&where);
    tl_free(lines.bytes);
    return status;
}

/* --- the corpus --------------------------------------------------------------------------------------------------- */

/* What is wrong with texts is no fault of a model file. */
static int read_path(void *context, const char *path)
{
    struct reading *r = context;
    struct tl_file *file = NULL;
    int status = tl_file_open(path, &file);
    if (status >= 0)
        status = (tl_text_ends(path, ".jsonl") ? read_lines : read_text)(r, path, file);
    tl_file_close(file);
    return status == TL_E_FILE ? tl_error_set(TL_E_USAGE, tl_error_text()) : status;
}

static int check_content(const struct reading *r)
{
    const struct tl_corpus_counts *counts = &r->corpus->counts;
    if (r->corpus->n_ids > 1 && tl_corpus_tokens(r->corpus, false) > 1)
        return 0;
    if (!r->corpus->n_ids && counts->left_out)
        return tl_fail(TL_E_USAGE, "%s: holds no text: %" PRIu64 " files are none (of the first, %s)", r->path, counts->left_out, r->first_left);
    return tl_fail(TL_E_USAGE, "%s: holds %" PRIu64 " tokens to learn from, at least 2 are needed", r->path,
                   r->corpus->n_ids ? tl_corpus_tokens(r->corpus, false) : 0);
}

int tl_corpus_read(const char *path, const struct tl_corpus_how *how, struct tl_corpus **ret_corpus)
{
    struct reading r = { .path = path, .how = how, .folder = tl_file_is_folder(path) };
    if (how->window < 2)
        return tl_fail(TL_E_USAGE, "a window of %u tokens, at least 2 are needed", how->window);
    r.corpus = tl_alloc(1, sizeof(*r.corpus));
    if (!r.corpus)
        return TL_E_NOMEM;
    r.corpus->window = how->window;
    int status = tl_progress_begin(how->progress, "reading texts", 0, 0, "bytes");
    if (status >= 0)
        status = tl_texts_walk(path, read_path, &r);
    if (status >= 0)
        status = tl_corpus_part(r.corpus, how->held_share);
    if (status >= 0)
        status = check_content(&r);
    tl_free(r.seen);
    tl_free(r.ids);
    if (status < 0) {
        tl_corpus_free(r.corpus);
        return status;
    }
    *ret_corpus = r.corpus;
    return 0;
}
