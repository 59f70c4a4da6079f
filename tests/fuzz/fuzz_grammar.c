/* SPDX-License-Identifier: MIT */
/* Grammars from any bytes, as GBNF, as a JSON schema (strict and loose) and as a pattern: each ends in a grammar or in a sentence. A grammar
 * takes its own shortest text, byte by byte, and no step of random bytes does harm. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "grammar/grammar.h"
#include "grammar/language.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void require(bool good)
{
    if (!good)
        abort();
}

static void check(struct tl_grammar *grammar, const char *bytes, size_t n_bytes)
{
    struct tl_matcher *matcher;
    char *text;
    size_t n;
    if (tl_grammar_shortest(grammar, &text, &n) < 0) {
        require(*tl_error_text());
        tl_grammar_free(grammar);
        return;
    }
    if (tl_matcher_new(grammar, NULL, &matcher) >= 0) {
        require(n > 4096 || tl_matcher_take_bytes(matcher, text, n) >= 0);
        require(n > 4096 || tl_matcher_may_end(matcher));
        tl_matcher_free(matcher);
    }
    if (tl_matcher_new(grammar, NULL, &matcher) >= 0) {
        for (size_t i = 0; i < n_bytes && i < 256; i++)
            tl_matcher_take_bytes(matcher, bytes + i, 1);
        tl_matcher_free(matcher);
    }
    tl_free(text);
    tl_grammar_free(grammar);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    const char *text = (const char *)bytes + 1;
    struct tl_grammar *grammar;
    struct tl_language language;
    if (n_bytes == 0 || n_bytes > 8192)
        return 0;
    int kind = bytes[0] % 4, r;
    if (kind == 3) {
        if ((r = tl_language_pattern(text, n_bytes - 1, &language)) >= 0)
            tl_language_done(&language);
        require(r >= 0 || r <= TL_LANGUAGE_LARGE || r == TL_E_NOMEM);
        return 0;
    }
    r = kind == 0 ? tl_grammar_from_gbnf("grammar", text, n_bytes - 1, &grammar) :
                    tl_grammar_from_schema("schema", text, n_bytes - 1, kind == 1 ? 0 : TL_GRAMMAR_LOOSE, &grammar);
    require(r >= 0 || (*tl_error_text() && r > TL_LANGUAGE_LARGE));
    if (r >= 0)
        check(grammar, text, n_bytes - 1);
    return 0;
}
