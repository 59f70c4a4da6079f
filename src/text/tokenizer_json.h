/* SPDX-License-Identifier: MIT */
/* Reading tokenizer.json: what its files share. The text is read once; parts whose meaning depends on others are kept as
 * trees, and merges that come before the vocabulary as a place in the text. */
#ifndef TL_TEXT_TOKENIZER_JSON_H
#define TL_TEXT_TOKENIZER_JSON_H

#include "text/json_tree.h"
#include "text/tokenizer_added.h"

struct tl_tokenizer_json {
    struct tl_tokenizer *tokenizer;
    const char *where;                   /* names the file in messages */
    struct tl_json json;
    struct tl_json_tree normalizer, pre_tokenizer, post_processor, decoder;
    struct tl_tokenizer_added_list added;
    struct tl_buffer unknown;
    bool has_vocab, has_merges, byte_fallback, byte_level, blanks;
    const char *late_merges;             /* they came before the vocabulary */
    size_t n_late_merges;
};

/* tokenizer_json_model.c: at the value of "model". */
int tl_tokenizer_json_model(struct tl_tokenizer_json *j);
/* tokenizer_json_parts.c: from the trees into the tokenizer; sets byte_level and blanks. */
int tl_tokenizer_json_normalizer(struct tl_tokenizer_json *j);
int tl_tokenizer_json_pre_tokenizer(struct tl_tokenizer_json *j);
/* tokenizer_json_post.c; needs the vocabulary, and byte_level and blanks. */
int tl_tokenizer_json_decoder(struct tl_tokenizer_json *j);
int tl_tokenizer_json_post_processor(struct tl_tokenizer_json *j);
/* "WHERE: PART: KIND is not supported". */
int tl_tokenizer_json_refuse(const struct tl_tokenizer_json *j, const char *part, const char *kind);
/* A pattern {"String": ...} or {"Regex": ...}; the text is NULL where it is neither. */
const char *tl_tokenizer_json_pattern(const struct tl_json_tree *tree, const struct tl_json_node *node, bool *ret_regex,
                                      size_t *ret_bytes);

#endif
