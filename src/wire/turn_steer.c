/* SPDX-License-Identifier: MIT */
/* A guide is made: the texts of its family as ids and languages, and how much room an answer takes at least. */
#include "wire/turn_steer.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static const char *text_or_none(const char *text) { return text ? text : ""; }

/* --- ids -------------------------------------------------------------------------------------------------------------------- */

int tl_steer_force_ids(struct tl_turn_steer *steer, const int32_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int r = tl_grow((void **)&steer->queue, steer->n_queue, &steer->cap_queue, sizeof *steer->queue);
        if (r < 0)
            return r;
        steer->queue[steer->n_queue++] = ids[i];
    }
    return 0;
}

static int encode(const struct tl_turn_steer *steer, const char *text, size_t n_bytes, int32_t **ret_ids, size_t *ret_count)
{
    *ret_ids = NULL;
    *ret_count = 0;
    return n_bytes ? tl_tokenizer_encode(steer->turn->how.tokenizer, text, n_bytes, TL_ENCODE_SPECIAL | TL_ENCODE_CONTINUE, ret_ids, ret_count) : 0;
}

int tl_steer_force(struct tl_turn_steer *steer, const char *text, size_t n_bytes)
{
    int32_t *ids;
    size_t n;
    int r = encode(steer, text, n_bytes, &ids, &n);
    if (r >= 0)
        r = tl_steer_force_ids(steer, ids, n);
    tl_free(ids);
    return r;
}

/* Behind the last control token of a text; 0 where there is none. `first`: where the first of them begins (n_bytes: none). */
static size_t behind_controls(const struct tl_turn_steer *steer, const char *text, size_t n_bytes, size_t *ret_first)
{
    const struct tl_tokenizer *tokenizer = steer->turn->how.tokenizer;
    size_t behind = 0;
    *ret_first = n_bytes;
    for (size_t i = 0; i < n_bytes; i++) {
        if (text[i] != '<' && text[i] != '[')
            continue;
        for (size_t n = n_bytes - i; n > 1; n--) {
            int32_t id = tl_tokenizer_id(tokenizer, text + i, n);
            if (id < 0 || !tl_tokenizer_is_control(tokenizer, id))
                continue;
            *ret_first = *ret_first < i ? *ret_first : i;
            behind = i + n;
            i = behind - 1;
            break;
        }
    }
    return behind;
}

/* Ids first, then text. */
int tl_steer_cut(const struct tl_turn_steer *steer, const char *text, struct tl_steer_text *ret_text)
{
    size_t n = strlen(text), first, behind = behind_controls(steer, text, n, &first);
    ret_text->text = (struct tl_turn_span){text + behind, n - behind};
    return encode(steer, text, behind, &ret_text->id, &ret_text->n_ids);
}

/* Text first, then ids. */
static int cut_end(const struct tl_turn_steer *steer, const char *text, struct tl_steer_text *ret_text)
{
    size_t n = strlen(text), first;
    behind_controls(steer, text, n, &first);
    ret_text->text = (struct tl_turn_span){text, first};
    return encode(steer, text + first, n - first, &ret_text->id, &ret_text->n_ids);
}

/* Text before its first control token is left to others. */
static int cut_middle(const struct tl_turn_steer *steer, const char *text, struct tl_steer_text *ret_text)
{
    size_t n = strlen(text), first, behind = behind_controls(steer, text, n, &first);
    ret_text->text = (struct tl_turn_span){text + behind, n - behind};
    return encode(steer, text + first, behind > first ? behind - first : 0, &ret_text->id, &ret_text->n_ids);
}

/* --- languages -------------------------------------------------------------------------------------------------------------- */

int tl_steer_match(struct tl_turn_steer *steer, const struct tl_grammar *grammar)
{
    tl_matcher_free(steer->matcher);
    steer->matcher = NULL;
    return tl_matcher_new(grammar, steer->turn->how.trie, &steer->matcher);
}

/* Text of `mid` before its control tokens belongs to the name; blanks at its end to the arguments. */
static struct tl_turn_span behind_name(const struct tl_turn_steer *steer)
{
    const char *mid = text_or_none(steer->family->mid);
    size_t n = strlen(mid), first;
    behind_controls(steer, mid, n, &first);
    while (first == n && n && steer->turn->marks.mid.n_bytes && tl_turn_blank(mid[n - 1]))
        first = --n;
    return (struct tl_turn_span){mid, first};
}

static struct tl_turn_span before_arguments(const struct tl_turn_steer *steer)
{
    struct tl_turn_span name = behind_name(steer);
    if (steer->mid.n_ids)
        return steer->mid.text;
    return (struct tl_turn_span){name.bytes + name.n_bytes, strlen(name.bytes) - name.n_bytes};
}

int tl_steer_names(struct tl_turn_steer *steer, struct tl_turn_span lead, bool more)
{
    struct tl_turn_span none = {"", 0}, instead = more && steer->section ? steer->close.text : none;
    tl_grammar_cache_give_back(steer->turn->how.grammars, steer->names);
    steer->names = NULL;
    struct tl_turn_names names = {.lead = lead, .behind = behind_name(steer), .instead = instead, .only = steer->only};
    int r = tl_turn_language_name(steer->turn->how.grammars, steer->family, &steer->turn->tools, &names, &steer->names);
    return r < 0 ? r : tl_steer_match(steer, steer->names);
}

int tl_steer_arguments(struct tl_turn_steer *steer, int32_t tool, const struct tl_grammar **ret_grammar)
{
    int r = 0;
    if (!steer->arguments[tool])
        r = tl_turn_language_arguments(steer->turn->how.grammars, steer->family, &steer->turn->tools.tool[tool], before_arguments(steer), steer->tail_text.text,
                                       &steer->arguments[tool]);
    *ret_grammar = steer->arguments[tool];
    return r;
}

uint32_t tl_steer_reserve(const struct tl_turn_steer *steer, enum tl_steer_stage stage)
{
    size_t n = steer->tail_text.n_ids + (steer->section ? steer->close.n_ids + steer->close.text.n_bytes : 0);
    n += steer->turn->how.parallel;      /* where one more call may come the model ends the answer */
    if (stage == TL_STEER_NAME)
        n += steer->mid.n_ids + steer->most_arguments;
    return (uint32_t)n;
}

/* --- room ------------------------------------------------------------------------------------------------------------------- */

static int measure_call(struct tl_turn_steer *steer)
{
    const struct tl_turn_how *how = &steer->turn->how;
    const struct tl_grammar *grammar;
    uint32_t least = 0;
    int r = 0;
    for (size_t i = 0; i < steer->turn->tools.count && r >= 0; i++) {
        if (steer->only >= 0 && (size_t)steer->only != i)
            continue;
        if ((r = tl_steer_arguments(steer, (int32_t)i, &grammar)) >= 0 && (r = tl_grammar_cache_least(how->grammars, grammar, how->trie, &least)) >= 0 &&
            least > steer->most_arguments)
            steer->most_arguments = least;
    }
    if (r >= 0)
        r = tl_steer_names(steer, steer->first.text, false);
    if (r >= 0)
        steer->least = (uint32_t)steer->first.n_ids + tl_matcher_least(steer->matcher) + tl_steer_reserve(steer, TL_STEER_NAME);
    return r;
}

static int measure_content(struct tl_turn_steer *steer)
{
    int r = tl_steer_match(steer, steer->turn->how.content);
    if (r >= 0)
        steer->least = (uint32_t)steer->n_content + tl_matcher_least(steer->matcher);
    return r;
}

/* What harmony needs besides. */
static int make_heads(struct tl_turn_steer *steer)
{
    static const char said[] = "<|start|>assistant", analysis[] = "analysis";
    const char *content = text_or_none(steer->family->content);
    int32_t *ids;
    size_t n;
    steer->analysis = -1;
    int r = encode(steer, content, strlen(content), &steer->content, &steer->n_content);
    if (r >= 0)
        r = encode(steer, said, strlen(said), &steer->said, &steer->n_said);
    if (r >= 0 && (r = encode(steer, analysis, strlen(analysis), &ids, &n)) >= 0) {
        steer->analysis = n == 1 ? ids[0] : -1;
        tl_free(ids);
    }
    return r;
}

/* --- making ----------------------------------------------------------------------------------------------------------------- */

/* Parts of the family's, one behind the other, cut in two. */
static int make_text(const struct tl_turn_steer *steer, const char *const parts[3],
                     int (*cut)(const struct tl_turn_steer *, const char *, struct tl_steer_text *), char **ret_owned, struct tl_steer_text *ret_text)
{
    struct tl_buffer out;
    tl_buffer_init(&out, 0);
    for (int i = 0; i < 3; i++)
        tl_buffer_append(&out, text_or_none(parts[i]), strlen(text_or_none(parts[i])));
    int r = out.status;
    *ret_owned = tl_buffer_take(&out, NULL);
    return r < 0 ? r : cut(steer, *ret_owned, ret_text);
}

static int make_texts(struct tl_turn_steer *steer)
{
    const struct tl_turn_family *f = steer->family;
    int r = make_text(steer, (const char *const[]){f->section, f->call, f->head}, tl_steer_cut, &steer->owned[0], &steer->first);
    if (r >= 0)
        r = make_text(steer, (const char *const[]){f->between, f->call, f->head}, tl_steer_cut, &steer->owned[1], &steer->other);
    if (r >= 0)
        r = make_text(steer, (const char *const[]){f->tail, f->end, NULL}, cut_end, &steer->owned[2], &steer->tail_text);
    if (r >= 0)
        r = cut_middle(steer, text_or_none(f->mid), &steer->mid);
    if (r >= 0)
        r = cut_end(steer, text_or_none(f->section_end), &steer->close);
    return r;
}

static int find_plain(struct tl_turn_steer *steer)
{
    const struct tl_tokenizer *tokenizer = steer->turn->how.tokenizer;
    struct tl_turn_mark answer = steer->turn->marks.answer;
    uint32_t n = tl_tokenizer_size(tokenizer);
    int32_t close = answer.n_bytes ? tl_tokenizer_id(tokenizer, answer.bytes, answer.n_bytes) : -1;
    if (!(steer->plain = tl_alloc((size_t)n / 64 + 1, sizeof *steer->plain)))
        return TL_E_NOMEM;
    for (uint32_t id = 0; id < n; id++)
        if ((int32_t)id == close || !(tl_tokenizer_is_control(tokenizer, (int32_t)id) || tl_tokenizer_ends(tokenizer, (int32_t)id)))
            steer->plain[id / 64] |= UINT64_C(1) << id % 64;
    return 0;
}

static int find_ends(struct tl_turn_steer *steer)
{
    const struct tl_tokenizer *tokenizer = steer->turn->how.tokenizer;
    uint32_t n = tl_tokenizer_size(tokenizer);
    uint64_t cap = 0;
    for (uint32_t id = 0; id < n; id++) {
        if (!tl_tokenizer_ends(tokenizer, (int32_t)id))
            continue;
        if (tl_grow((void **)&steer->ends, steer->n_ends, &cap, sizeof *steer->ends) < 0)
            return TL_E_NOMEM;
        steer->ends[steer->n_ends++] = (int32_t)id;
    }
    return 0;
}

static int make(struct tl_turn_steer *steer)
{
    const struct tl_turn_how *how = &steer->turn->how;
    struct tl_turn_mark think = steer->turn->marks.think;
    int32_t *ids;
    size_t n;
    int r = encode(steer, text_or_none(steer->family->answer), strlen(text_or_none(steer->family->answer)), &ids, &n);
    tl_free(ids);
    steer->n_answer = (uint32_t)n;
    struct tl_turn_mark call = steer->section ? steer->turn->marks.section : steer->turn->marks.call;
    steer->mark = call.n_bytes && steer->calls ? tl_tokenizer_id(how->tokenizer, call.bytes, call.n_bytes) : -1;
    steer->think = think.n_bytes ? tl_tokenizer_id(how->tokenizer, think.bytes, think.n_bytes) : -1;
    if (r >= 0)
        r = find_ends(steer);
    if (r >= 0 && steer->bound)
        r = find_plain(steer);
    if (r >= 0)
        r = make_heads(steer);
    if (r >= 0 && steer->calls) {
        steer->arguments = tl_alloc(steer->turn->tools.count, sizeof *steer->arguments);
        r = steer->arguments ? make_texts(steer) : TL_E_NOMEM;
    }
    if (r >= 0 && how->choice == TL_TOOLS_ONE && steer->calls &&
        (!how->tool || (steer->only = tl_turn_tools_find(&steer->turn->tools, how->tool, strlen(how->tool))) < 0))
        r = tl_fail(TL_E_USAGE, "tool_choice: no tool is called \"%.60s\"", how->tool ? how->tool : "");
    if (r >= 0 && steer->required)
        r = measure_call(steer);
    else if (r >= 0 && how->content)
        r = measure_content(steer);
    return r;
}

int tl_turn_steer_new(struct tl_turn *turn)
{
    const struct tl_turn_how *how = &turn->how;
    bool calls = how->trie && turn->tools.count && how->choice != TL_TOOLS_NONE, required = how->choice == TL_TOOLS_REQUIRED || how->choice == TL_TOOLS_ONE;
    calls &= required || turn->family->syntax != TL_TURN_NOTATION;   /* which has no grammar: where a call must come it has JSON */
    bool content = how->trie && how->content, thinks = turn->marks.think.n_bytes && how->think_tokens != UINT32_MAX;
    if (required && !turn->tools.count)
        return tl_fail(TL_E_USAGE, "tool_choice: a call is asked for, and there are no tools");
    if (!calls && !content && !thinks)
        return 0;
    struct tl_turn_steer *steer = turn->steer = tl_alloc(1, sizeof *steer);
    if (!steer)
        return TL_E_NOMEM;
    *steer = (struct tl_turn_steer){.turn = turn, .family = turn->family, .calls = calls, .required = calls && required, .blank = true,
                                    .section = turn->marks.section.n_bytes > 0, .banned = -1, .only = -1, .tool = -1};
    steer->bound = steer->required || content;
    tl_buffer_init(&steer->tail, 0);
    int r = make(steer);
    return r < 0 ? r : tl_steer_begin(steer, turn->phase == TL_TURN_REASONING);
}

void tl_turn_steer_free(struct tl_turn *turn)
{
    struct tl_turn_steer *steer = turn->steer;
    if (!steer)
        return;
    tl_matcher_free(steer->matcher);
    tl_grammar_cache_give_back(turn->how.grammars, steer->names);
    for (size_t i = 0; steer->arguments && i < turn->tools.count; i++)
        tl_grammar_cache_give_back(turn->how.grammars, steer->arguments[i]);
    tl_free(steer->arguments);
    struct tl_steer_text *const texts[] = {&steer->first, &steer->other, &steer->mid, &steer->tail_text, &steer->close};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        tl_free(texts[i]->id);
    for (int i = 0; i < 3; i++)
        tl_free(steer->owned[i]);
    tl_free(steer->content);
    tl_free(steer->said);
    tl_free(steer->plain);
    tl_free(steer->ends);
    tl_free(steer->queue);
    tl_buffer_done(&steer->tail);
    tl_free(steer);
    turn->steer = NULL;
}

uint32_t tl_turn_least(const struct tl_turn *turn)
{
    const struct tl_turn_steer *steer = turn->steer;
    if (!steer || !steer->bound)
        return 1;
    return steer->least + (steer->stage == TL_STEER_REASON ? (uint32_t)(steer->n_queue - steer->at) + steer->n_answer : 0);
}
