/* SPDX-License-Identifier: MIT */
#include "accepts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "must.h"

static bool follow(const struct tl_grammar *grammar, const char *text, size_t n_bytes, bool whole)
{
    struct tl_matcher *matcher;
    must(tl_matcher_new(grammar, NULL, &matcher));
    bool good = tl_matcher_take_bytes(matcher, text, n_bytes) >= 0 && (!whole || tl_matcher_may_end(matcher));
    tl_matcher_free(matcher);
    return good;
}

bool accepts(const struct tl_grammar *grammar, const char *text) { return follow(grammar, text, strlen(text), true); }

bool begins(const struct tl_grammar *grammar, const char *text) { return follow(grammar, text, strlen(text), false); }

bool accepts_bytes(const struct tl_grammar *grammar, const char *bytes, size_t n_bytes) { return follow(grammar, bytes, n_bytes, true); }

struct tl_grammar *gbnf(const char *text)
{
    struct tl_grammar *grammar;
    must(tl_grammar_from_gbnf("grammar", text, strlen(text), &grammar));
    return grammar;
}

struct tl_grammar *schema(const char *json, unsigned flags)
{
    struct tl_grammar *grammar;
    int r = tl_grammar_from_schema("schema", json, strlen(json), flags, &grammar);
    if (r < 0)
        fail_msg("%s: %s", json, tl_error_text());
    return grammar;
}
