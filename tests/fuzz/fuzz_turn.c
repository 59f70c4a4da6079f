/* SPDX-License-Identifier: MIT */
/* A turn: whatever a model writes, what is given out is whole characters, calls are numbered from 0 on, and no cut of the text
 * changes what it says. Then ids are drawn as the bytes want under the turn's guide: something may always come.
 * Input: a byte of choices, a line that shows a family as its template would, the answer. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "wire/turn.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static const char tools[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"integer\"},"
    "\"c\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}},\"required\":[\"a\"]}}},{\"type\":\"function\",\"function\":{\"name\":\"ping\"}}]";

static struct tl_tokenizer *tokenizer;
static struct tl_trie *trie;
static struct tl_grammar_cache *grammars;

static void require(bool good)
{
    if (!good)
        abort();
}

/* A vocabulary of single bytes and some control tokens. */
static void make_vocabulary(void)
{
    static const char *const added[] = {"<|im_start|>", "<|im_end|>", "[TOOL_CALLS]", "[ARGS]", "<|tool_calls_section_begin|>", "<|tool_call_begin|>",
                                        "<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|call|>", "<|python_tag|>", "<think>", "</think>"};
    struct tl_buffer json;
    tl_buffer_init(&json, 0);
    tl_buffer_printf(&json, "{\"added_tokens\":[");
    for (size_t i = 0; i < sizeof added / sizeof *added; i++)
        tl_buffer_printf(&json, "%s{\"id\":%zu,\"content\":\"%s\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":%s}",
                         i ? "," : "", 256 + i, added[i], i < 12 ? "true" : "false");
    tl_buffer_printf(&json, "],\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true},"
                            "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{");
    uint32_t next = 256;                 /* the character by which byte-level BPE spells a byte that cannot be seen */
    for (uint32_t byte = 0; byte < 256; byte++) {
        char text[TL_UTF8_MAX_BYTES];
        bool visible = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
        tl_buffer_printf(&json, "%s", byte ? "," : "");
        tl_buffer_json_string(&json, text, tl_utf8_encode(visible ? byte : next, text));
        tl_buffer_printf(&json, ":%u", byte);
        next += !visible;
    }
    tl_buffer_printf(&json, "},\"merges\":[]}}");
    require(tl_tokenizer_new_text("fuzz", json.data, json.len, &tokenizer) >= 0 && tl_trie_new(tokenizer, &trie) >= 0 && tl_grammar_cache_new(&grammars) >= 0);
    tl_buffer_done(&json);
}

struct seen { struct tl_buffer out; uint32_t calls; int kind; };

static int see(void *context, const struct tl_event *event)
{
    struct seen *seen = context;
    bool call = event->kind == TL_EVENT_CALL;
    const char *text = call ? event->name : event->text;
    size_t n = call ? strlen(event->name) : event->n_bytes;
    require(call ? event->call == seen->calls : event->kind != TL_EVENT_ARGUMENTS || event->call + 1 == seen->calls);
    seen->calls += call;
    if (call || (int)event->kind != seen->kind)
        tl_buffer_printf(&seen->out, "\n%d:", event->kind);
    seen->kind = (int)event->kind;
    return tl_buffer_append(&seen->out, text, n);
}

static void read_pieces(struct tl_turn_how *how, const char *text, size_t n_bytes, size_t step, struct seen *seen)
{
    struct tl_turn *turn;
    *seen = (struct seen){.kind = -1};
    tl_buffer_init(&seen->out, 0);
    how->event = see;
    how->context = seen;
    require(tl_turn_new(how, &turn) >= 0);
    for (size_t at = 0; at < n_bytes; at += step)
        require(tl_turn_text(turn, text + at, step < n_bytes - at ? step : n_bytes - at) >= 0);
    require(tl_turn_end(turn) >= 0 && tl_turn_calls(turn) == seen->calls);
    tl_turn_free(turn);
}

static void draw(struct tl_turn_how *how, const uint8_t *bytes, size_t n_bytes)
{
    uint32_t n_vocab = tl_tokenizer_size(tokenizer);
    uint64_t allowed[8];
    struct tl_turn *turn;
    how->event = NULL;
    if (tl_turn_new(how, &turn) < 0)
        return;
    struct tl_guide *guide = tl_turn_guide(turn);
    for (size_t i = 0; guide && i < n_bytes && i < 300; i++) {
        int bounded = guide->allow(guide, (uint32_t)(300 - i), allowed);
        uint32_t id = bytes[i] % n_vocab, tries = 0;
        require(bounded >= 0);
        while (bounded && !(allowed[id / 64] >> (id % 64) & 1) && tries++ < n_vocab)
            id = (id + 1) % n_vocab;
        require(tries < n_vocab);
        if (tl_tokenizer_ends(tokenizer, (int32_t)id))
            break;
        int r = guide->take(guide, (int32_t)id);
        require(r >= 0);
        if (r == 0)
            break;
    }
    tl_turn_free(turn);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct seen whole, pieces;
    char signs[256];
    if (!tokenizer)
        make_vocabulary();
    if (n_bytes < 2)
        return 0;
    uint8_t choice = bytes[0];
    const uint8_t *line = bytes + 1, *end = memchr(line, '\n', n_bytes - 1);
    size_t n = end ? (size_t)(end - line) : 0;
    if (!end || n >= sizeof signs)
        return 0;
    memcpy(signs, line, n);
    signs[n] = 0;
    const char *text = (const char *)end + 1;
    size_t n_text = n_bytes - 2 - n;
    struct tl_turn_how how = {.family = tl_turn_family_of(signs, tokenizer), .tokenizer = tokenizer, .tools = choice & 1 ? tools : NULL, .parallel = choice & 2,
                              .think_tokens = UINT32_MAX, .seed = choice};
    read_pieces(&how, text, n_text, n_text + 1, &whole);
    read_pieces(&how, text, n_text, 1 + choice / 16, &pieces);
    require(tl_utf8_valid(text, n_text) == false || tl_utf8_valid(whole.out.data ? whole.out.data : "", whole.out.len));
    require(whole.out.len == pieces.out.len && (!whole.out.len || memcmp(whole.out.data, pieces.out.data, whole.out.len) == 0));
    tl_buffer_done(&whole.out);
    tl_buffer_done(&pieces.out);
    if (choice < 192)                    /* what follows takes its time */
        return 0;
    how.trie = trie;
    how.grammars = grammars;
    how.think_tokens = choice & 8 ? choice / 16 : UINT32_MAX;
    how.choice = choice & 4 && how.tools ? TL_TOOLS_REQUIRED : TL_TOOLS_AUTO;
    draw(&how, end + 1, n_text);
    return 0;
}
