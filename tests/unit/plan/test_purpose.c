/* SPDX-License-Identifier: MIT */
/* Jobs in a few words: what is understood, what is refused with which sentence, and what a job costs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/json.h"
#include "plan/fit.h"
#include "plan/loss.h"
#include "plan/outlined.h"
#include "plan/purpose.h"

static void understood(void **state)
{
    static const struct { const char *text; struct tl_purpose is; } cases[] = {
        {"1 Mtok score", {TL_PURPOSE_SCORE, 1e6, 0, 0}}, {"score 1Mtok", {TL_PURPOSE_SCORE, 1e6, 0, 0}},
        {"score 1e6 tokens", {TL_PURPOSE_SCORE, 1e6, 0, 0}}, {"score of 1 million tokens", {TL_PURPOSE_SCORE, 1e6, 0, 0}},
        {"SCORE 1.5B", {TL_PURPOSE_SCORE, 1.5e9, 0, 0}}, {"10k tokens decode", {TL_PURPOSE_DECODE, 1e4, 0, 0}},
        {"2T tokens prefill", {TL_PURPOSE_PREFILL, 2e12, 0, 0}}, {"2Ttok prefill", {TL_PURPOSE_PREFILL, 2e12, 0, 0}},
        {"7 tok write", {TL_PURPOSE_DECODE, 7, 0, 0}}, {"1000 requests", {TL_PURPOSE_BATCH, 0, 1000, 0}},
        {"batch 1000", {TL_PURPOSE_BATCH, 0, 1000, 0}}, {"batch of 5 Mtok", {TL_PURPOSE_BATCH, 5e6, 0, 0}},
        {"distill 300M student 2B tokens", {TL_PURPOSE_DISTILL, 2e9, 0, 300e6}},
        {"distil a 300M student on 2B tokens", {TL_PURPOSE_DISTILL, 2e9, 0, 300e6}},
        {"distill 2Btok into a 300 million student", {TL_PURPOSE_DISTILL, 2e9, 0, 300e6}},
        {"distill 2B tokens 300M", {TL_PURPOSE_DISTILL, 2e9, 0, 300e6}}, {"train 1B model, 20B tokens", {TL_PURPOSE_TRAIN, 20e9, 0, 1e9}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tl_purpose found;
        if (tl_purpose_parse(cases[i].text, &found) < 0)
            fail_msg("%s: %s", cases[i].text, tl_error_text());
        const struct tl_purpose *is = &cases[i].is;
        if (found.kind != is->kind || found.tokens != is->tokens || found.requests != is->requests || found.student != is->student)
            fail_msg("%s: %d, %g tokens, %g requests, student of %g", cases[i].text, (int)found.kind, found.tokens, found.requests, found.student);
    }
}

static void refused(void **state)
{
    static const struct { const char *text, *sentence; } cases[] = {
        {"", "found nothing"}, {"   ", "found nothing"}, {"1 Mtok", "the kind of job is missing"}, {"score", "the number of tokens is missing"},
        {"1 Mtok scoer", "is score meant?"}, {"distill 2B tokens", "the size of the student is missing"}, {"distill 300M student", "the number of tokens is missing"},
        {"score 1 2 tokens", "two numbers in a row"}, {"score 1M tokens 2M tokens", "two numbers of tokens"}, {"score decode 1M", "\"score\" and \"decode\""},
        {"score 0 tokens", "expected 1 to 1e18"}, {"score -5 tokens", "expected a number such as"}, {"score 1e30 tokens", "expected 1 to 1e18"},
        {"score 1x tokens", "\"1x\", expected a number"}, {"score 1M tokens 300M student", "which score has no use for"},
        {"300M student 2B tokens", "what becomes of it"}, {"score 5 requests 1M tokens", "batch answers them"}, {"score nan tokens", "is not understood"},
        {"score infinity tokens", "is not understood"}, {"score 1.2.3 tokens", "\"1.2.3\""},
        {"a a a a a a a a a a a a a a a a a a a a a", "a few words"}, {"a a a a a a a a a a a a a a a a  ", "the kind of job is missing"},
        {"score aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1M", "a few words"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tl_purpose none;
        assert_int_equal(tl_purpose_parse(cases[i].text, &none), TL_E_USAGE);
        if (!strstr(tl_error_text(), cases[i].sentence) || strncmp(tl_error_text(), "--for: ", 7) != 0)
            fail_msg("\"%s\": \"%s\" does not say \"%s\"", cases[i].text, tl_error_text(), cases[i].sentence);
    }
}

/* Every row of purposes.def is understood by its words. */
static void words(void **state)
{
    (void)state;
    for (int kind = 0; kind < TL_PURPOSES; kind++) {
        char text[96], word[24];
        struct tl_purpose found;
        snprintf(text, sizeof text, "%s 7M student 1M tokens", tl_purposes[kind].word);
        bool learns = kind == TL_PURPOSE_TRAIN || kind == TL_PURPOSE_DISTILL;
        assert_int_equal(tl_purpose_parse(text, &found) >= 0, learns);
        for (const char *at = tl_purposes[kind].others; sscanf(at, "%23s", word) == 1; at += strcspn(at, " ") + (at[strcspn(at, " ")] != 0)) {
            snprintf(text, sizeof text, "%s 1M tokens%s", word, learns ? " 7M student" : "");
            assert_int_equal(tl_purpose_parse(text, &found), 0);
            assert_int_equal(found.kind, kind);
        }
        assert_true(strlen(tl_purposes[kind].meaning) > 0);
    }
}

struct bench { struct tl_outlined *outlined; struct tl_machine machine; struct tl_purpose_means means; };

static void open_bench(struct bench *b, const char *name, double ram)
{
    struct tl_fit fit;
    tl_machine_ask(NULL, &b->machine);
    const struct { enum tl_fact fact; double value; } facts[] = {
        {TL_FACT_THREADS, 4}, {TL_FACT_RAM, ram}, {TL_FACT_MEMORY, 40e9}, {TL_FACT_DRIVE, 3e9}, {TL_FACT_INT8, 2e12}, {TL_FACT_BF16, 1e12},
        {TL_FACT_F32, 0.5e12}, {TL_FACT_WATTS, 50}, {TL_FACT_KWH, 0.3}, {TL_FACT_HOUR, 0}, {TL_FACT_PUE, 1},
    };
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
        tl_machine_set(&b->machine, facts[i].fact, facts[i].value, TL_SOURCE_SAID);
    tl_machine_finish(&b->machine);
    if (tl_outlined_open(name, &(struct tl_outline_sizes){0}, &(struct tl_recipe_names){0}, &(struct tl_model_choices){0}, &b->outlined) < 0)
        fail_msg("%s", tl_error_text());
    struct tl_fit_wish wish = {.threads = 4, .machine = &b->machine, .ram_bytes = (uint64_t)ram, .shorter_context = true, .fewer_sessions = true};
    b->means = (struct tl_purpose_means){.prompt = 512, .answer = 128};
    assert_int_equal(tl_fit_make(b->outlined->model, &wish, &fit), 0);
    b->means.sessions = b->means.batch = fit.limits;
    b->means.batches = true;
    wish.score_tokens = 1 << 20;
    if (tl_fit_make(b->outlined->model, &wish, &fit) >= 0) {
        b->means.sweeps = true;
        b->means.sweep = fit.limits;
    }
}

static struct tl_priced price(struct bench *b, const char *text)
{
    struct tl_purpose purpose;
    struct tl_priced priced = {0};
    if (tl_purpose_parse(text, &purpose) < 0 || tl_purpose_price(&purpose, b->outlined->model, &b->means, &b->machine, &priced) < 0)
        fail_msg("%s: %s", text, tl_error_text());
    return priced;
}

static bool near(double a, double b) { return fabs(a - b) <= 1e-6 * fabs(b); }

static void priced(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b, "qwen3-30b-a3b", 24e9);
    assert_true(b.means.sweeps);
    struct tl_priced score = price(&b, "1 Mtok score"), ten = price(&b, "10 Mtok score"), write = price(&b, "1 Mtok write");
    assert_true(ten.all.seconds > 8 * score.all.seconds && ten.all.seconds < 11 * score.all.seconds);
    assert_true(write.all.seconds > 3 * score.all.seconds);          /* that is what sweeps are for */
    assert_true(near(score.all.joules, 50 * score.all.seconds) && near(score.all.money, score.all.joules / 3.6e6 * 0.3));
    struct tl_priced distill = price(&b, "distill 300M student 10M tokens"), train = price(&b, "train 300M student 10M tokens");
    assert_true(near(distill.all.seconds, distill.model.seconds + distill.training.seconds) && near(distill.model.seconds, ten.all.seconds));
    assert_true(near(distill.training.seconds, train.all.seconds) && near(train.training.operations, 6 * 300e6 * 10e6));
    assert_true(near(train.training.seconds, 1.8e16 / (1e12 * 0.4)) && train.model.seconds == 0);
    assert_true(near(train.loss, tl_loss(300e6, 10e6)) && train.best_loss < train.loss && near(train.training_bytes, 4.8e9));
    struct tl_priced requests = price(&b, "1000 requests"), tokens = price(&b, "640000 tokens batch");
    assert_true(near(requests.requests, 1000) && near(requests.all.seconds, tokens.all.seconds));
    tl_outlined_close(b.outlined);
}

/* Numbers that no count of 64 bits holds are priced too. */
static void huge(void **state)
{
    static const char *const texts[] = {"1e18 tokens score", "1e18 requests", "1e18 tokens batch", "1e18 tokens write", "1e18 tokens prefill",
                                        "distill 1e18 student 1e18 tokens", "1 token score", "1 token batch", "1 request"};
    struct bench b;
    (void)state;
    open_bench(&b, "smollm2-135m", 4e9);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct tl_priced p = price(&b, texts[i]);
        struct tl_purpose purpose;
        struct tl_buffer json;
        struct tl_json reader;
        int event;
        assert_true(isfinite(p.all.seconds) && p.all.seconds > 0 && isfinite(p.all.money));
        assert_int_equal(tl_purpose_parse(texts[i], &purpose), 0);
        tl_buffer_init(&json, 0);
        tl_purpose_write(texts[i], &purpose, &p, &json);
        tl_json_init(&reader, texts[i], json.data, json.len);
        while ((event = tl_json_next(&reader)) > 0)
            ;
        assert_int_equal(event, TL_JSON_END);
        tl_json_done(&reader);
        tl_buffer_done(&json);
    }
    tl_outlined_close(b.outlined);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(understood), cmocka_unit_test(refused), cmocka_unit_test(words), cmocka_unit_test(priced), cmocka_unit_test(huge)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
