/* SPDX-License-Identifier: MIT */
/* Lists of OpenAI's API as members of a request. The next value of `json` is read; a wrong one is TL_E_USAGE. */
#ifndef TL_WIRE_OPENAI_LISTS_H
#define TL_WIRE_OPENAI_LISTS_H

#include "wire/openai.h"

int tl_openai_stops(struct tl_json *json, struct tl_openai_request *request);
int tl_openai_biases(struct tl_json *json, struct tl_openai_request *request, double min, double max);
/* `most` of them at most; `name`: of the field. */
int tl_openai_prompts(struct tl_json *json, const char *name, uint32_t most, struct tl_openai_request *request);
void tl_openai_drop_lists(struct tl_openai_request *request);

#endif
