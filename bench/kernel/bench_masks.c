/* SPDX-License-Identifier: MIT */
/* What masks of a vocabulary cost: a grammar is compiled, an answer written in it token by token, each behind the mask of all that may come.
 *   bench_masks MODEL [-r SAMPLES] [-s STEP_MICROSECONDS]
 * One line a language: microseconds to compile it, of the first mask, of a token of an answer on the whole (that its matcher is new
 * included), of its slowest token; medians of SAMPLES answers. -s: what a decode step takes without a guide; the tokens' share of it is
 * printed beside. This thread's CPU time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "grammar/grammar.h"

enum { MAX_SAMPLES = 1000, SPARE_TOKENS = 256 };

#define TOOL "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\",\"description\":\"absolute\"},\"old\":{\"type\":\"string\"},\"new\":{\"type\":\"string\"}," \
    "\"all\":{\"type\":\"boolean\"},\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":2000},\"mode\":{\"enum\":[\"content\",\"files\",\"count\"]}}," \
    "\"required\":[\"path\",\"old\",\"new\"],\"additionalProperties\":false}"
#define LEVEL(name, inner) "{\"type\":\"object\",\"properties\":{\"" name "\":" inner ",\"n\":{\"type\":\"integer\"}},\"required\":[\"" name "\"],\"additionalProperties\":false}"

static const struct row { const char *name; bool gbnf; const char *text, *answer; } rows[] = {
    {"tool", false, TOOL, "{\"path\": \"/home/me/src/main.c\", \"old\": \"int main(void) { return 0; }\", \"new\": \"int main(int argc, char **argv)\\n{\\n    return argc > 1;\\n}\", "
     "\"all\": false, \"limit\": 120, \"mode\": \"content\"}"},
    {"deep", false, LEVEL("a", LEVEL("b", LEVEL("c", LEVEL("d", LEVEL("e", LEVEL("f", LEVEL("g", "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"))))))),
     "{\"a\": {\"b\": {\"c\": {\"d\": {\"e\": {\"f\": {\"g\": [\"one\", \"two\", \"three\"], \"n\": 1}, \"n\": 22}, \"n\": 333}, \"n\": 4}, \"n\": 5}, \"n\": 6}, \"n\": 7}"},
    {"tree", false, "{\"$defs\":{\"t\":{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"string\"},\"l\":{\"anyOf\":[{\"$ref\":\"#/$defs/t\"},{\"type\":\"null\"}]},"
     "\"r\":{\"anyOf\":[{\"$ref\":\"#/$defs/t\"},{\"type\":\"null\"}]}},\"required\":[\"v\",\"l\",\"r\"],\"additionalProperties\":false}},\"$ref\":\"#/$defs/t\"}",
     "{\"v\": \"root\", \"l\": {\"v\": \"left\", \"l\": {\"v\": \"leaf\", \"l\": null, \"r\": null}, \"r\": null}, \"r\": {\"v\": \"right\", \"l\": null, \"r\": {\"v\": \"last\", \"l\": null, \"r\": null}}}"},
    {"any object", false, "{\"type\":\"object\"}", "{\"name\": \"Ada\", \"age\": 36, \"tags\": [\"x\", 1.5, true, null], \"at\": {\"city\": \"London\", \"zip\": \"N1\"}}"},
    {"pattern", false, "{\"type\":\"object\",\"properties\":{\"when\":{\"type\":\"string\",\"format\":\"date-time\"},\"mail\":{\"type\":\"string\",\"pattern\":\"^[a-z0-9._]{1,64}@[a-z0-9-]{1,63}(\\\\.[a-z]{2,10}){1,3}$\"},"
     "\"id\":{\"type\":\"string\",\"format\":\"uuid\"}},\"required\":[\"when\",\"mail\",\"id\"],\"additionalProperties\":false}",
     "{\"when\": \"2024-05-17T12:30:45Z\", \"mail\": \"ada.lovelace@example.org\", \"id\": \"123e4567-e89b-42d3-a456-426614174000\"}"},
    {"gbnf", true, "root ::= (word \" \"){3,9} word \".\"\nword ::= [A-Za-z]+", "The mask of every word is looked up here."},
    {"enum of 2000", false, NULL, "\"value-001234-of-many\""},
};

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, by_size);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static void check(int status)
{
    if (status >= 0)
        return;
    fprintf(stderr, "bench_masks: %s\n", tl_error_text());
    exit(1);
}

static char *enum_of(int n)
{
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    tl_buffer_printf(&text, "{\"enum\":[");
    for (int i = 0; i < n; i++)
        tl_buffer_printf(&text, "%s\"value-%06d-of-many\"", i ? "," : "", i);
    tl_buffer_printf(&text, "]}");
    check(text.status);
    return tl_buffer_take(&text, NULL);
}

struct ids { int32_t *id; size_t n; };

/* All of an answer behind the masks: microseconds a token; ret_first, ret_slowest: of one token. */
static double write_answer(struct tl_matcher *matcher, const struct ids *ids, uint64_t *allowed, double *ret_first, double *ret_slowest)
{
    *ret_slowest = 0;
    double begin = now_us(), last = begin;
    for (size_t i = 0; i < ids->n; i++) {
        check(tl_matcher_allow(matcher, (uint32_t)(ids->n - i) + SPARE_TOKENS, allowed));
        if (!(allowed[ids->id[i] / 64] >> ids->id[i] % 64 & 1)) {
            fprintf(stderr, "bench_masks: token %zu is not allowed\n", i);
            exit(1);
        }
        check(tl_matcher_take(matcher, ids->id[i]));
        double at = now_us();
        *ret_first = i ? *ret_first : at - last;
        *ret_slowest = at - last > *ret_slowest ? at - last : *ret_slowest;
        last = at;
    }
    return (last - begin) / (double)ids->n;
}

struct bench { const struct tl_tokenizer *tokenizer; const struct tl_trie *trie; uint64_t *allowed; int samples; double step; };

static int compile(const struct row *row, const char *text, struct tl_grammar **ret_grammar)
{
    return row->gbnf ? tl_grammar_from_gbnf("x", text, strlen(text), ret_grammar) : tl_grammar_from_schema("x", text, strlen(text), 0, ret_grammar);
}

static void measure(const struct bench *bench, const struct row *row)
{
    TL_AUTO char *made = row->text ? NULL : enum_of(2000);
    const char *text = row->text ? row->text : made;
    double compiled[MAX_SAMPLES], first[MAX_SAMPLES], slowest[MAX_SAMPLES], token[MAX_SAMPLES];
    struct ids ids;
    check(tl_tokenizer_encode(bench->tokenizer, row->answer, strlen(row->answer), TL_ENCODE_CONTINUE, &ids.id, &ids.n));
    for (int k = 0; k < bench->samples; k++) {
        struct tl_grammar *grammar;
        struct tl_matcher *matcher;
        double begin = now_us();
        check(compile(row, text, &grammar));
        compiled[k] = now_us() - begin;
        check(tl_matcher_new(grammar, bench->trie, &matcher));
        token[k] = write_answer(matcher, &ids, bench->allowed, &first[k], &slowest[k]);
        tl_matcher_free(matcher);
        tl_grammar_free(grammar);
    }
    tl_free(ids.id);
    double per_token = median(token, bench->samples);
    printf("%-14s %6zu %10.1f %10.1f %10.1f %10.1f", row->name, ids.n, median(compiled, bench->samples), median(first, bench->samples), per_token,
           median(slowest, bench->samples));
    printf(bench->step > 0 ? " %7.2f %%\n" : "\n", bench->step > 0 ? 100 * per_token / bench->step : 0);
}

int main(int argc, char **argv)
{
    struct bench bench = {.samples = 9};
    struct tl_modelfile *file;
    struct tl_tokenizer *tokenizer;
    struct tl_trie *trie;
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "-r") == 0)
            bench.samples = atoi(argv[i + 1]);
        if (strcmp(argv[i], "-s") == 0)
            bench.step = atof(argv[i + 1]);
    }
    if (argc < 2 || argc % 2 || bench.samples < 1 || bench.samples > MAX_SAMPLES) {
        fprintf(stderr, "usage: bench_masks MODEL [-r SAMPLES] [-s STEP_MICROSECONDS]\n");
        return 2;
    }
    check(tl_modelfile_open(argv[1], &file));
    check(tl_tokenizer_new(file, &tokenizer));
    double begin = now_us();
    check(tl_trie_new(tokenizer, &trie));
    printf("%u tokens, trie built in %.0f us\n", tl_tokenizer_size(tokenizer), now_us() - begin);
    printf("%-14s %6s %10s %10s %10s %10s%s\n", "language", "tokens", "compile", "first mask", "a token", "slowest", bench.step > 0 ? "     share" : "");
    bench.tokenizer = tokenizer;
    bench.trie = trie;
    if (!(bench.allowed = tl_alloc((tl_tokenizer_size(tokenizer) + 63) / 64, sizeof *bench.allowed)))
        return 1;
    for (size_t i = 0; i < TL_COUNT(rows); i++)
        measure(&bench, &rows[i]);
    tl_free(bench.allowed);
    tl_trie_free(trie);
    tl_tokenizer_free(tokenizer);
    tl_modelfile_close(file);
    return 0;
}
