/* SPDX-License-Identifier: MIT */
/* Answers with drafts of every kind are those without: greedy and drawn, with penalties and stop strings, one sequence and
 * eight at once. The models are the small ones beside this file; what they draw is as good as noise, so most is drafted in
 * vain, and low temperatures make them repeat themselves, so some is not. TRILL_FAST: only eight at once, fewer allocations fail. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/memory.h"
#include "golden_file.h"
#include "trill.h"

enum { WIDTH = 8, TOKENS = 48 };

struct way { float temperature, repeat_penalty, presence_penalty; const char *stop; };

static const struct way ways[] = {
    { 0, 1, 0, NULL }, { 1, 1, 0, NULL }, { 0.2f, 1, 0, "e" }, { 0.7f, 1.3f, 0.4f, NULL },
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

#define SCHEMA "{\"type\": \"object\", \"properties\": {\"harbour_name\": {\"type\": \"boolean\"}, \"number_of_boats\": " \
               "{\"enum\": [\"none at all\", \"several\"]}}, \"required\": [\"harbour_name\", \"number_of_boats\"]}"

static const struct row { const char *model, *drafts, *side, *schema; } rows[] = {
    { "llama", "grammar,always", NULL, SCHEMA }, { "llama", "grammar", NULL, SCHEMA }, { "llama", "ngram,model,always", "llama", SCHEMA },
    { "llama", "ngram,always", NULL, NULL }, { "llama", "answers,always", NULL, NULL }, { "llama", "always", NULL, NULL }, { "llama", "auto", NULL, NULL },
    { "llama", "model,always", "llama", NULL }, { "llama-f16", "ngram,model,always", "llama", NULL }, { "gemma3", "ngram,always", NULL, NULL },
    { "ahead/glm4_moe", "heads,always", NULL, NULL }, { "ahead/deepseek_v3", "heads,always", NULL, NULL }, { "ahead/qwen3_next", "heads,always", NULL, NULL },
    { "ahead/qwen3_next", "ngram,heads,always", NULL, NULL }, { "qwen3_5_moe", "ngram,answers,always", NULL, NULL }, { "ahead/glm4_moe", "heads", NULL, NULL },
};

struct job { struct trill_session *session; const struct way *way; const char *schema; uint32_t number; int32_t ids[TOKENS]; size_t n_ids; uint32_t drafted, accepted; };

static void *answer(void *context)
{
    static const char prompt[] = "the weight that is read is the weight that is used and the rest of the layer waits for it";
    struct job *job = context;
    struct trill_generate_options options;
    struct trill_generation g = { 0 };
    int32_t ids[64];
    for (int i = 0; i < 40; i++)
        ids[i] = 3 + (int32_t)((uint32_t)prompt[(i + (int)job->number * 7) % 60] * (job->number % 3 + 1) % 290);
    trill_generate_options_init(&options, sizeof(options));
    options.temperature = job->way->temperature;
    options.repeat_penalty = job->way->repeat_penalty;
    options.presence_penalty = job->way->presence_penalty;
    options.top_k = 0;
    options.top_p = 1;
    options.min_p = 0;
    options.seed = job->number;
    options.max_tokens = TOKENS;
    options.ignore_end = 1;
    options.schema = job->schema;
    options.stop = &job->way->stop;
    options.n_stop = job->way->stop != NULL;
    if (trill_session_set(job->session, ids, 40) < 0 || trill_session_generate(job->session, &options, &g, sizeof(g)) < 0)
        return NULL;
    job->n_ids = g.count;
    job->drafted = g.drafted_tokens;
    job->accepted = g.accepted_tokens;
    memcpy(job->ids, g.ids, g.count * sizeof(*g.ids));
    trill_generation_done(&g);
    return NULL;
}

static struct trill_model *open_model(const char *name, const char *drafts, const char *side, uint32_t sessions)
{
    struct trill_model_options options;
    struct trill_model *model;
    trill_model_options_init(&options, sizeof(options));
    options.drafts = drafts;
    options.draft_model = side ? golden_file("%s", side) : NULL;
    options.sessions = sessions;
    options.threads = 2;
    if (trill_model_open(golden_file("%s", name), &options, &model) < 0)
        fail_msg("%s: %s", name, trill_error());
    return model;
}

/* All jobs, `width` at a time. */
static void run(struct trill_model *model, const char *schema, struct job jobs[WAYS * WIDTH], uint32_t width)
{
    struct trill_session *session[WIDTH];
    pthread_t thread[WIDTH];
    for (uint32_t i = 0; i < width; i++)
        assert_int_equal(trill_session_open(model, &session[i]), 0);
    for (uint32_t i = 0; i < WAYS * WIDTH; i += width)
        for (uint32_t pass = 0; pass < 2; pass++)
            for (uint32_t k = 0; k < width; k++) {
                struct job *job = &jobs[i + k];
                job->way = &ways[(i + k) / WIDTH];
                job->number = (i + k) % WIDTH;
                job->session = session[k];
                job->schema = schema;
                if (pass == 0)
                    assert_int_equal(pthread_create(&thread[k], NULL, answer, job), 0);
                else
                    pthread_join(thread[k], NULL);
            }
    for (uint32_t i = 0; i < width; i++)
        trill_session_close(session[i]);
}

static void compare(const struct job *plain, const struct job *drafted, const struct row *row, uint32_t width)
{
    const char *what = row->model, *drafts = row->drafts;
    uint32_t n_drafted = 0, n_accepted = 0;
    for (uint32_t i = 0; i < WAYS * WIDTH; i++) {
        assert_true(plain[i].n_ids > 0 && plain[i].drafted == 0);
        if (plain[i].n_ids != drafted[i].n_ids || memcmp(plain[i].ids, drafted[i].ids, plain[i].n_ids * sizeof(int32_t)) != 0)
            fail_msg("%s with %s, %u at once: answer %u differs", what, drafts, width, i);
        n_drafted += drafted[i].drafted;
        n_accepted += drafted[i].accepted;
    }
    print_message("  %-18s %-20s %u at once: %u drafted, %u accepted\n", what, drafts, width, n_drafted, n_accepted);
    assert_true(n_accepted == n_drafted || !row->side || row->schema || strcmp(row->side, what) != 0);       /* it is the same model */
    assert_true(n_accepted <= n_drafted && (n_drafted > 0 || !strstr(drafts, "always")));
}

static void test_same_answers(void **state)
{
    static struct job plain[WAYS * WIDTH], drafted[WAYS * WIDTH];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct trill_model *model = open_model(rows[i].model, "off", NULL, 1);
        run(model, rows[i].schema, plain, 1);
        trill_model_close(model);
        for (uint32_t width = getenv("TRILL_FAST") ? WIDTH : 1; width <= WIDTH; width += WIDTH - 1) {
            model = open_model(rows[i].model, rows[i].drafts, rows[i].side, width);
            run(model, rows[i].schema, drafted, width);
            compare(plain, drafted, &rows[i], width);
            trill_model_close(model);
        }
    }
}

static void count_warnings(void *context, int level, const char *text)
{
    if (level == TRILL_LOG_WARNING && strstr(text, "drafts of the kind heads are off"))
        ++*(int *)context;
}

/* What cannot be had is a warning; what cannot be is an error. */
static void test_refused(void **state)
{
    struct trill_model_options options;
    struct trill_model *model;
    int n_warnings = 0;
    (void)state;
    trill_model_options_init(&options, sizeof(options));
    options.drafts = "heads";
    options.log = count_warnings;
    options.context_pointer = &n_warnings;
    assert_int_equal(trill_model_open(golden_file("llama"), &options, &model), 0);
    assert_int_equal(n_warnings, 1);
    trill_model_close(model);
    options.drafts = "nothing";
    assert_int_equal(trill_model_open(golden_file("llama"), &options, &model), TRILL_USAGE);
    options.drafts = "model";
    assert_int_equal(trill_model_open(golden_file("llama"), &options, &model), TRILL_USAGE);
    options.drafts = NULL;
    options.draft_model = golden_file("gemma3");
    assert_int_equal(trill_model_open(golden_file("llama"), &options, &model), TRILL_USAGE);
    assert_non_null(strstr(trill_error(), "expected"));
    options.draft_model = golden_file("none");
    assert_true(trill_model_open(golden_file("llama"), &options, &model) < 0);
}

/* Everything that drafts. False: it was not opened, or failed. */
static bool answer_with_all(struct job *job)
{
    struct trill_model_options options;
    struct trill_model *model = NULL;
    trill_model_options_init(&options, sizeof(options));
    options.drafts = "ngram,answers,heads,model,always";
    options.draft_model = golden_file("glm4_moe");
    options.threads = 1;
    job->n_ids = 0;
    job->session = NULL;
    if (trill_model_open(golden_file("ahead/glm4_moe"), &options, &model) >= 0 && trill_session_open(model, &job->session) >= 0)
        answer(job);
    trill_session_close(job->session);
    trill_model_close(model);
    return job->n_ids > 0;
}

/* Whichever allocation fails, there is the same answer or none. */
static void test_no_memory(void **state)
{
    struct job plain = { .way = &ways[0], .number = 1 }, job = plain;
    struct trill_model *model = open_model("ahead/glm4_moe", "off", NULL, 1);
    const uint64_t most = getenv("TRILL_FAST") ? 50 : 300;
    uint64_t n_before, n_all;
    uint32_t n_good = 0;
    (void)state;
    assert_int_equal(trill_session_open(model, &plain.session), 0);
    answer(&plain);
    trill_session_close(plain.session);
    trill_model_close(model);
    n_before = tl_memory_allocations();
    assert_true(answer_with_all(&job) && job.drafted > 0);
    n_all = tl_memory_allocations() - n_before;
    for (uint64_t n = 0; n < n_all; n += 1 + n_all / most) {
        tl_memory_fail_after((long)n);
        bool good = answer_with_all(&job);
        tl_memory_fail_after(-1);
        n_good += good;
        if (good && (job.n_ids != plain.n_ids || memcmp(job.ids, plain.ids, plain.n_ids * sizeof(int32_t)) != 0))
            fail_msg("the answer differs where allocation %llu fails", (unsigned long long)n);
    }
    print_message("  %u of the answers with a failing allocation, of which there are %llu, were given\n", n_good, (unsigned long long)n_all);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_same_answers), cmocka_unit_test(test_refused), cmocka_unit_test(test_no_memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
