/* SPDX-License-Identifier: MIT */
/* Ids are sorted by their bytes; one pass over them then writes the nodes in order. */
#include "grammar/trie.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "grammar/grammar_private.h"

struct token { const char *bytes; uint32_t n_bytes; int32_t id; };

static int compare(const void *a, const void *b)
{
    const struct token *x = a, *y = b;
    uint32_t n = x->n_bytes < y->n_bytes ? x->n_bytes : y->n_bytes;
    int order = memcmp(x->bytes, y->bytes, n);
    return order ? order : x->n_bytes != y->n_bytes ? (x->n_bytes < y->n_bytes ? -1 : 1) : x->id < y->id ? -1 : x->id > y->id;
}

static size_t collect(const struct tl_tokenizer *tokenizer, struct token *token, struct tl_trie *trie)
{
    size_t n = 0;
    for (uint32_t i = 0; i < trie->n_vocab; i++) {
        const char *bytes;
        size_t n_bytes;
        if (tl_tokenizer_ends(tokenizer, (int32_t)i))
            trie->ends[trie->n_ends++] = (int32_t)i;
        else if (!tl_tokenizer_is_control(tokenizer, (int32_t)i) && tl_tokenizer_piece(tokenizer, (int32_t)i, false, &bytes, &n_bytes) >= 0 &&
                 n_bytes > 0 && n_bytes <= TL_TRIE_DEPTH)
            token[n++] = (struct token){bytes, (uint32_t)n_bytes, (int32_t)i};
    }
    return n;
}

/* How many characters a plain token has; 0: it is not plain, or longer. */
static unsigned plain_characters(const char *bytes, size_t n_bytes)
{
    unsigned count = 0;
    for (size_t i = 0; i < n_bytes; count++) {
        uint32_t code;
        int n = tl_utf8_decode(bytes + i, n_bytes - i, &code);
        if (n < 0 || code < 0x20 || code == 0x7F || code == '"' || code == '\\' || count == TL_TRIE_PLAIN)
            return 0;
        i += (size_t)n;
    }
    return count;
}

const uint16_t tl_byte_ranges[TL_BYTE_RANGES + 1] = {
    0, '\t', '\n', 0x0B, '\r', 0x0E, ' ', '!', '"', '#', '$', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', '0', '1', ':', ';', '<', '=', '>', '?', '@',
    'A', 'G', '[', '\\', ']', '^', '_', '`', 'a', 'g', '{', '|', '}', '~', 0x7F, 0x80, 0xC0, 0xE0, 0xF0, 256,
};

static void note_ranges(struct tl_trie *trie, const struct token *token, const uint32_t *way, const uint8_t range[256])
{
    uint64_t below = 0;
    for (uint32_t depth = token->n_bytes; depth > 0; depth--) {
        trie->node[way[depth]].ranges |= below;
        below |= UINT64_C(1) << range[(uint8_t)token->bytes[depth - 1]];
    }
}

static void note_plain(struct tl_trie *trie, const struct token *token, const uint32_t *way, unsigned depth)
{
    unsigned n = plain_characters(token->bytes, token->n_bytes);
    for (unsigned i = n; n > 0 && i <= TL_TRIE_PLAIN; i++)
        trie->plain[(size_t)i * trie->n_words + (uint32_t)token->id / 64] |= 1ull << (uint32_t)token->id % 64;
    for (unsigned i = 0; n == 0 && i <= depth; i++)
        trie->node[way[i]].mixed = true;
}

static int add_node(struct tl_trie *trie, uint8_t byte, unsigned depth)
{
    if (tl_grow((void **)&trie->node, trie->n_nodes + 1, &trie->node_cap, sizeof *trie->node) < 0)
        return TL_E_NOMEM;
    trie->node[trie->n_nodes++] = (struct tl_trie_node){.byte = byte, .depth = (uint8_t)depth, .first = (uint32_t)trie->n_ids};
    return 0;
}

static int build(struct tl_trie *trie, const struct token *token, size_t n)
{
    uint32_t way[TL_TRIE_DEPTH + 1] = {0};                           /* the open nodes */
    unsigned depth = 0;
    uint8_t range[256];
    int r = add_node(trie, 0, 0);
    for (unsigned byte = 0, k = 0; byte < 256; byte++)
        range[byte] = (uint8_t)(k += byte == tl_byte_ranges[k + 1]);
    for (size_t i = 0; r >= 0 && i < n; i++) {
        unsigned same = 0;
        while (i > 0 && same < token[i].n_bytes && same < token[i - 1].n_bytes && token[i].bytes[same] == token[i - 1].bytes[same])
            same++;
        for (; depth > same; depth--)
            trie->node[way[depth]].skip = (uint32_t)trie->n_nodes;
        for (; r >= 0 && depth < token[i].n_bytes; depth++) {
            way[depth + 1] = (uint32_t)trie->n_nodes;
            if (depth == 0)
                trie->child[(uint8_t)token[i].bytes[0]] = (uint32_t)trie->n_nodes;
            r = add_node(trie, (uint8_t)token[i].bytes[depth], depth + 1);
        }
        if (r >= 0) {
            note_plain(trie, &token[i], way, depth);
            note_ranges(trie, &token[i], way, range);
        }
        trie->id[trie->n_ids++] = token[i].id;
        trie->depth = depth > trie->depth ? depth : trie->depth;
    }
    if (r < 0)
        return r;
    for (unsigned k = 0; k <= depth; k++)
        trie->node[way[k]].skip = (uint32_t)trie->n_nodes;
    trie->node[0].skip = (uint32_t)trie->n_nodes;
    trie->node[trie->n_nodes] = (struct tl_trie_node){.skip = (uint32_t)trie->n_nodes, .first = (uint32_t)trie->n_ids};
    return 0;
}

int tl_trie_new(const struct tl_tokenizer *tokenizer, struct tl_trie **ret_trie)
{
    uint32_t n_vocab = tl_tokenizer_size(tokenizer);
    TL_AUTO struct token *token = tl_alloc(n_vocab + 1, sizeof *token);
    struct tl_trie *trie = tl_alloc(1, sizeof *trie);
    int r = TL_E_NOMEM;
    if (token && trie) {
        trie->n_vocab = n_vocab;
        trie->n_words = (n_vocab + 63) / 64;
        trie->tokenizer = tokenizer;
        if ((trie->id = tl_alloc(n_vocab + 1, sizeof *trie->id)) && (trie->ends = tl_alloc(n_vocab + 1, sizeof *trie->ends)) &&
            (trie->plain = tl_alloc((TL_TRIE_PLAIN + 1) * (uint64_t)trie->n_words, sizeof *trie->plain))) {
            size_t n = collect(tokenizer, token, trie);
            qsort(token, n, sizeof *token, compare);
            r = build(trie, token, n);
        }
    }
    if (r < 0)
        tl_trie_free(trie);
    else
        *ret_trie = trie;
    return r;
}

void tl_trie_free(struct tl_trie *trie)
{
    if (!trie)
        return;
    tl_free(trie->node);
    tl_free(trie->id);
    tl_free(trie->ends);
    tl_free(trie->plain);
    tl_free(trie);
}

uint32_t tl_trie_child(const struct tl_trie *trie, uint32_t node, uint8_t byte)
{
    if (node == 0)
        return trie->child[byte];
    for (uint32_t at = node + 1; at < trie->node[node].skip; at = trie->node[at].skip)
        if (trie->node[at].byte == byte)
            return at;
    return 0;
}
