/* SPDX-License-Identifier: MIT */
/* A request of another API, rewritten as one of chat completions, whose fields and bounds then hold: nothing is described
 * twice. Failures name the client's own field. Private to the forms that translate. */
#ifndef TL_WIRE_TRANSLATE_H
#define TL_WIRE_TRANSLATE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/json.h"
#include "wire/openai.h"

enum { TL_TRANSLATED_FIELDS = 64 };

struct tl_said { const char *text; size_t n_bytes; };    /* NULL: nothing, or null */

struct tl_translation {
    struct tl_json json;                 /* the client's text */
    struct tl_buffer out;                /* the chat's, without its end */
    struct tl_openai_request *request;
    void *own;                           /* the form's */
    struct tl_said said[TL_TRANSLATED_FIELDS];       /* the values of the fields, as the text has them */
};

struct tl_translated {
    const char *name;
    const char *chat;                    /* the chat's field of that meaning; NULL: none */
    int (*take)(struct tl_translation *t, const struct tl_translated *field);
    const char *reason;                  /* why it is refused */
};

/* Fields by their rows; one that is no row is the chat's own, or not known to it either. `finish` writes what had to wait. */
int tl_translate(struct tl_openai_request *request, const char *where, const char *text, size_t n_bytes, const struct tl_translated *fields,
                 size_t n_fields, int (*finish)(struct tl_translation *t), void *own);

/* How values are taken. */
int tl_translate_as_is(struct tl_translation *t, const struct tl_translated *field);
int tl_translate_ignored(struct tl_translation *t, const struct tl_translated *field);
int tl_translate_refused(struct tl_translation *t, const struct tl_translated *field);
/* false, 0, "" and empty lists and objects say that it is not used. */
int tl_translate_unused(struct tl_translation *t, const struct tl_translated *field);

/* "name": with a comma where one is needed. */
int tl_translate_key(struct tl_buffer *out, const char *name);

#endif
