/* SPDX-License-Identifier: MIT */
/* Chat templates: a bounded subset of Jinja, large enough for the templates that models ship.
 *
 * A template is compiled once and rendered into parts. A part is either the template's own text (its control tokens are
 * recognised when it is tokenised) or text that came from the caller's messages and tools (they are not), so what a user
 * types never becomes a control token. The origin of every byte is followed through the template's string operations.
 * Bounds: steps, depth, output bytes, values held; all are errors with template line. No host access of any kind. */
#ifndef TL_TEXT_TEMPLATE_H
#define TL_TEXT_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tl_template;

/* 0: the default: 2,000,000 steps and 32 more a byte of input, 1,000 deep, 16 MiB and 4 bytes a byte written, 64 MiB and
 * 16 bytes a byte held. */
struct tl_template_limits { uint64_t steps; uint32_t depth; uint64_t output_bytes; uint64_t value_bytes; };

int tl_template_new(const char *text, size_t n_bytes, struct tl_template **ret_template);            /* TL_E_FILE: template:LINE: ... */
void tl_template_free(struct tl_template *template);

/* What is given to a rendering. All borrowed. */
struct tl_template_input {
    const char *messages_json;           /* a JSON list of {"role", "content", ...} */
    const char *tools_json;              /* a JSON list, or NULL */
    const char *extra_json;              /* an object of further variables (enable_thinking ...), or NULL */
    const char *bos, *eos;               /* their text; NULL: empty */
    bool add_generation_prompt;
    int64_t now;                         /* seconds since 1970 for strftime_now */
    struct tl_template_limits limits;
};

struct tl_part { char *text; size_t n_bytes; bool from_user; };
struct tl_parts { struct tl_part *part; size_t count; };

/* TL_E_USAGE: the messages are not what they must be, or the template raised an exception (its text is told);
 * TL_E_FILE: the template is broken or went past a limit. */
int tl_template_render(const struct tl_template *template, const struct tl_template_input *input, struct tl_parts *ret_parts);
void tl_parts_done(struct tl_parts *parts);

#endif
