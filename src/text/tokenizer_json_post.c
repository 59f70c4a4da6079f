/* SPDX-License-Identifier: MIT */
/* The "decoder" and the "post_processor" of tokenizer.json: how ids become text again, and which ids are put around one.
 * A decoder must be the inverse of what the pre-tokenizer does; anything else is refused. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "text/characters.h"
#include "text/tokenizer_json.h"

/* --- decoder -------------------------------------------------------------------------------------------------------- */

struct decoding { bool byte_level, blanks, takes_blank; };

static int decode_replace(struct tl_tokenizer_json *j, const struct tl_json_node *node, struct decoding *d)
{
    bool regex;
    size_t n;
    const char *pattern = tl_tokenizer_json_pattern(&j->decoder, node, &regex, &n);
    if (!pattern || regex || strcmp(pattern, TL_BLANK) != 0 || strcmp(tl_json_tree_string(&j->decoder, node, "content"), " ") != 0)
        return tl_tokenizer_json_refuse(j, "decoder", "Replace of anything but U+2581 by a blank");
    d->blanks = true;
    return 0;
}

static int decode_strip(struct tl_tokenizer_json *j, const struct tl_json_node *node, struct decoding *d)
{
    const struct tl_json_tree *tree = &j->decoder;
    const struct tl_json_node *start = tl_json_tree_get(tree, node, "start"), *stop = tl_json_tree_get(tree, node, "stop");
    const char *first = start && start->kind == TL_JSON_NUMBER ? tree->text.data + start->text : "0";
    const char *last = stop && stop->kind == TL_JSON_NUMBER ? tree->text.data + stop->text : "0";
    if (strcmp(tl_json_tree_string(tree, node, "content"), " ") != 0 || strcmp(last, "0") != 0 ||
        (strcmp(first, "0") != 0 && strcmp(first, "1") != 0))
        return tl_tokenizer_json_refuse(j, "decoder", "Strip of anything but one leading blank");
    d->takes_blank = *first == '1';
    return 0;
}

static int read_decoder(struct tl_tokenizer_json *j, const struct tl_json_node *node, struct decoding *d)
{
    const struct tl_json_tree *tree = &j->decoder;
    const char *type = tl_json_tree_string(tree, node, "type");
    if (strcmp(type, "Sequence") == 0) {
        const struct tl_json_node *child = tl_json_tree_child(tree, tl_json_tree_get(tree, node, "decoders"));
        for (int r; child; child = tl_json_tree_next(tree, child))
            if ((r = read_decoder(j, child, d)) < 0)
                return r;
        return 0;
    }
    if (strcmp(type, "Replace") == 0)
        return decode_replace(j, node, d);
    if (strcmp(type, "Strip") == 0)
        return decode_strip(j, node, d);
    if (strcmp(type, "Metaspace") == 0) {
        const char *scheme = tl_json_tree_string(tree, node, "prepend_scheme");
        d->blanks = true;
        d->takes_blank = *scheme ? strcmp(scheme, "never") != 0 : tl_json_tree_bool(tree, node, "add_prefix_space", true);
        return 0;
    }
    if (strcmp(type, "ByteLevel") == 0)
        d->byte_level = true;
    else if (strcmp(type, "ByteFallback") != 0 && strcmp(type, "Fuse") != 0)
        return tl_tokenizer_json_refuse(j, "decoder", type);
    return 0;
}

int tl_tokenizer_json_decoder(struct tl_tokenizer_json *j)
{
    const struct tl_json_node *root = tl_json_tree_root(&j->decoder);
    struct decoding d = {.byte_level = j->byte_level, .blanks = j->blanks};
    if (root) {
        d = (struct decoding){0};
        int r = read_decoder(j, root, &d);
        if (r < 0)
            return r;
        if (d.byte_level != j->byte_level || (d.byte_level && d.blanks))
            return tl_fail(TL_E_FILE, "%s: decoder: it does not undo the pre_tokenizer, of which %s ByteLevel", j->where,
                           j->byte_level ? "one is" : "none is");
    }
    j->tokenizer->spelling = d.byte_level ? TL_SPELLING_BYTES : d.blanks ? TL_SPELLING_BLANKS : TL_SPELLING_PLAIN;
    j->tokenizer->takes_blank = d.takes_blank;
    return 0;
}

/* --- post_processor ------------------------------------------------------------------------------------------------- */

static int put_around(struct tl_tokenizer_json *j, bool before, int32_t id)
{
    struct tl_tokenizer *t = j->tokenizer;
    int32_t *ids = before ? t->before : t->after;
    unsigned *count = before ? &t->n_before : &t->n_after;
    if (*count == TL_TOKENIZER_WISHES)
        return tl_fail(TL_E_FILE, "%s: post_processor: more than %d tokens around a text", j->where, TL_TOKENIZER_WISHES);
    ids[(*count)++] = id;
    return 0;
}

static int put_named(struct tl_tokenizer_json *j, bool before, const struct tl_json_node *name)
{
    const char *text = tl_json_tree_text(&j->post_processor, name);
    int32_t id = name ? tl_vocab_find(&j->tokenizer->vocab, text, name->n_text) : -1;
    if (id < 0)
        return tl_fail(TL_E_FILE, "%s: post_processor names '%.60s', which is no token", j->where, text);
    return put_around(j, before, id);
}

/* [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}, ...] */
static int read_template(struct tl_tokenizer_json *j, const struct tl_json_node *node)
{
    const struct tl_json_tree *tree = &j->post_processor;
    const struct tl_json_node *single = tl_json_tree_get(tree, node, "single"), *item = tl_json_tree_child(tree, single);
    bool before = true;
    if (!single || single->kind != TL_JSON_ARRAY)
        return tl_tokenizer_json_refuse(j, "post_processor", "TemplateProcessing without a list 'single'");
    for (int r; item; item = tl_json_tree_next(tree, item)) {
        const struct tl_json_node *token = tl_json_tree_get(tree, item, "SpecialToken");
        if (!token && (!tl_json_tree_get(tree, item, "Sequence") || !before))
            return tl_tokenizer_json_refuse(j, "post_processor", "TemplateProcessing with another item than a token or one text");
        if (!token)
            before = false;
        else if ((r = put_named(j, before, tl_json_tree_get(tree, token, "id"))) < 0)
            return r;
    }
    return 0;
}

static int read_post_processor(struct tl_tokenizer_json *j, const struct tl_json_node *node)
{
    const struct tl_json_tree *tree = &j->post_processor;
    const char *type = tl_json_tree_string(tree, node, "type");
    if (strcmp(type, "Sequence") == 0) {
        const struct tl_json_node *child = tl_json_tree_child(tree, tl_json_tree_get(tree, node, "processors"));
        for (int r; child; child = tl_json_tree_next(tree, child))
            if ((r = read_post_processor(j, child)) < 0)
                return r;
        return 0;
    }
    if (strcmp(type, "TemplateProcessing") == 0)
        return read_template(j, node);
    if (strcmp(type, "RobertaProcessing") == 0 || strcmp(type, "BertProcessing") == 0) {
        int r = put_named(j, true, tl_json_tree_child(tree, tl_json_tree_get(tree, node, "cls")));
        return r < 0 ? r : put_named(j, false, tl_json_tree_child(tree, tl_json_tree_get(tree, node, "sep")));
    }
    return strcmp(type, "ByteLevel") == 0 ? 0 : tl_tokenizer_json_refuse(j, "post_processor", type);
}

int tl_tokenizer_json_post_processor(struct tl_tokenizer_json *j)
{
    const struct tl_json_node *root = tl_json_tree_root(&j->post_processor);
    int r = root ? read_post_processor(j, root) : 0;
    if (r >= 0 && j->tokenizer->n_before)
        j->tokenizer->bos = j->tokenizer->before[0];
    return r;
}
