/* SPDX-License-Identifier: MIT */
/* What a teacher is asked, and what of its answers is learnt: a small batch by hand. */
#include <math.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "compress/distill_ask.h"
#include "compress/distill_keep.h"
#include "folder.h"

static void put(const char *name, const char *text) { make_text(in_folder(name), text); }

static void expect(const char *name, const char *text)
{
    char *found;
    size_t n;
    assert_int_equal(tl_file_slurp(in_folder(name), 1 << 20, &found, &n), 0);
    assert_string_equal(found, text);
    tl_free(found);
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

static void prompts_asked(void **state)
{
    struct tl_distill_ask how = {.answer_tokens = 9, .answers = 2, .temperature = 0.5, .seed = 4};
    uint64_t n;
    (void)state;
    put("prompts", "{\"prompt\":\"say \\\"x\\\"\",\"solution\":[1,{\"a\":2}]}\n\n{\"solution\":1,\"prompt\":\"y\"}\n");
    assert_int_equal(tl_distill_ask_prompts(in_folder("prompts"), &how, in_folder("out"), NULL, &n), 0);
    assert_int_equal(n, 2);
    expect("out", "{\"custom_id\":\"0\",\"method\":\"POST\",\"url\":\"/v1/completions\",\"body\":{\"prompt\":\"say \\\"x\\\"\",\"n\":2,\"max_tokens\":9,"
           "\"temperature\":0.5,\"seed\":4,\"logprobs\":0}}\n{\"custom_id\":\"1\",\"method\":\"POST\",\"url\":\"/v1/completions\",\"body\":{\"prompt\":\"y\","
           "\"n\":2,\"max_tokens\":9,\"temperature\":0.5,\"seed\":4,\"logprobs\":0}}\n");
    put("prompts", "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}\n");
    assert_int_equal(tl_distill_ask_prompts(in_folder("prompts"), &how, in_folder("out"), NULL, &n), TL_E_USAGE);
    how.chats = true;
    assert_int_equal(tl_distill_ask_prompts(in_folder("prompts"), &how, in_folder("out"), NULL, &n), 0);
    expect("out", "{\"custom_id\":\"0\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
           "\"n\":2,\"max_tokens\":9,\"temperature\":0.5,\"seed\":4,\"logprobs\":true}}\n");
    static const char *const odd[] = {"", "[]", "{}", "{\"prompt\":3}", "{\"prompt\":\"x\"", "no"};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        put("prompts", odd[i]);
        if (tl_distill_ask_prompts(in_folder("prompts"), &how, in_folder("none"), NULL, &n) != TL_E_USAGE)
            fail_msg("%s was taken", odd[i]);
        assert_false(tl_file_exists(in_folder("none")));
    }
}

/* --- keeping ------------------------------------------------------------------------------------------------------ */

#define REQUEST(number) "{\"custom_id\":\"" number "\",\"method\":\"POST\",\"url\":\"/v1/completions\",\"body\":{\"prompt\":\"begin" number " \",\"n\":1}}\n"
#define ANSWER(text, logprob, finish) "{\"response\":{\"body\":{\"choices\":[{\"text\":\"" text "\",\"logprobs\":{\"token_logprobs\":[" logprob "]}," \
                                      "\"finish_reason\":\"" finish "\"}]}}}\n"

static void batch_by_hand(void)
{
    put("requests", REQUEST("0") REQUEST("1") REQUEST("2") REQUEST("3") REQUEST("4") REQUEST("5") REQUEST("6"));
    put("answers", ANSWER("the first of all answers", "-1,-2", "stop") ANSWER("this one was cut off", "-1", "length")
        ANSWER("x x x x x x x x x x x x", "-0.1", "stop") ANSWER("the  first of all answers", "-1", "stop")
        ANSWER("what nobody would ever say", "-9", "stop") "{\"response\":{\"body\":{\"error\":{}}}}\n" ANSWER("another answer it's right", "-1", "stop"));
    put("prompts", "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\":4}\n{\"n\":5}\n{\"n\":\"it's 6\"}\n");
}

static void kept(void **state)
{
    struct tl_distill_keep how = {.filter = {.least_words = 2, .most_repeats = 0.5, .nearness = 0.8}, .unlikely_share = 0.2};
    struct tl_distill_kept found;
    (void)state;
    batch_by_hand();
    assert_int_equal(tl_distill_keep(&how, in_folder("requests"), in_folder("answers"), in_folder("out"), NULL, &found), 0);
    expect("out", "{\"text\":\"begin0 the first of all answers\"}\n{\"text\":\"begin6 another answer it's right\"}\n");
    assert_int_equal(found.count[TL_DISTILL_KEPT], 2);
    assert_int_equal(found.count[TL_DISTILL_CUT], 1);
    assert_int_equal(found.count[TL_DISTILL_LOOPS], 1);
    assert_int_equal(found.count[TL_DISTILL_DUPLICATE], 1);
    assert_int_equal(found.count[TL_DISTILL_UNLIKELY], 1);
    assert_int_equal(found.count[TL_DISTILL_FAILED], 1);
    assert_int_equal(found.tokens, 3);
    assert_true(fabs(found.nll - 4.0 / 3) < 1e-12);
    how.keep_cut = true;
    assert_int_equal(tl_distill_keep(&how, in_folder("requests"), in_folder("answers"), in_folder("out"), NULL, &found), 0);
    assert_int_equal(found.count[TL_DISTILL_KEPT], 3);
}

/* The verifier reads the answer, and sees the line that it answers, quotes and all. */
static void verified(void **state)
{
    struct tl_distill_keep how = {.filter = {.least_words = 2, .most_repeats = 0.5, .nearness = 0.8}, .verify_seconds = 20};
    struct tl_distill_kept found;
    (void)state;
    batch_by_hand();
    how.prompts = in_folder("prompts");
    how.verify = "test \"$TRILL_LINE\" = \"{\\\"n\\\":\\\"it's 6\\\"}\" && grep -q \"it's right\"";
    assert_int_equal(tl_distill_keep(&how, in_folder("requests"), in_folder("answers"), in_folder("out"), NULL, &found), 0);
    assert_int_equal(found.count[TL_DISTILL_KEPT], 1);
    assert_int_equal(found.count[TL_DISTILL_UNVERIFIED], 2);
    how.verify = "kill -SEGV $$";
    unlink(in_folder("out"));
    assert_int_equal(tl_distill_keep(&how, in_folder("requests"), in_folder("answers"), in_folder("out"), NULL, &found), TL_E_USAGE);
    assert_non_null(strstr(tl_error_text(), "verifier"));
    assert_false(tl_file_exists(in_folder("out")));
}

static void chats(void **state)
{
    struct tl_distill_keep how = {.filter = {.least_words = 1, .most_repeats = 0.5, .nearness = 0.8}, .chats = true};
    struct tl_distill_kept found;
    (void)state;
    put("requests", "{\"custom_id\":\"0\",\"body\":{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"u\"}]}}\n");
    put("answers", "{\"response\":{\"body\":{\"choices\":[{\"message\":{\"content\":\"an answer\"},\"logprobs\":null,\"finish_reason\":\"stop\"}]}}}\n");
    assert_int_equal(tl_distill_keep(&how, in_folder("requests"), in_folder("answers"), in_folder("out"), NULL, &found), 0);
    expect("out", "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":\"an answer\"}]}\n");
    how.chats = false;
    assert_int_equal(tl_distill_keep(&how, in_folder("requests"), in_folder("answers"), in_folder("out"), NULL, &found), 0);
    expect("out", "{\"text\":\"s\\nu\\nan answer\"}\n");
    put("answers", "\n");
    assert_int_equal(tl_distill_keep(&how, in_folder("requests"), in_folder("answers"), in_folder("out"), NULL, &found), TL_E_USAGE);
}

static void out_of_memory(void **state)
{
    struct tl_distill_keep how = {.filter = {.least_words = 2, .most_repeats = 0.5, .nearness = 0.8}, .unlikely_share = 0.2};
    struct tl_distill_kept found;
    (void)state;
    batch_by_hand();
    for (long n = 0; n < 1000; n++) {
        tl_memory_fail_after(n);
        int status = tl_distill_keep(&how, in_folder("requests"), in_folder("answers"), in_folder("out"), NULL, &found);
        tl_memory_fail_after(-1);
        if (status >= 0)
            return;
        assert_int_equal(status, TL_E_NOMEM);
    }
    fail_msg("it never succeeded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(prompts_asked, make_folder, remove_folder), cmocka_unit_test_setup_teardown(kept, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(verified, make_folder, remove_folder), cmocka_unit_test_setup_teardown(chats, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(out_of_memory, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
