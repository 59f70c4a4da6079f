/* SPDX-License-Identifier: MIT */
/* What is seen in answers: rows of each kind, the table of refusals against itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/memory.h"
#include "compress/judge.h"

static const struct { const char *a, *b; bool same; } pairs[] = {
    {"42", " 42\n", true}, {"", " \r\n", true}, {"4 2", "42", false}, {"Yes", "yes", false}, {"a", "", false},
};

static const struct { const char *answer; bool json; } documents[] = {
    {"{}", true}, {" [1, 2] \n", true}, {"```json\n{\"a\": 1}\n```", true}, {"```\n[]\n```", true}, {"{\"a\": 1", false},
    {"42", false}, {"\"text\"", false}, {"{} {}", false}, {"Here: {}", false}, {"", false}, {"{a: 1}", false}, {"[1,]", false}, {"``````", false},
};

static const struct { const char *answer; bool refuses; } refusing[] = {
    {"I'm sorry, but I can't help with that.", true}, {"I\xe2\x80\x99m unable to say.", true}, {"SORRY, I CAN'T.", true},
    {"Of course. Take two eggs.", false}, {"", false}, {"You cannot go wrong with bread.", false},
};

static void rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (tl_judge_same(pairs[i].a, strlen(pairs[i].a), pairs[i].b, strlen(pairs[i].b)) != pairs[i].same)
            fail_msg("\"%s\" and \"%s\"", pairs[i].a, pairs[i].b);
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
        if (tl_judge_json(documents[i].answer, strlen(documents[i].answer)) != documents[i].json)
            fail_msg("%s: expected %d", documents[i].answer, documents[i].json);
    for (size_t i = 0; i < sizeof(refusing) / sizeof(refusing[0]); i++)
        if (tl_judge_refuses(refusing[i].answer, strlen(refusing[i].answer)) != refusing[i].refuses)
            fail_msg("%s: expected %d", refusing[i].answer, refusing[i].refuses);
}

static const char *const phrases[] = {
#define REFUSAL(phrase) phrase,
#include "compress/refusals.def"
#undef REFUSAL
};

/* Each phrase is found, alone and behind other words, and not where the head is over. */
static void table(void **state)
{
    char answer[2 * TL_JUDGE_HEAD];
    (void)state;
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        snprintf(answer, sizeof(answer), "Well... %s tell", phrases[i]);
        if (!tl_judge_refuses(answer, strlen(answer)))
            fail_msg("%s is not found", phrases[i]);
        snprintf(answer, sizeof(answer), "%*s%s", TL_JUDGE_HEAD, "x", phrases[i]);
        for (int k = 0; k < TL_JUDGE_HEAD; k++)
            answer[k] = 'x';
        if (tl_judge_refuses(answer, strlen(answer)))
            fail_msg("%s is found behind the head", phrases[i]);
    }
}

static void fill(char *text, size_t n, unsigned seed, const char *words[], size_t n_words)
{
    text[0] = 0;
    for (size_t at = 0; at + 20 < n;) {
        seed = seed * 1664525 + 1013904223;
        at += (size_t)snprintf(text + at, n - at, "%s ", words[(seed >> 16) % n_words]);
    }
}

static void loops(void **state)
{
    static const char *words[] = {"house", "tree", "river", "mountain", "of", "and", "the", "light", "under", "seven", "walks", "blue"};
    char text[2000], mixed[4000];
    (void)state;
    fill(text, sizeof(text), 1, words, sizeof(words) / sizeof(words[0]));
    assert_int_equal(tl_judge_loops(text, strlen(text)), 0);
    const char *same[] = {"again"};
    fill(text, sizeof(text), 1, same, 1);
    assert_int_equal(tl_judge_loops(text, strlen(text)), 1);
    assert_int_equal(tl_judge_loops(text, 100), 0);              /* too short to say */
    /* A good beginning, then a loop of a sentence. */
    fill(text, 900, 2, words, sizeof(words) / sizeof(words[0]));
    size_t n = (size_t)snprintf(mixed, sizeof(mixed), "%s", text);
    while (n < 2400)
        n += (size_t)snprintf(mixed + n, sizeof(mixed) - n, "The cat sat on the mat and looked at the moon. ");
    assert_int_equal(tl_judge_loops(mixed, n), 1);
    tl_memory_fail_after(0);
    assert_int_equal(tl_judge_loops(mixed, n), -1);
    tl_memory_fail_after(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows), cmocka_unit_test(table), cmocka_unit_test(loops)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
