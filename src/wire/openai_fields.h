/* SPDX-License-Identifier: MIT */
/* One field of a request. Private to openai*.c: a row of openai_fields.def names the function that takes its value,
 * tl_openai_take_..., which finds the value as the reader's next one. */
#ifndef TL_WIRE_OPENAI_FIELDS_H
#define TL_WIRE_OPENAI_FIELDS_H

#include "base/json.h"
#include "wire/openai.h"

enum { TL_OPENAI_FIELDS = 160 };

struct tl_openai_reader {
    struct tl_json json;
    struct tl_openai_request *request;
    bool seen[TL_OPENAI_FIELDS];         /* a row of openai_fields.def each */
    const char *bound;                   /* the field that says the answer's language; NULL: none yet */
};

struct tl_openai_field {
    const char *name;
    unsigned kinds;
    int (*take)(struct tl_openai_reader *reader, const struct tl_openai_field *field);
    size_t at;                           /* of the member */
    double min, max;
    const char *reason;                  /* why it is refused */
};

static inline void *tl_openai_member(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    return (char *)reader->request + field->at;
}

/* Behind its name. request->param is the name; null leaves it unsaid, whatever it is called. */
int tl_openai_field_read(struct tl_openai_reader *reader);

int tl_openai_take_ignored(struct tl_openai_reader *reader, const struct tl_openai_field *field);
int tl_openai_take_refused(struct tl_openai_reader *reader, const struct tl_openai_field *field);
int tl_openai_take_neutral(struct tl_openai_reader *reader, const struct tl_openai_field *field);
#define READ(name, kinds, how, member, min, max) int tl_openai_take_##how(struct tl_openai_reader *reader, const struct tl_openai_field *field);
#define IGNORE(name, kinds)
#define REFUSE(name, kinds, reason)
#define UNLESS(name, kinds, value)
#include "wire/openai_fields.def"
#undef READ
#undef IGNORE
#undef REFUSE
#undef UNLESS

#endif
