/* SPDX-License-Identifier: MIT */
/* Which kinds are on, what they draft, and what is kept of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/draft.h"

enum { CONTEXT = 4096 };

static void open_drafts(struct tl_drafts *drafts, const char *names)
{
    struct tl_draft_choice on;
    memset(drafts, 0, sizeof(*drafts));
    drafts->context = CONTEXT;
    assert_int_equal(tl_drafts_choose(names, NULL, &on), 0);
    tl_drafts_open(drafts, &on);
    drafts->priced = false;
}

static uint32_t ask(struct tl_drafter *d, const int32_t *ids, uint32_t n_ids, uint32_t n_prompt, struct tl_guide *guide, uint32_t room, int32_t *out)
{
    struct tl_draft_place place = { .ids = ids, .n_ids = n_ids, .n_prompt = n_prompt, .guide = guide };
    return tl_drafter_next(d, &place, room, out);
}

static void test_choose(void **state)
{
    struct tl_draft_choice on;
    (void)state;
    assert_int_equal(tl_drafts_choose(NULL, NULL, &on), 0);
    assert_true(on.on[TL_DRAFT_ngram] && on.on[TL_DRAFT_grammar] && on.on[TL_DRAFT_answers]);
    assert_int_equal(tl_drafts_choose("off", NULL, &on), 0);
    assert_false(on.on[TL_DRAFT_ngram] || on.on[TL_DRAFT_grammar] || on.on[TL_DRAFT_answers]);
    assert_int_equal(tl_drafts_choose("ngram,grammar", NULL, &on), 0);
    assert_true(on.on[TL_DRAFT_ngram] && on.on[TL_DRAFT_grammar] && !on.on[TL_DRAFT_answers]);
    assert_int_equal(tl_drafts_choose("model", NULL, &on), TL_E_USAGE);
    assert_int_equal(tl_drafts_choose("always", "x.gguf", &on), 0);
    assert_true(on.on[TL_DRAFT_model] && on.on[TL_DRAFT_ngram] && on.always);
    assert_int_equal(tl_drafts_choose("off", "x.gguf", &on), 0);
    assert_false(on.on[TL_DRAFT_model]);
    static const char *const wrong[] = { "", ",", "ngram,", "ngrams", "off,ngram", "NGRAM", "ngram ,grammar" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(tl_drafts_choose(wrong[i], NULL, &on), TL_E_USAGE);
        assert_non_null(strstr(tl_error_text(), "ngram"));
    }
}

static void test_prompt_lookup(void **state)
{
    static const int32_t ids[] = { 1, 2, 3, 4, 5, 6, 9, 2, 3, 4 }, loop[] = { 7, 8, 7, 8, 7, 8 };
    struct tl_drafts drafts;
    struct tl_drafter *d;
    int32_t out[TL_DRAFT_MOST];
    (void)state;
    open_drafts(&drafts, "ngram");
    assert_int_equal(tl_drafter_new(&drafts, &d), 0);
    tl_drafter_begin(d);
    assert_int_equal(ask(d, ids, 10, 8, NULL, 4, out), 4);
    assert_memory_equal(out, ((int32_t[]){ 5, 6, 9, 2 }), 4 * sizeof(*out));
    tl_drafter_told(d, 4, 3, 4);
    assert_int_equal(drafts.figures[TL_DRAFT_ngram].drafted, 4);
    assert_int_equal(drafts.figures[TL_DRAFT_ngram].accepted, 3);
    assert_int_equal(ask(d, ids, 10, 8, NULL, 0, out), 0);
    tl_drafter_begin(d);
    assert_int_equal(ask(d, ids, 7, 7, NULL, 4, out), 0);        /* nothing of the former answer */
    tl_drafter_begin(d);
    assert_int_equal(ask(d, loop, 6, 1, NULL, 100, out), TL_DRAFT_MOST);
    for (int i = 0; i < TL_DRAFT_MOST; i++)
        assert_int_equal(out[i], i % 2 ? 8 : 7);
    tl_drafter_free(d);
    tl_drafts_close(&drafts);
}

static void test_answers(void **state)
{
    static int32_t one[400], two[3] = { 900, 100 + 20, 100 + 21 };
    struct tl_drafts drafts;
    struct tl_drafter *a, *b;
    int32_t out[TL_DRAFT_MOST];
    (void)state;
    open_drafts(&drafts, "answers");
    assert_int_equal(tl_drafter_new(&drafts, &a), 0);
    assert_int_equal(tl_drafter_new(&drafts, &b), 0);
    for (int i = 0; i < 400; i++)
        one[i] = 100 + i;
    tl_drafter_begin(a);
    for (uint32_t n = 10; n <= 200; n++)
        assert_int_equal(ask(a, one, n, 10, NULL, 4, out), 0);
    tl_drafter_begin(b);
    assert_int_equal(ask(b, two, 3, 3, NULL, 4, out), 4);        /* of the other session's answer */
    assert_memory_equal(out, ((int32_t[]){ 122, 123, 124, 125 }), 4 * sizeof(*out));
    two[1] = 100 + 5;
    two[2] = 100 + 6;
    assert_int_equal(ask(b, two, 3, 3, NULL, 4, out), 0);        /* a prompt is no answer */
    for (int round = 0; round < 300; round++) {                  /* older ones go; there is always room */
        for (int i = 0; i < 400; i++)
            one[i] = 1000 + round * 400 + i;
        tl_drafter_begin(a);
        ask(a, one, 400, 0, NULL, 4, out);
    }
    two[1] = 120;
    two[2] = 121;
    assert_int_equal(ask(b, two, 3, 3, NULL, 4, out), 0);
    tl_drafter_free(a);
    tl_drafter_free(b);
    tl_drafts_close(&drafts);
}

static uint32_t forced(struct tl_guide *guide, int32_t *ret_ids, uint32_t room)
{
    (void)guide;
    for (uint32_t i = 0; i < 3 && i < room; i++)
        ret_ids[i] = (int32_t)i + 40;
    return room < 3 ? room : 3;
}

static void test_grammar(void **state)
{
    static const int32_t ids[] = { 1, 2, 3, 1, 2 };
    struct tl_guide guide = { .forced = forced }, silent = {0};
    struct tl_drafts drafts;
    struct tl_drafter *d;
    int32_t out[TL_DRAFT_MOST];
    (void)state;
    open_drafts(&drafts, NULL);
    assert_int_equal(tl_drafter_new(&drafts, &d), 0);
    tl_drafter_begin(d);
    assert_int_equal(ask(d, ids, 5, 1, &guide, 8, out), 3);
    assert_int_equal(out[2], 42);
    assert_int_equal(ask(d, ids, 5, 1, &guide, 2, out), 2);
    assert_int_equal(ask(d, ids, 5, 1, &silent, 2, out), 2);     /* then the next kind */
    assert_int_equal(out[0], 3);
    tl_drafter_free(d);
    tl_drafts_close(&drafts);
}

/* With prices: never without a plain step before, and off where nothing holds. */
static void test_priced(void **state)
{
    static int32_t ids[CONTEXT];
    struct tl_drafts drafts;
    struct tl_drafter *d;
    int32_t out[TL_DRAFT_MOST];
    uint32_t n_drafted = 0;
    (void)state;
    open_drafts(&drafts, "ngram");
    drafts.priced = true;
    assert_int_equal(tl_drafter_new(&drafts, &d), 0);
    tl_drafter_begin(d);
    for (uint32_t n = 10; n < 2000; n++) {
        ids[n - 1] = (int32_t)(n % 7);
        uint32_t k = ask(d, ids, n, 1, NULL, 8, out);
        assert_true(n > 10 || k == 0);
        n_drafted += n > 1500 ? k : 0;
        tl_drafts_stepped(&drafts, 1, 1 + k, true, 1e-3 * (1 + 0.5 * k));
        tl_drafter_told(d, k, 0, 1);
    }
    assert_true(n_drafted < 12);
    tl_drafter_free(d);
    tl_drafts_close(&drafts);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (long n = 0; n < 12; n++) {
        struct tl_drafts drafts;
        struct tl_drafter *d = NULL;
        int32_t out[TL_DRAFT_MOST], ids[] = { 1, 2, 1, 2 };
        tl_memory_fail_after(n);
        open_drafts(&drafts, NULL);
        int status = tl_drafter_new(&drafts, &d);
        tl_memory_fail_after(-1);
        if (status >= 0) {
            tl_drafter_begin(d);
            ask(d, ids, 4, 1, NULL, 4, out);
        }
        tl_drafter_free(d);
        tl_drafts_close(&drafts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choose), cmocka_unit_test(test_prompt_lookup), cmocka_unit_test(test_answers),
        cmocka_unit_test(test_grammar), cmocka_unit_test(test_priced), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
