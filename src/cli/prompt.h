/* SPDX-License-Identifier: MIT */
/* From what was typed to the ids that a session computes. */
#ifndef TL_CLI_PROMPT_H
#define TL_CLI_PROMPT_H

#include <stddef.h>
#include <stdint.h>

struct trill_model;
struct tl_messages;

/* The text of -p or -f ("-": standard input, also where neither is given and standard input is no terminal).
 * `exact`: as it is; else one line end behind the text of a file is dropped. tl_free. */
int tl_prompt_text(const char *given, const char *file, int exact, char **ret_text, size_t *ret_bytes);

/* A conversation through the chat template (`template_text` NULL: the model's). trill_free. */
int tl_prompt_chat(struct trill_model *model, const struct tl_messages *messages, const char *template_text, int32_t **ret_ids,
                   size_t *ret_count);

#endif
