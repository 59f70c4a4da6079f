/* SPDX-License-Identifier: MIT */
/* The rows of pretokenizers.def, and the parts that their expressions share. */
#include <string.h>

#include "text/pretokenizer.h"

/* Radford et al. 2019. */
#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/* cl100k and its descendants. */
#define APOSTROPHES "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define BLANKS_END "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define WORDS(numbers)                                                                                                   \
    APOSTROPHES "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" numbers "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" BLANKS_END
#define LLAMA3 WORDS("\\p{N}{1,3}")
#define QWEN2 WORDS("\\p{N}")
#define BAILING                                                                                                          \
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]"       \
    "|\\s+(?!\\S)|\\s+"

/* o200k and its descendants: words change at a capital letter. */
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASED(ending, numbers)                                                                                           \
    "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" ending "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER "*" ending          \
    "|" numbers "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" BLANKS_END
#define HAN_FREE(letters) "[" letters "\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]"

#define DEEPSEEK3                                                                                                        \
    "\\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",                                                                              \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"             \
    "| ?[\\p{P}\\p{S}]+[\\r\\n]*" BLANKS_END

/* The letters with case of DeepSeek LLM's expression. */
#define CASED_LETTERS                                                                                                    \
    "A-Za-z\\x{b5}\\x{c0}-\\x{d6}\\x{d8}-\\x{f6}\\x{f8}-\\x{1ba}\\x{1bc}-\\x{1bf}\\x{1c4}-\\x{293}\\x{295}-\\x{2af}" \
    "\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37b}-\\x{37d}\\x{37f}\\x{386}\\x{388}-\\x{38a}\\x{38c}\\x{38e}-\\x{3a1}" \
    "\\x{3a3}-\\x{3f5}\\x{3f7}-\\x{481}\\x{48a}-\\x{52f}\\x{531}-\\x{556}\\x{10a0}-\\x{10c5}\\x{13a0}-\\x{13f5}" \
    "\\x{13f8}-\\x{13fd}\\x{1c90}-\\x{1cba}\\x{1cbd}-\\x{1cbf}\\x{1d00}-\\x{1d2b}\\x{1d6b}-\\x{1d77}" \
    "\\x{1d79}-\\x{1d9a}\\x{1e00}-\\x{1f15}\\x{1f18}-\\x{1f1d}\\x{1f20}-\\x{1f45}\\x{1f48}-\\x{1f4d}" \
    "\\x{1f50}-\\x{1f57}\\x{1f59}\\x{1f5b}\\x{1f5d}\\x{1f5f}-\\x{1f7d}\\x{1f80}-\\x{1fb4}\\x{1fb6}-\\x{1fbc}\\x{1fbe}" \
    "\\x{1fc2}-\\x{1fc4}\\x{1fc6}-\\x{1fcc}\\x{1fd0}-\\x{1fd3}\\x{1fd6}-\\x{1fdb}\\x{1fe0}-\\x{1fec}" \
    "\\x{1ff2}-\\x{1ff4}\\x{1ff6}-\\x{1ffc}\\x{2102}\\x{2107}\\x{210a}-\\x{2113}\\x{2115}\\x{2119}-\\x{211d}\\x{2124}" \
    "\\x{2126}\\x{2128}\\x{212a}-\\x{212d}\\x{212f}-\\x{2134}\\x{2139}\\x{213c}-\\x{213f}\\x{2145}-\\x{2149}\\x{214e}" \
    "\\x{2183}\\x{2184}\\x{2c00}-\\x{2c7b}\\x{2c7e}-\\x{2ce4}\\x{2ceb}-\\x{2cee}\\x{2cf2}\\x{2cf3}\\x{a640}-\\x{a66d}" \
    "\\x{a680}-\\x{a69b}\\x{a722}-\\x{a76f}\\x{a771}-\\x{a787}\\x{a78b}-\\x{a78e}\\x{ab70}-\\x{abbf}" \
    "\\x{fb00}-\\x{fb06}\\x{fb13}-\\x{fb17}\\x{ff21}-\\x{ff3a}\\x{ff41}-\\x{ff5a}\\x{10400}-\\x{1044f}" \
    "\\x{104b0}-\\x{104d3}\\x{104d8}-\\x{104fb}\\x{10c80}-\\x{10cb2}\\x{10cc0}-\\x{10cf2}\\x{118a0}-\\x{118df}" \
    "\\x{1e900}-\\x{1e943}"

const char tl_pretokenizer_gpt2[] = GPT2;

enum { WHOLE_WORDS = TL_PRE_WHOLE_WORDS, BOS = TL_PRE_BOS, BLANKS = TL_PRE_BLANKS, RANKS = TL_PRE_RANKS };

const struct tl_pretokenizer_row tl_pretokenizer_rows[] = {
#define PRE(name, flags, ...) {name, flags, (const char *const[]){__VA_ARGS__, NULL}},
#include "text/pretokenizers.def"
#undef PRE
    {NULL, 0, NULL},
};

const struct tl_pretokenizer_row *tl_pretokenizer_find(const char *name)
{
    for (const struct tl_pretokenizer_row *row = tl_pretokenizer_rows; row->name; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

static bool cuts_like(const struct tl_pretokenizer *pretokenizer, const struct tl_pretokenizer_row *row)
{
    size_t i = 0;
    for (; row->split[i]; i++) {
        const struct tl_pretoken_step *step = &pretokenizer->step[i];
        if (i == pretokenizer->count || step->kind != TL_PRETOKEN_SPLIT || !step->regex || step->invert || step->behavior != TL_SPLIT_ISOLATED ||
            strcmp(step->pattern, row->split[i]) != 0)
            return false;
    }
    return i == pretokenizer->count;
}

const struct tl_pretokenizer_row *tl_pretokenizer_row_of(const struct tl_pretokenizer *pretokenizer, bool whole_words)
{
    for (const struct tl_pretokenizer_row *row = tl_pretokenizer_rows; row->name; row++)
        if (!(row->flags & (TL_PRE_BLANKS | TL_PRE_RANKS)) && !(row->flags & TL_PRE_WHOLE_WORDS) == !whole_words && cuts_like(pretokenizer, row))
            return row;
    return NULL;
}

int tl_pretokenizer_add_row(struct tl_pretokenizer *pretokenizer, const struct tl_pretokenizer_row *row)
{
    for (const char *const *split = row->split; *split; split++) {
        int r = tl_pretokenizer_add_split(pretokenizer, *split, strlen(*split), TL_SPLIT_ISOLATED, false);
        if (r < 0)
            return r;
    }
    return 0;
}
