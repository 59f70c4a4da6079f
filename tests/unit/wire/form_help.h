/* SPDX-License-Identifier: MIT */
/* Tables for forms that translate: bodies and what they are read as, events and what is written of them. */
#ifndef TESTS_FORM_HELP_H
#define TESTS_FORM_HELP_H

#include "wire/form.h"

#define TEXT(what, words) {.kind = TL_EVENT_##what, .text = words, .n_bytes = sizeof(words) - 1}
#define ARGUMENTS(which, words) {.kind = TL_EVENT_ARGUMENTS, .call = which, .text = words, .n_bytes = sizeof(words) - 1}
#define CALLED(which, its_id, its_name) {.kind = TL_EVENT_CALL, .call = which, .id = its_id, .name = its_name}
#define END(why, its_usage) {.kind = TL_EVENT_END, .finish = why, .usage = its_usage}
#define COUNT(array) (sizeof(array) / sizeof *(array))

struct form_read { const char *body, *messages, *tools, *variables; };        /* NULL: not looked at; "": none */
struct form_refusal { const char *body, *param, *words; };
struct form_written { const char *name, *body; const struct tl_event *event; size_t n; const char *out; };

void form_reads(const char *form, const struct form_read *rows, size_t n);
/* Each is refused: param names the field, the sentence has the words. */
void form_refuses(const char *form, const struct form_refusal *rows, size_t n);
/* And when the N-th allocation fails there is a status, for every N. */
void form_writes(const char *form, const struct form_written *rows, size_t n);
/* To be done by the caller. */
void form_read_good(const char *form, const char *body, struct tl_openai_request *ret_request);

#endif
