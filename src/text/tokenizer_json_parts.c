/* SPDX-License-Identifier: MIT */
/* The "normalizer" and the "pre_tokenizer" of tokenizer.json, one function a component, found by its type's name. */
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "text/characters.h"
#include "text/tokenizer_json.h"

/* \w of the Rust crate that the Whitespace component uses. */
#define WORD                                                                                                             \
    "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{200c}\\x{200d}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}"               \
    "\\x{1f170}-\\x{1f189}"
#define PUNCTUATION "[\\p{P}!-/:-@\\[-`{-~]"

typedef int (*part_builder)(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node);
struct part { const char *type; part_builder build; };

static int build_part(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node,
                      const char *name, const struct part *parts, size_t count)
{
    const char *type = tl_json_tree_string(tree, node, "type");
    for (size_t i = 0; i < count; i++)
        if (strcmp(parts[i].type, type) == 0)
            return parts[i].build(j, tree, node);
    return tl_tokenizer_json_refuse(j, name, type);
}

/* --- normalizer ----------------------------------------------------------------------------------------------------- */

static int build_normalizer(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node);

static int normalizer_sequence(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    const struct tl_json_node *child = tl_json_tree_child(tree, tl_json_tree_get(tree, node, "normalizers"));
    for (int r; child; child = tl_json_tree_next(tree, child))
        if ((r = build_normalizer(j, tree, child)) < 0)
            return r;
    return 0;
}

static int normalizer_form(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    static const char *const names[] = {"NFC", "NFD", "NFKC", "NFKD"};
    struct tl_normal_step *step = NULL;
    int r = tl_normalizer_add(&j->tokenizer->normalizer, TL_NORMAL_FORM, &step);
    if (r < 0)
        return r;
    for (int form = 0; form < 4; form++)
        if (strcmp(tl_json_tree_string(tree, node, "type"), names[form]) == 0)
            step->form = (enum tl_unicode_form)form;
    return 0;
}

static int normalizer_lowercase(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    struct tl_normal_step *step;
    (void)tree, (void)node;
    return tl_normalizer_add(&j->tokenizer->normalizer, TL_NORMAL_LOWER, &step);
}

static int normalizer_strip(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    struct tl_normal_step *step = NULL;
    int r = tl_normalizer_add(&j->tokenizer->normalizer, TL_NORMAL_STRIP, &step);
    if (r < 0)
        return r;
    step->left = tl_json_tree_bool(tree, node, "strip_left", true);
    step->right = tl_json_tree_bool(tree, node, "strip_right", true);
    return 0;
}

static int copy_text(const struct tl_json_tree *tree, const struct tl_json_node *node, char **ret_text, size_t *ret_bytes)
{
    *ret_bytes = node ? node->n_text : 0;
    *ret_text = tl_strndup(tl_json_tree_text(tree, node), *ret_bytes);
    return *ret_text ? 0 : TL_E_NOMEM;
}

static int normalizer_prepend(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    struct tl_normal_step *step = NULL;
    int r = tl_normalizer_add(&j->tokenizer->normalizer, TL_NORMAL_PREPEND, &step);
    if (r < 0)
        return r;
    return copy_text(tree, tl_json_tree_get(tree, node, "prepend"), &step->content, &step->n_content);
}

static int normalizer_replace(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    struct tl_normal_step *step = NULL;
    bool regex;
    size_t n = 0;
    const char *pattern = tl_tokenizer_json_pattern(tree, node, &regex, &n);
    if (!pattern)
        return tl_tokenizer_json_refuse(j, "normalizer", "Replace without a pattern");
    int r = tl_normalizer_add(&j->tokenizer->normalizer, TL_NORMAL_REPLACE, &step);
    if (r < 0 || (r = copy_text(tree, tl_json_tree_get(tree, node, "content"), &step->content, &step->n_content)) < 0)
        return r;
    if (strcmp(step->content, TL_BLANK) == 0)
        j->blanks = true;
    if (regex)
        return tl_regex_new(pattern, n, &step->regex);
    step->n_pattern = n;
    return (step->pattern = tl_strndup(pattern, n)) ? 0 : TL_E_NOMEM;
}

static int build_normalizer(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    static const struct part parts[] = {
        {"Sequence", normalizer_sequence}, {"NFC", normalizer_form}, {"NFD", normalizer_form}, {"NFKC", normalizer_form},
        {"NFKD", normalizer_form}, {"Lowercase", normalizer_lowercase}, {"Strip", normalizer_strip},
        {"Prepend", normalizer_prepend}, {"Replace", normalizer_replace},
    };
    return build_part(j, tree, node, "normalizer", parts, TL_COUNT(parts));
}

int tl_tokenizer_json_normalizer(struct tl_tokenizer_json *j)
{
    const struct tl_json_node *root = tl_json_tree_root(&j->normalizer);
    return root ? build_normalizer(j, &j->normalizer, root) : 0;
}

/* --- pre_tokenizer -------------------------------------------------------------------------------------------------- */

static int build_pre_tokenizer(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node);

static int pre_sequence(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    const struct tl_json_node *child = tl_json_tree_child(tree, tl_json_tree_get(tree, node, "pretokenizers"));
    for (int r; child; child = tl_json_tree_next(tree, child))
        if ((r = build_pre_tokenizer(j, tree, child)) < 0)
            return r;
    return 0;
}

static int read_behavior(struct tl_tokenizer_json *j, const char *name, enum tl_split_behavior *ret)
{
    static const struct { const char *name; enum tl_split_behavior behavior; } behaviors[] = {
        {"Isolated", TL_SPLIT_ISOLATED}, {"Removed", TL_SPLIT_REMOVED}, {"MergedWithPrevious", TL_SPLIT_WITH_PREVIOUS},
        {"MergedWithNext", TL_SPLIT_WITH_NEXT}, {"Contiguous", TL_SPLIT_CONTIGUOUS},
    };
    for (size_t i = 0; i < TL_COUNT(behaviors); i++)
        if (strcmp(behaviors[i].name, name) == 0) {
            *ret = behaviors[i].behavior;
            return 0;
        }
    return tl_tokenizer_json_refuse(j, "pre_tokenizer.behavior", name);
}

static int add_string_split(struct tl_tokenizer_json *j, const char *text, size_t n, enum tl_split_behavior behavior, bool invert)
{
    struct tl_pretoken_step *step = NULL;
    int r = n ? tl_pretokenizer_add(&j->tokenizer->pretokenizer, TL_PRETOKEN_SPLIT, &step) : 0;
    if (r < 0 || n == 0)
        return r;
    step->behavior = behavior;
    step->invert = invert;
    step->n_pattern = n;
    return (step->pattern = tl_strndup(text, n)) ? 0 : TL_E_NOMEM;
}

static int add_split(struct tl_tokenizer_json *j, const char *regex, enum tl_split_behavior behavior, bool invert)
{
    return tl_pretokenizer_add_split(&j->tokenizer->pretokenizer, regex, strlen(regex), behavior, invert);
}

static int pre_split(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    enum tl_split_behavior behavior = TL_SPLIT_ISOLATED;
    bool regex, invert = tl_json_tree_bool(tree, node, "invert", false);
    size_t n = 0;
    const char *pattern = tl_tokenizer_json_pattern(tree, node, &regex, &n);
    if (!pattern)
        return tl_tokenizer_json_refuse(j, "pre_tokenizer", "Split without a pattern");
    int r = read_behavior(j, tl_json_tree_string(tree, node, "behavior"), &behavior);
    if (r < 0)
        return r;
    return regex ? tl_pretokenizer_add_split(&j->tokenizer->pretokenizer, pattern, n, behavior, invert) :
                   add_string_split(j, pattern, n, behavior, invert);
}

static int pre_byte_level(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    struct tl_pretoken_step *step;
    int r = 0;
    if (j->byte_level)
        return tl_tokenizer_json_refuse(j, "pre_tokenizer", "a second ByteLevel");
    j->byte_level = true;
    if (tl_json_tree_bool(tree, node, "add_prefix_space", true))
        r = tl_pretokenizer_add(&j->tokenizer->pretokenizer, TL_PRETOKEN_PREFIX, &step);
    if (r >= 0 && tl_json_tree_bool(tree, node, "use_regex", true))
        r = add_split(j, tl_pretokenizer_gpt2, TL_SPLIT_ISOLATED, false);
    return r < 0 ? r : tl_pretokenizer_add(&j->tokenizer->pretokenizer, TL_PRETOKEN_SPELL, &step);
}

static int pre_digits(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    bool single = tl_json_tree_bool(tree, node, "individual_digits", false);
    return add_split(j, single ? "\\p{N}" : "\\p{N}+", TL_SPLIT_ISOLATED, false);
}

static int pre_whitespace(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    (void)tree, (void)node;
    return add_split(j, "[" WORD "]+|[^" WORD "\\s]+", TL_SPLIT_REMOVED, true);
}

static int pre_whitespace_split(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    (void)tree, (void)node;
    return add_split(j, "\\s", TL_SPLIT_REMOVED, false);
}

static int pre_punctuation(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    enum tl_split_behavior behavior = TL_SPLIT_ISOLATED;
    int r = tl_json_tree_get(tree, node, "behavior") ? read_behavior(j, tl_json_tree_string(tree, node, "behavior"), &behavior) : 0;
    return r < 0 ? r : add_split(j, PUNCTUATION, behavior, false);
}

static int pre_delimiter(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    const struct tl_json_node *text = tl_json_tree_get(tree, node, "delimiter");
    return add_string_split(j, tl_json_tree_text(tree, text), text ? text->n_text : 0, TL_SPLIT_REMOVED, false);
}

static int pre_metaspace(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    const struct tl_json_node *blank = tl_json_tree_get(tree, node, "replacement");
    const char *scheme = tl_json_tree_string(tree, node, "prepend_scheme");
    struct tl_pretoken_step *step = NULL;
    if (!tl_json_tree_is(tree, blank, TL_BLANK))
        return tl_tokenizer_json_refuse(j, "pre_tokenizer", "Metaspace with another replacement than U+2581");
    if (j->byte_level)
        return tl_tokenizer_json_refuse(j, "pre_tokenizer", "Metaspace behind ByteLevel");
    j->blanks = true;
    int r = tl_pretokenizer_add(&j->tokenizer->pretokenizer, TL_PRETOKEN_METASPACE, &step);
    if (r < 0 || (r = copy_text(tree, blank, &step->pattern, &step->n_pattern)) < 0)
        return r;
    if (!*scheme)
        scheme = tl_json_tree_bool(tree, node, "add_prefix_space", true) ? "always" : "never";
    step->prepend = strcmp(scheme, "always") == 0 ? TL_PREPEND_ALWAYS :
                    strcmp(scheme, "first") == 0 ? TL_PREPEND_FIRST : TL_PREPEND_NEVER;
    if (step->prepend == TL_PREPEND_NEVER && strcmp(scheme, "never") != 0)
        return tl_tokenizer_json_refuse(j, "pre_tokenizer.prepend_scheme", scheme);
    return tl_json_tree_bool(tree, node, "split", true) ? add_string_split(j, TL_BLANK, 3, TL_SPLIT_WITH_NEXT, false) : 0;
}

static int build_pre_tokenizer(struct tl_tokenizer_json *j, const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    static const struct part parts[] = {
        {"Sequence", pre_sequence}, {"Split", pre_split}, {"ByteLevel", pre_byte_level}, {"Digits", pre_digits},
        {"Whitespace", pre_whitespace}, {"WhitespaceSplit", pre_whitespace_split}, {"Punctuation", pre_punctuation},
        {"CharDelimiterSplit", pre_delimiter}, {"Metaspace", pre_metaspace},
    };
    return build_part(j, tree, node, "pre_tokenizer", parts, TL_COUNT(parts));
}

/* Words go to the model as bytes: what ByteLevel spelled is unspelled, or never spelled where it comes last. */
int tl_tokenizer_json_pre_tokenizer(struct tl_tokenizer_json *j)
{
    const struct tl_json_node *root = tl_json_tree_root(&j->pre_tokenizer);
    struct tl_pretokenizer *pre = &j->tokenizer->pretokenizer;
    struct tl_pretoken_step *step;
    int r = root ? build_pre_tokenizer(j, &j->pre_tokenizer, root) : 0;
    if (r < 0 || !j->byte_level)
        return r;
    if (pre->step[pre->count - 1].kind == TL_PRETOKEN_SPELL) {
        pre->count--;
        return 0;
    }
    return tl_pretokenizer_add(pre, TL_PRETOKEN_UNSPELL, &step);
}
