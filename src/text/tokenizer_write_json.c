/* SPDX-License-Identifier: MIT */
/* tokenizer.json, as Hugging Face's tokenizers reads it. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "text/characters.h"
#include "text/tokenizer_merges.h"
#include "text/tokenizer_write.h"

static bool of_bytes(const struct tl_tokenizer *t) { return t->spelling == TL_SPELLING_BYTES; }

static int put_name(const struct tl_tokenizer *t, uint32_t id, struct tl_buffer *to)
{
    return tl_buffer_json_string(to, tl_vocab_name(&t->vocab, id), t->vocab.name[id].n_bytes);
}

/* --- added tokens ------------------------------------------------------------------------------------------------- */

/* One that has U+2581 for blanks is found where text has them, too. */
static void put_added_tokens(const struct tl_tokenizer *t, struct tl_buffer *to)
{
    bool any = false;
    tl_buffer_printf(to, "\"added_tokens\":[");
    for (uint32_t id = 0; id < t->vocab.count; id++) {
        enum tl_token_kind kind = t->vocab.kind[id];
        bool special = kind == TL_TOKEN_CONTROL || kind == TL_TOKEN_UNKNOWN;
        bool blanks = !of_bytes(t) && kind == TL_TOKEN_USER && strstr(tl_vocab_name(&t->vocab, id), TL_BLANK);
        if (!special && kind != TL_TOKEN_USER)
            continue;
        tl_buffer_printf(to, "%s{\"id\":%" PRIu32 ",\"content\":", any ? "," : "", id);
        put_name(t, id, to);
        tl_buffer_printf(to, ",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":%s,\"special\":%s}", blanks ? "true" : "false",
                         special ? "true" : "false");
        any = true;
    }
    tl_buffer_printf(to, "],");
}

/* --- parts -------------------------------------------------------------------------------------------------------- */

/* SentencePiece's normalisation, which is all that files with scores have. */
static void put_normalizer(const struct tl_tokenizer *t, struct tl_buffer *to)
{
    static const char replace[] = "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"" TL_BLANK "\"}";
    if (of_bytes(t))
        tl_buffer_printf(to, "\"normalizer\":null,");
    else if (t->takes_blank)
        tl_buffer_printf(to, "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"" TL_BLANK "\"},%s]},", replace);
    else
        tl_buffer_printf(to, "\"normalizer\":%s,", replace);
}

static void put_pre_tokenizer(const struct tl_tokenizer *t, struct tl_buffer *to)
{
    if (!of_bytes(t)) {
        tl_buffer_printf(to, "\"pre_tokenizer\":null,");
        return;
    }
    tl_buffer_printf(to, "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[");
    for (size_t i = 0; i < t->pretokenizer.count; i++) {
        const struct tl_pretoken_step *step = &t->pretokenizer.step[i];
        tl_buffer_printf(to, "{\"type\":\"Split\",\"pattern\":{\"Regex\":");
        tl_buffer_json_string(to, step->pattern, step->n_pattern);
        tl_buffer_printf(to, "},\"behavior\":\"Isolated\",\"invert\":false},");
    }
    tl_buffer_printf(to, "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":false}]},");
}

static void put_template(const struct tl_tokenizer *t, const char *sequence, int type, struct tl_buffer *to)
{
    for (unsigned i = 0; i < t->n_before; i++) {
        tl_buffer_printf(to, "{\"SpecialToken\":{\"id\":");
        put_name(t, (uint32_t)t->before[i], to);
        tl_buffer_printf(to, ",\"type_id\":%d}},", type);
    }
    tl_buffer_printf(to, "{\"Sequence\":{\"id\":\"%s\",\"type_id\":%d}}", sequence, type);
    for (unsigned i = 0; i < t->n_after; i++) {
        tl_buffer_printf(to, ",{\"SpecialToken\":{\"id\":");
        put_name(t, (uint32_t)t->after[i], to);
        tl_buffer_printf(to, ",\"type_id\":%d}}", type);
    }
}

static void put_special(const struct tl_tokenizer *t, int32_t id, bool first, struct tl_buffer *to)
{
    tl_buffer_append(to, ",", !first);
    put_name(t, (uint32_t)id, to);
    tl_buffer_printf(to, ":{\"id\":");
    put_name(t, (uint32_t)id, to);
    tl_buffer_printf(to, ",\"ids\":[%" PRId32 "],\"tokens\":[", id);
    put_name(t, (uint32_t)id, to);
    tl_buffer_printf(to, "]}");
}

static void put_post_processor(const struct tl_tokenizer *t, struct tl_buffer *to)
{
    tl_buffer_printf(to, "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[");
    put_template(t, "A", 0, to);
    tl_buffer_printf(to, "],\"pair\":[");
    put_template(t, "A", 0, to);
    tl_buffer_printf(to, ",");
    put_template(t, "B", 1, to);
    tl_buffer_printf(to, "],\"special_tokens\":{");
    for (unsigned i = 0; i < t->n_before; i++)
        put_special(t, t->before[i], i == 0, to);
    for (unsigned i = 0; i < t->n_after; i++)
        if (!t->n_before || t->after[i] != t->before[0])
            put_special(t, t->after[i], i == 0 && !t->n_before, to);
    tl_buffer_printf(to, "}},");
}

static void put_decoder(const struct tl_tokenizer *t, struct tl_buffer *to)
{
    if (of_bytes(t))
        tl_buffer_printf(to, "\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true},");
    else
        tl_buffer_printf(to, "\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"" TL_BLANK "\"},"
                             "\"content\":\" \"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}%s]},",
                         t->takes_blank ? ",{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}" : "");
}

/* --- model -------------------------------------------------------------------------------------------------------- */

/* Padding, which no text becomes, is left out. */
static void put_vocab(const struct tl_tokenizer *t, struct tl_buffer *to)
{
    bool any = false;
    tl_buffer_printf(to, "\"vocab\":{");
    for (uint32_t id = 0; id < t->vocab.count; id++) {
        if (!t->vocab.name[id].n_bytes || t->vocab.kind[id] == TL_TOKEN_UNUSED)
            continue;
        tl_buffer_append(to, ",", any);
        put_name(t, id, to);
        tl_buffer_printf(to, ":%" PRIu32, id);
        any = true;
    }
    tl_buffer_printf(to, "},");
}

static int put_merges(const struct tl_tokenizer *t, struct tl_buffer *to)
{
    struct tl_merge_list list;
    int r = tl_tokenizer_list_merges(t, &list);
    if (r < 0)
        return r;
    tl_buffer_printf(to, "\"merges\":[");
    for (uint64_t i = 0; i < list.count; i++) {
        tl_buffer_printf(to, i ? ",[" : "[");
        put_name(t, (uint32_t)list.merge[i].left, to);
        tl_buffer_append(to, ",", 1);
        put_name(t, (uint32_t)list.merge[i].right, to);
        tl_buffer_append(to, "]", 1);
    }
    tl_merge_list_done(&list);
    return tl_buffer_printf(to, "]");
}

int tl_tokenizer_write_json(const struct tl_tokenizer *t, struct tl_buffer *to)
{
    tl_buffer_printf(to, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,");
    put_added_tokens(t, to);
    put_normalizer(t, to);
    put_pre_tokenizer(t, to);
    put_post_processor(t, to);
    put_decoder(t, to);
    tl_buffer_printf(to, "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":");
    if (!of_bytes(t) && t->unknown >= 0)
        put_name(t, (uint32_t)t->unknown, to);
    else
        tl_buffer_printf(to, "null");
    tl_buffer_printf(to, ",\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,\"fuse_unk\":%s,\"byte_fallback\":%s,\"ignore_merges\":%s,",
                     t->fuse_unknown ? "true" : "false", of_bytes(t) ? "false" : "true", t->whole_words ? "true" : "false");
    put_vocab(t, to);
    int r = put_merges(t, to);
    return r < 0 ? r : tl_buffer_printf(to, "}}\n");
}
