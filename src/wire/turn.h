/* SPDX-License-Identifier: MIT */
/* A turn of the assistant: what a model writes, told apart into reasoning, content and tool calls. How families of models mark
 * these is a row of turns.def; which family a model is of follows from its chat template and its vocabulary.
 *
 * A turn is also the guide of its answer (text/guide.h): the language of content and of tool calls, and the bound of reasoning,
 * behind which the block is closed and the answer begins. */
#ifndef TL_WIRE_TURN_H
#define TL_WIRE_TURN_H

#include "grammar/cache.h"
#include "text/guide.h"
#include "wire/event.h"

struct tl_turn_family;

/* The row that a model's template (NULL: it brings none) and vocabulary show. Never NULL: the last row is plain text. */
const struct tl_turn_family *tl_turn_family_of(const char *template_text, const struct tl_tokenizer *tokenizer);
const char *tl_turn_family_name(const struct tl_turn_family *family);

/* Messages (as tl_openai_messages writes them) and tools for a template that tells no tools: they are told in the system's text,
 * or, where the template has none (`system` false), in the user's first, in the form that the family's calls have. So are calls
 * so far; what tools returned becomes text of the user. *ret_messages: tl_free; NULL where nothing is to be told: of families
 * whose calls are not an object or a name and an object, as only templates that tell tools have them. */
int tl_turn_tell(const struct tl_turn_family *family, bool system, const char *tools, const char *messages, char **ret_messages);

enum tl_tool_choice { TL_TOOLS_AUTO, TL_TOOLS_NONE, TL_TOOLS_REQUIRED, TL_TOOLS_ONE };

/* All borrowed until the turn is freed. */
struct tl_turn_how {
    const struct tl_turn_family *family;
    const struct tl_tokenizer *tokenizer;
    const struct tl_trie *trie;          /* NULL: nothing is bounded */
    struct tl_grammar_cache *grammars;   /* of calls; with a trie there must be one */
    const char *tools;                   /* JSON as the request has it; NULL: none */
    enum tl_tool_choice choice;
    const char *tool;                    /* of TL_TOOLS_ONE */
    bool parallel;                       /* more than one call */
    bool show_special;                   /* control tokens that are no marks are content; else they are left out */
    const struct tl_grammar *content;    /* the language of the content; NULL: any text */
    const int32_t *prompt;               /* whose end shows whether it begins inside a reasoning block */
    size_t n_prompt;
    uint32_t think_tokens;               /* of reasoning at most; UINT32_MAX: no bound */
    uint64_t seed;                       /* ids of tool calls are a function of it */
    int (*event)(void *context, const struct tl_event *event);        /* < 0 ends the answer with that status */
    void *context;
};

struct tl_turn;
int tl_turn_new(const struct tl_turn_how *how, struct tl_turn **ret_turn);
void tl_turn_free(struct tl_turn *turn);
/* NULL where it bounds nothing, so that drawing need not ask. Borrowed. */
struct tl_guide *tl_turn_guide(struct tl_turn *turn);
/* Text of the answer as it comes, control tokens shown in it, ends of generation left out. */
int tl_turn_text(struct tl_turn *turn, const char *bytes, size_t n_bytes);
int tl_turn_end(struct tl_turn *turn);               /* gives out what was held back; what is no whole tool call is content */
uint32_t tl_turn_calls(const struct tl_turn *turn);  /* so far */
bool tl_turn_reasons(const struct tl_turn *turn);    /* inside a reasoning block now */
/* Tokens that the answer takes at least: a bound below is refused. */
uint32_t tl_turn_least(const struct tl_turn *turn);

#endif
