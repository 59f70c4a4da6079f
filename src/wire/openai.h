/* SPDX-License-Identifier: MIT */
/* Requests as the engine needs them, whichever form they came in, and the reader of OpenAI's chat completions, completions and
 * embeddings. The fields are the rows of openai_fields.def: each is read, ignored because it changes no answer, or refused
 * with a reason; a field that is no row is refused by its name. null stands for absent. Bounds: TL_OPENAI_... below, depth and numbers as base/json.
 *
 *     tl_openai_init(&request);
 *     tl_openai_read(&request, TL_OPENAI_ANY, "defaults", ...)          -- optional: what requests leave unsaid
 *     tl_openai_read(&request, TL_OPENAI_CHAT, "body", text, n_bytes)
 *     tl_openai_done(&request) */
#ifndef TL_WIRE_OPENAI_H
#define TL_WIRE_OPENAI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/json.h"
#include "text/sampler.h"
#include "wire/turn.h"

enum tl_openai_kind {
    TL_OPENAI_CHAT = 1,
    TL_OPENAI_COMPLETION = 2,
    TL_OPENAI_ANY = 3,                   /* defaults: fields of both, none is required */
    TL_OPENAI_EMBEDDING = 4,
    TL_OPENAI_ALL = 7,                   /* of fields only */
};

enum { TL_OPENAI_CHOICES = 128, TL_OPENAI_STOPS = 64, TL_OPENAI_STOP_BYTES = 1024, TL_OPENAI_BIASES = 16384, TL_OPENAI_TOP = 20, TL_OPENAI_INPUTS = 2048,
       TL_OPENAI_TOOLS = 1024, TL_OPENAI_NO_EFFORT = -2 };

/* A text or a list of ids. */
struct tl_openai_prompt {
    char *text;                          /* NULL: ids */
    size_t n_bytes;
    int32_t *ids;
    size_t n_ids;
};

struct tl_openai_request {
    enum tl_openai_kind kind;
    char *model;                         /* as the request names it; NULL: it does not */
    char *messages, *tools, *variables;  /* JSON for the chat template (openai_messages.c); NULL: none */
    struct tl_openai_prompt *prompt;     /* of a completion; the inputs of embeddings */
    uint32_t n_prompts;
    uint32_t n;                          /* answers to each prompt */
    int64_t max_tokens;                  /* -1: not said */
    struct tl_sampling sampling;
    struct tl_logit_bias *bias;
    char **stop;
    size_t n_stop;
    bool logprobs, echo, stream, include_usage, ignore_end, show_special, return_progress;
    uint32_t top_logprobs;
    char *schema, *grammar;              /* the language of the answer: JSON of a JSON schema, GBNF; NULL: not said */
    bool any_json;                       /* some JSON object */
    enum tl_tool_choice tool_choice;     /* of `tools` */
    char *tool;                          /* of TL_TOOLS_ONE */
    char *allowed;                       /* JSON: of the tools these alone; NULL: all */
    bool one_call;                       /* no more than one call */
    int64_t think_tokens;                /* of reasoning at most; -1: no bound */
    bool hide_reasoning;                 /* none of it is sent */
    uint32_t dimensions;                 /* of an embedding; 0: all */
    bool base64;
    char *notes, *repeated;              /* what a form keeps for its answer, members of it that say again what was asked; NULL: nothing */
    char param[48];                      /* after a failure: the field that it is about, or "" */

    /* while reading */
    int64_t max_completion_tokens, best_of;
    bool said_thinking, thinking, said_budget;
    int64_t effort_tokens;
    char *kwargs, *effort;               /* JSON */
};

void tl_openai_init(struct tl_openai_request *ret_request);           /* the program's own sampling, one answer */
/* Fields that the text names replace what is there. `where` begins the sentence of a failure: TL_E_USAGE or TL_E_FILE
 * where the request is at fault. */
int tl_openai_read(struct tl_openai_request *request, enum tl_openai_kind kind, const char *where, const char *text, size_t n_bytes);
/* What must agree between fields when all are there; reading ends with it. For forms that fill a request themselves. */
int tl_openai_settle(struct tl_openai_request *request);
void tl_openai_done(struct tl_openai_request *request);
uint32_t tl_openai_choices(const struct tl_openai_request *request);  /* answers to all prompts */

/* openai_messages.c: the reader's next value, a list of messages, as templates want it: "developer" is "system", text parts
 * are one string (joined by line ends), arguments of tool calls are objects, reasoning has both of its names. */
int tl_openai_messages(struct tl_json *json, struct tl_buffer *out);
/* Where the reader's next value begins; the value as it is written. */
const char *tl_openai_value_at(const struct tl_json *json);
int tl_openai_raw(struct tl_json *json, struct tl_buffer *out);
/* The next value, a string, becomes *slot (tl_free). */
int tl_openai_text(struct tl_json *json, char **slot);
/* What `write` makes of the next value becomes *slot (tl_free). */
int tl_openai_keep(struct tl_json *json, char **slot, int (*write)(struct tl_json *json, struct tl_buffer *out));
/* openai_tools.c: the reader's next value, a list of tools: those that are functions, as they are written. */
int tl_openai_tools(struct tl_json *json, struct tl_buffer *out);
/* Of a list of tools those whose names are in another: how many. */
int tl_openai_only_tools(const char *tools, const char *allowed, struct tl_buffer *out);
/* Is there a function of that name in such a list? NULL: any. < 0: it is no such list. */
int tl_openai_has_tool(const char *tools, const char *name);
/* openai_take_think.c: the bound of reasoning, from all that was said of it. */
int tl_openai_settle_thinking(struct tl_openai_request *request);
bool tl_openai_next_is(const struct tl_json *json, char c);           /* does the value behind a key begin so? */

#endif
