/* SPDX-License-Identifier: MIT */
/* Reads a job in a few words. Each number is what the word behind it, or the letters on its own end, make of it. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/option.h"
#include "plan/purpose.h"

enum { WORD_BYTES = 48, MOST_WORDS = 16 };

const struct tl_purpose_row tl_purposes[TL_PURPOSES] = {
#define PURPOSE(id, word, others, meaning) {word, others, meaning},
#include "plan/purposes.def"
#undef PURPOSE
};

/* What a number counts. */
enum unit { NOTHING, TOKENS, PARAMETERS, REQUESTS };

static const struct { const char *word; enum unit unit; } units[] = {
    {"token", TOKENS}, {"tokens", TOKENS}, {"tok", TOKENS}, {"toks", TOKENS}, {"t", TOKENS},
    {"student", PARAMETERS}, {"parameters", PARAMETERS}, {"params", PARAMETERS}, {"parameter", PARAMETERS}, {"model", PARAMETERS},
    {"requests", REQUESTS}, {"request", REQUESTS}, {"answers", REQUESTS}, {"prompts", REQUESTS},
};

static const struct { const char *word; double times; } sizes[] = {
    {"k", 1e3}, {"m", 1e6}, {"b", 1e9}, {"g", 1e9}, {"t", 1e12},
    {"thousand", 1e3}, {"million", 1e6}, {"billion", 1e9}, {"trillion", 1e12},
};

static const char *const fillers[] = {"a", "an", "of", "on", "with", "from", "into", "to", "for", "and", "the", "in"};

struct reader {
    char words[MOST_WORDS][WORD_BYTES];
    size_t n;
    bool chosen;
    double number;                       /* that waits for its unit */
    bool waits;
    struct tl_purpose purpose;
};

static int cut_words(const char *text, struct reader *r)
{
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, " \t,;");
        if (n >= WORD_BYTES || (n && r->n == MOST_WORDS))
            return tl_fail(TL_E_USAGE, "--for: found \"%.60s\", expected a few words such as \"1 Mtok score\"", text);
        for (size_t i = 0; i < n; i++)
            r->words[r->n][i] = (char)tolower((unsigned char)at[i]);
        if (n)
            r->words[r->n++][n] = 0;
        at += n + (at[n] != 0);
    }
    return r->n ? 0 : tl_fail(TL_E_USAGE, "--for: found nothing, expected a few words such as \"1 Mtok score\"");
}

static enum unit unit_of(const char *word)
{
    for (size_t i = 0; i < TL_COUNT(units); i++)
        if (!strcmp(units[i].word, word))
            return units[i].unit;
    return NOTHING;
}

static double size_of(const char *word)
{
    for (size_t i = 0; i < TL_COUNT(sizes); i++)
        if (strcmp(sizes[i].word, word) == 0)
            return sizes[i].times;
    return 0;
}

static int assign(struct reader *r, enum unit unit)
{
    double *field = unit == PARAMETERS ? &r->purpose.student : unit == REQUESTS ? &r->purpose.requests : &r->purpose.tokens;
    if (*field > 0)
        return tl_fail(TL_E_USAGE, "--for: found two numbers of %s, expected one",
                       unit == PARAMETERS ? "parameters" : unit == REQUESTS ? "requests" : "tokens");
    if (!(r->number >= 1 && r->number <= 1e18))
        return tl_fail(TL_E_USAGE, "--for: found %g %s, expected 1 to 1e18", r->number,
                       unit == PARAMETERS ? "parameters" : unit == REQUESTS ? "requests" : "tokens");
    *field = r->number;
    r->waits = false;
    return 0;
}

/* "1", "1.5m", "300m", "2btok": the number waits, or its unit is there. */
static int read_number(struct reader *r, const char *word)
{
    char *end, head[WORD_BYTES];
    double value = strtod(word, &end);
    if (r->waits)
        return tl_fail(TL_E_USAGE, "--for: found two numbers in a row, expected what the first one counts: tokens, student, requests");
    if (!isfinite(value) || !isdigit((unsigned char)word[0]))
        return tl_fail(TL_E_USAGE, "--for: found \"%s\", expected a number such as 300M", word);
    r->number = value;
    r->waits = true;
    if (!*end)
        return 0;
    size_t n = strlen(end);
    for (size_t cut = 0; cut <= 1 && cut <= n; cut++) {  /* a letter for the size, then the unit; or the unit alone */
        memcpy(head, end, cut);
        head[cut] = 0;
        double times = cut ? size_of(head) : 1;
        enum unit unit = unit_of(end + cut);
        if (times > 0 && cut == n) {
            r->number *= times;
            return 0;
        }
        if (times > 0 && unit != NOTHING && strcmp(end, "t") != 0) {
            r->number *= times;
            return assign(r, unit);
        }
    }
    return tl_fail(TL_E_USAGE, "--for: found \"%s\", expected a number such as 300M or 1Mtok", word);
}

static bool listed(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = words; *at;) {
        size_t length = strcspn(at, " ");
        if (length == n && !memcmp(at, word, n))
            return true;
        at += length + strspn(at + length, " ");
    }
    return false;
}

static int kind_of(const char *word)
{
    for (int i = 0; i < TL_PURPOSES; i++)
        if (!strcmp(tl_purposes[i].word, word) || listed(tl_purposes[i].others, word))
            return i;
    return -1;
}

static int read_kind(struct reader *r, int kind)
{
    if (r->chosen && r->purpose.kind != (enum tl_purpose_kind)kind)
        return tl_fail(TL_E_USAGE, "--for: found \"%s\" and \"%s\", expected one kind of job", tl_purposes[r->purpose.kind].word,
                       tl_purposes[kind].word);
    r->purpose.kind = (enum tl_purpose_kind)kind;
    r->chosen = true;
    return 0;
}

static int unknown(const char *word)
{
    const char *known[TL_PURPOSES + 8] = {"tokens", "student", "requests", "million", "billion", "Mtok"};
    size_t n = 6;
    for (int i = 0; i < TL_PURPOSES; i++)
        known[n++] = tl_purposes[i].word;
    const char *nearest = tl_option_nearest(word, known, n);
    return nearest ? tl_fail(TL_E_USAGE, "--for: \"%s\" is not understood; is %s meant?", word, nearest)
                   : tl_fail(TL_E_USAGE, "--for: \"%s\" is not understood; expected words such as \"1 Mtok score\" or \"distill 300M student 2B tokens\"", word);
}

static int read_word(struct reader *r, const char *word)
{
    double times = size_of(word);
    char first[WORD_BYTES] = {word[0], 0};
    enum unit unit = unit_of(word), short_unit = word[0] ? unit_of(word + 1) : NOTHING;
    if (isdigit((unsigned char)word[0]) || word[0] == '-' || word[0] == '.' || word[0] == '+')
        return read_number(r, word);
    if (r->waits && unit != NOTHING && strcmp(word, "t") != 0)
        return assign(r, unit);
    if (r->waits && times > 0) {
        r->number *= times;
        return 0;
    }
    if (r->waits && size_of(first) > 0 && short_unit != NOTHING && word[2]) {        /* Mtok */
        r->number *= size_of(first);
        return assign(r, short_unit);
    }
    int kind = kind_of(word);
    if (kind >= 0)
        return read_kind(r, kind);
    for (size_t i = 0; i < TL_COUNT(fillers); i++)
        if (!strcmp(fillers[i], word))
            return 0;
    return unit != NOTHING ? 0 : unknown(word);
}

/* What is not told follows from what is. */
static int complete(struct reader *r)
{
    struct tl_purpose *p = &r->purpose;
    if (r->waits) {
        bool student = (p->kind == TL_PURPOSE_DISTILL || p->kind == TL_PURPOSE_TRAIN) && r->chosen && !(p->student > 0) && p->tokens > 0;
        int status = assign(r, student ? PARAMETERS : p->requests > 0 || p->kind != TL_PURPOSE_BATCH ? TOKENS : REQUESTS);
        if (status < 0)
            return status;
    }
    if (!r->chosen && p->student > 0)
        return tl_fail(TL_E_USAGE, "--for: found a student, expected what becomes of it: train, distill");
    if (!r->chosen && p->requests > 0)
        p->kind = TL_PURPOSE_BATCH;
    else if (!r->chosen)
        return tl_fail(TL_E_USAGE, "--for: the kind of job is missing, expected one of: score, decode, prefill, batch, train, distill");
    bool learns = p->kind == TL_PURPOSE_TRAIN || p->kind == TL_PURPOSE_DISTILL;
    if (learns && !(p->student > 0))
        return tl_fail(TL_E_USAGE, "--for: the size of the student is missing, such as \"300M student\"");
    if (!(p->tokens > 0) && !(p->kind == TL_PURPOSE_BATCH && p->requests > 0))
        return tl_fail(TL_E_USAGE, "--for: the number of tokens is missing, such as \"2B tokens\"");
    if (!learns && p->student > 0)
        return tl_fail(TL_E_USAGE, "--for: found a student, which %s has no use for", tl_purposes[p->kind].word);
    if (p->kind != TL_PURPOSE_BATCH && p->requests > 0)
        return tl_fail(TL_E_USAGE, "--for: found requests, which %s has no use for; batch answers them", tl_purposes[p->kind].word);
    return 0;
}

int tl_purpose_parse(const char *text, struct tl_purpose *ret)
{
    struct reader r = {.n = 0};
    int status = cut_words(text, &r);
    for (size_t i = 0; i < r.n && status >= 0; i++)
        status = read_word(&r, r.words[i]);
    if (status >= 0)
        status = complete(&r);
    if (status < 0)
        return status;
    *ret = r.purpose;
    return 0;
}
