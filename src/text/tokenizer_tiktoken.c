/* SPDX-License-Identifier: MIT */
/* A tokenizer from tiktoken.model, as Kimi publishes it: a line a token, its bytes in base64 (RFC 4648), a blank, its rank.
 *
 * The rank is the id. Merges are implied: of all neighbours whose bytes together are a token, those of the lowest rank
 * merge first, so nothing but the vocabulary is kept. What the ids behind the ranks are called stands in
 * tokenizer_config.json's added_tokens_decoder; those of the first 258 without a name are reserved (tokenization_kimi.py).
 * Ranks must be 0, 1 ... without a gap, in any order, and every byte must be a token, as tiktoken needs it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parse.h"
#include "text/bytelevel.h"
#include "text/tokenizer_added.h"

#define ADDED "tokenizer_config.added_tokens_decoder."

enum { MAX_TOKEN_BYTES = 1024, N_RESERVED = 258, MAX_ADDED = 1 << 16 };

/* --- lines -------------------------------------------------------------------------------------------------------- */

struct lines { const char *where, *at, *end; uint64_t line; };

/* The next line that is not empty; false at the end. */
static bool next_line(struct lines *lines, struct tl_text *ret_line)
{
    while (lines->at < lines->end) {
        const char *start = lines->at, *stop = memchr(start, '\n', (size_t)(lines->end - start));
        stop = stop ? stop : lines->end;
        lines->at = stop + 1;
        lines->line++;
        if (stop > start && stop[-1] == '\r')
            stop--;
        *ret_line = (struct tl_text){start, (size_t)(stop - start)};
        if (stop > start)
            return true;
    }
    return false;
}

static int value_of(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 :
           c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Whole groups of four, the last one padded; -1 where the text is anything else. Writes 3 bytes for each 4 characters. */
static ptrdiff_t decode_base64(const char *text, size_t n, uint8_t *ret_bytes)
{
    size_t padding = n > 1 && text[n - 1] == '=' ? 1u + (text[n - 2] == '=') : 0, n_bytes = 0;
    if (n % 4 != 0)
        return -1;
    for (size_t i = 0; i < n; i += 4) {
        uint32_t bits = 0;
        for (size_t k = i; k < i + 4; k++) {
            int value = k < n - padding ? value_of(text[k]) : 0;
            if (value < 0)
                return -1;
            bits = bits << 6 | (uint32_t)value;
        }
        for (int shift = 16; shift >= 0; shift -= 8)
            ret_bytes[n_bytes++] = (uint8_t)(bits >> shift);
    }
    for (size_t k = 0; k < padding; k++)
        if (ret_bytes[--n_bytes] != 0)
            return -1;                   /* bits that no byte holds */
    return (ptrdiff_t)n_bytes;
}

static int fail_line(const struct lines *lines, struct tl_text found, const char *expected)
{
    return tl_fail(TL_E_FILE, "%s: line %" PRIu64 ": found '%.*s', expected %s", lines->where, lines->line,
                   (int)(found.n_bytes < 40 ? found.n_bytes : 40), found.bytes, expected);
}

/* One "dGhl 262": the name, spelled as byte-level vocabularies spell it, and the id. */
static int read_line(const struct lines *lines, struct tl_text line, uint64_t n_ranks, char name[2 * MAX_TOKEN_BYTES], size_t *ret_bytes,
                     uint64_t *ret_rank)
{
    uint8_t bytes[MAX_TOKEN_BYTES + 4];
    const char *blank = memchr(line.bytes, ' ', line.n_bytes);
    if (!blank)
        return fail_line(lines, line, "a token in base64, a blank and its rank");
    size_t n = (size_t)(blank - line.bytes), n_rank = line.n_bytes - n - 1;
    if (n > (MAX_TOKEN_BYTES + 2) / 3 * 4)
        return tl_fail(TL_E_FILE, "%s: line %" PRIu64 ": a token of more than %d bytes, at most that many supported", lines->where,
                       lines->line, MAX_TOKEN_BYTES);
    ptrdiff_t n_bytes = decode_base64(line.bytes, n, bytes);
    if (n_bytes < 1 || n_bytes > MAX_TOKEN_BYTES)
        return fail_line(lines, (struct tl_text){line.bytes, n}, "a token in base64");
    if (!tl_parse_u64(blank + 1, n_rank, ret_rank) || *ret_rank >= n_ranks)
        return tl_fail(TL_E_FILE, "%s: line %" PRIu64 ": found rank '%.*s', expected one below the number of tokens, %" PRIu64, lines->where,
                       lines->line, (int)(n_rank < 40 ? n_rank : 40), blank + 1, n_ranks);
    *ret_bytes = tl_bytelevel_spell((const char *)bytes, (size_t)n_bytes, name);
    return 0;
}

static int check_bytes(const struct tl_vocab *vocab, const char *where)
{
    int32_t ids[256];
    tl_vocab_byte_ids(vocab, TL_SPELLING_BYTES, ids);
    for (unsigned byte = 0; byte < 256; byte++)
        if (ids[byte] < 0)
            return tl_fail(TL_E_FILE, "%s: no token is the byte 0x%02X, expected one for each byte", where, byte);
    return 0;
}

static int read_ranks(struct tl_vocab *vocab, const char *where, const char *text, size_t n_bytes)
{
    struct lines lines = {where, text, text + n_bytes, 0};
    struct tl_text line;
    uint64_t n_ranks = 0, rank = 0;
    char name[2 * MAX_TOKEN_BYTES];
    size_t n_name = 0;
    while (next_line(&lines, &line))
        n_ranks++;
    if (n_ranks > TL_VOCAB_MAX - MAX_ADDED)
        return tl_fail(TL_E_FILE, "%s: %" PRIu64 " tokens, at most %d supported", where, n_ranks, TL_VOCAB_MAX - MAX_ADDED);
    int r = tl_vocab_reserve(vocab, (uint32_t)n_ranks, 0);
    lines = (struct lines){where, text, text + n_bytes, 0};
    while (r >= 0 && next_line(&lines, &line)) {
        r = read_line(&lines, line, n_ranks, name, &n_name, &rank);
        if (r >= 0)
            r = tl_vocab_add(vocab, where, (uint32_t)rank, name, n_name, TL_TOKEN_NORMAL);
    }
    return r < 0 ? r : check_bytes(vocab, where);
}

/* --- added tokens ------------------------------------------------------------------------------------------------- */

static int put(struct tl_tokenizer_added_list *list, uint32_t id, bool special, const char *text, size_t n_bytes)
{
    struct tl_tokenizer_added token = {.at = (uint32_t)list->text.len, .n_bytes = (uint32_t)n_bytes, .id = id, .special = special};
    int r = tl_buffer_append(&list->text, text, n_bytes);
    return r < 0 ? r : tl_tokenizer_added_put(list, &token);
}

/* The id in "tokenizer_config.added_tokens_decoder.ID.content"; false for other keys. */
static bool id_of(const char *key, uint64_t *ret_id)
{
    size_t n = strlen(ADDED);
    if (strncmp(key, ADDED, n) != 0)
        return false;
    const char *end = strchr(key + n, '.');
    return end && strcmp(end, ".content") == 0 && tl_parse_u64(key + n, (size_t)(end - key) - n, ret_id);
}

static int read_added(struct tl_tokenizer_added_list *list, const struct tl_modelfile *file)
{
    for (uint64_t i = 0; i < tl_modelfile_metas(file); i++) {
        const char *key = tl_modelfile_meta_at(file, i)->key, *text;
        char special_key[sizeof ADDED + 40];
        uint64_t id;
        size_t n_bytes;
        bool special = false;
        if (!id_of(key, &id))
            continue;
        snprintf(special_key, sizeof special_key, ADDED "%" PRIu64 ".special", id);
        int r = tl_meta_string(file, key, &text, &n_bytes);
        if (r >= 0)
            r = tl_meta_bool(file, special_key, &special);
        if (r >= 0)
            r = put(list, id < UINT32_MAX ? (uint32_t)id : UINT32_MAX, special, text, n_bytes);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Names for the ids behind the ranks that have none, as far as the embedding reaches. */
static int reserve(struct tl_tokenizer *tokenizer, struct tl_tokenizer_added_list *list, const struct tl_modelfile *file, const char *where,
                   uint32_t n_ranks)
{
    struct tl_vocab *vocab = &tokenizer->vocab;
    uint64_t end = UINT32_MAX;
    int r = tl_meta_u64(file, "config.text_config.vocab_size", UINT32_MAX, &end);
    if (r == 0)
        r = tl_meta_u64(file, "config.vocab_size", UINT32_MAX, &end);
    for (uint32_t id = n_ranks; r >= 0 && id < n_ranks + N_RESERVED && id < end; id++) {
        char name[40];
        int n = snprintf(name, sizeof name, "<|reserved_token_%" PRIu32 "|>", id);
        if (id < vocab->count && vocab->name[id].n_bytes)
            continue;
        r = tl_vocab_add(vocab, where, id, name, (size_t)n, TL_TOKEN_CONTROL);
        if (r >= 0)
            r = put(list, id, true, name, (size_t)n);
    }
    return r < 0 ? r : 0;
}

/* --- the tokenizer ------------------------------------------------------------------------------------------------ */

/* file NULL: the ranks alone. */
static int build(struct tl_tokenizer *tokenizer, const struct tl_modelfile *file, const char *where, const char *text, size_t n_bytes)
{
    struct tl_tokenizer_added_list list;
    tokenizer->model = TL_MODEL_BPE;
    tokenizer->spelling = TL_SPELLING_BYTES;
    tokenizer->ranks = tokenizer->whole_words = true;
    int r = read_ranks(&tokenizer->vocab, where, text, n_bytes);
    if (r >= 0)
        r = tl_pretokenizer_add_row(&tokenizer->pretokenizer, tl_pretokenizer_find("kimi-k2"));
    if (r < 0 || !file)
        return r;
    uint32_t n_ranks = tokenizer->vocab.count;
    tl_tokenizer_added_init(&list);
    if ((r = read_added(&list, file)) >= 0 && (r = tl_tokenizer_added_name(&list, tokenizer, where, n_ranks + MAX_ADDED)) >= 0 &&
        (r = reserve(tokenizer, &list, file, where, n_ranks)) >= 0) {
        tl_tokenizer_find_ends(tokenizer);
        r = tl_tokenizer_added_match(&list, tokenizer);
    }
    tl_tokenizer_added_done(&list);
    return r < 0 ? r : tl_tokenizer_read_config(tokenizer, file);
}

int tl_tokenizer_build_ranks(struct tl_tokenizer *tokenizer, const char *where, const char *text, size_t n_bytes)
{
    return build(tokenizer, NULL, where, text, n_bytes);
}

int tl_tokenizer_build_tiktoken(struct tl_tokenizer *tokenizer, const struct tl_modelfile *file)
{
    char where[256];
    TL_AUTO char *text = NULL;
    size_t n_bytes = 0;
    int r = tl_modelfile_beside(file, "tiktoken.model", &text, &n_bytes);
    if (r < 0)
        return r;
    if (r == 0)
        return tl_fail(TL_E_FILE, "%s: tokenizer.json and tiktoken.model are missing, expected one of them", tl_modelfile_path(file));
    snprintf(where, sizeof where, "%.220s/tiktoken.model", tl_modelfile_path(file));
    return build(tokenizer, file, where, text, n_bytes);
}
