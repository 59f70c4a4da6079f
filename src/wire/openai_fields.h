/* SPDX-License-Identifier: MIT */
/* One field of a request. Private to openai*.c. */
#ifndef TL_WIRE_OPENAI_FIELDS_H
#define TL_WIRE_OPENAI_FIELDS_H

#include "base/json.h"
#include "wire/openai.h"

enum { TL_OPENAI_FIELDS = 128 };

struct tl_openai_reader {
    struct tl_json json;
    struct tl_openai_request *request;
    bool seen[TL_OPENAI_FIELDS];         /* a row of openai_fields.def each */
};

/* Behind its name. request->param is the name; null leaves it unsaid, whatever it is called. */
int tl_openai_field_read(struct tl_openai_reader *reader);

#endif
