/* SPDX-License-Identifier: MIT */
/* Every known geometry in many budgets: what is planned fits, what is refused would fit in what the refusal names, and a
 * larger budget never gives less. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "plan/fit.h"
#include "plan/outlined.h"

static const struct tl_recipe_names as_they_come = {0};
static const uint64_t mib = 1 << 20, gib = 1 << 30;

/* Users take something of every limit. */
static uint64_t users(void *context, const struct tl_model *model, const struct tl_model_limits *limits)
{
    (void)context;
    (void)model;
    return limits->sessions * (100000 + limits->context * 4u) + limits->chunk * 60u;
}

static const struct tl_fit_wish base = {.threads = 2, .process_bytes = 16 << 20, .users = users};

static struct tl_outlined *open_outlined(const char *name)
{
    struct tl_outlined *outlined;
    if (tl_outlined_open(name, &(struct tl_outline_sizes){0}, &as_they_come, &(struct tl_model_choices){0}, &outlined) < 0)
        fail_msg("%s: %s", name, tl_error_text());
    return outlined;
}

/* In the budget, and as the model itself would lay it out. */
static void check_sums(struct tl_model *model, const struct tl_fit *fit, uint64_t budget)
{
    struct tl_model_memory memory;
    assert_int_equal(fit->budget_bytes, budget);
    assert_true(fit->planned_bytes <= budget);
    assert_int_equal(tl_model_plan(model, &fit->limits, &memory), 0);
    assert_int_equal(memory.total, fit->memory.total);
    assert_int_equal(fit->planned_bytes, memory.total + users(NULL, model, &fit->limits) + fit->staging_bytes + base.process_bytes + fit->margin_bytes);
    assert_int_equal(fit->staging_bytes, base.threads * tl_model_staging_bytes(model));
    assert_true(fit->limits.context && fit->limits.sessions && fit->limits.chunk);
    assert_true(fit->limits.sweep || fit->limits.chunk <= (uint64_t)fit->limits.context * fit->limits.sessions);
}

static uint32_t kept(const struct tl_fit *fit) { return fit->way == TL_FIT_RESIDENT ? fit->n_experts : fit->limits.frames; }

static void check_no_less(const char *name, const struct tl_fit *before, const struct tl_fit *now)
{
    const struct tl_model_limits *a = &before->limits, *b = &now->limits;
    bool ways = now->way >= before->way, contexts = b->context >= a->context, frames = kept(now) >= kept(before);
    bool within = now->way != before->way || (b->chunk >= a->chunk && b->sessions >= a->sessions && b->trunk_bytes >= a->trunk_bytes);
    if (!ways || !contexts || !frames || !within)
        fail_msg("%s: with %.2f GiB way %d, context %u, sessions %u, chunk %u, frames %u, trunk %llu; with %.2f GiB way %d, context %u, sessions %u, chunk %u, frames %u, trunk %llu",
                 name, (double)before->budget_bytes / (double)gib, (int)before->way, a->context, a->sessions, a->chunk, a->frames,
                 (unsigned long long)a->trunk_bytes, (double)now->budget_bytes / (double)gib, (int)now->way, b->context, b->sessions, b->chunk,
                 b->frames, (unsigned long long)b->trunk_bytes);
}

/* What is refused names a budget in which it fits. */
static void check_refusal(struct tl_model *model, struct tl_fit_wish wish)
{
    struct tl_fit fit;
    const char *found = strstr(tl_error_text(), "needs at least ");
    assert_non_null(found);
    uint64_t needed = strtoull(found + strlen("needs at least "), NULL, 10) * mib;
    assert_true(needed > wish.ram_bytes);
    wish.ram_bytes = needed;
    assert_int_equal(tl_fit_make(model, &wish, &fit), 0);
    check_sums(model, &fit, needed);
}

static void climb(const char *name, struct tl_fit_wish wish, double ratio)
{
    struct tl_outlined *outlined = open_outlined(name);
    struct tl_fit before = {0}, now;
    double most = 2.5 * (double)tl_model_weight_bytes(outlined->model) + 64 * (double)gib;
    for (double budget = 40 * (double)mib; budget < most; budget *= ratio) {
        wish.ram_bytes = (uint64_t)budget;
        int status = tl_fit_make(outlined->model, &wish, &now);
        if (status < 0) {
            assert_int_equal(status, TL_E_BUDGET);
            assert_int_equal(before.budget_bytes, 0);
            check_refusal(outlined->model, wish);
            continue;
        }
        check_sums(outlined->model, &now, wish.ram_bytes);
        if (before.budget_bytes)
            check_no_less(name, &before, &now);
        before = now;
    }
    assert_int_equal(before.way, TL_FIT_RESIDENT);
    tl_outlined_close(outlined);
}

static void one_session(void **state)
{
    (void)state;
    for (size_t i = 0; i < tl_known_count; i++)
        climb(tl_known[i].name, base, 1.31);
}

static void many_sessions(void **state)
{
    struct tl_fit_wish wish = base;
    wish.sessions = 64;
    wish.fewer_sessions = wish.shorter_context = true;
    wish.context = 3000;
    (void)state;
    for (size_t i = 0; i < tl_known_count; i += 3)
        climb(tl_known[i].name, wish, 1.37);
}

static void sweeps(void **state)
{
    struct tl_fit_wish wish = base;
    wish.score_tokens = 3000000;
    (void)state;
    for (size_t i = 0; i < tl_known_count; i += 2)
        climb(tl_known[i].name, wish, 1.37);
}

/* What is asked for is given, or nothing. */
static void demands(void **state)
{
    struct tl_outlined *outlined = open_outlined("kimi-k2");
    struct tl_fit_wish wish = base;
    struct tl_fit fit;
    (void)state;
    wish.ram_bytes = 64 * gib;
    wish.context = 5001;
    wish.chunk = 77;
    wish.sessions = 3;
    wish.frames = 500;
    assert_int_equal(tl_fit_make(outlined->model, &wish, &fit), 0);
    assert_true(fit.limits.context == 5001 && fit.limits.chunk == 77 && fit.limits.sessions == 3 && fit.limits.frames == 500);
    assert_true(fit.context_why == TL_FIT_ASKED && fit.chunk_why == TL_FIT_ASKED && fit.sessions_why == TL_FIT_ASKED && fit.held_why == TL_FIT_ASKED);
    check_sums(outlined->model, &fit, 64 * gib);
    wish.context = 1 << 24;
    assert_int_equal(tl_fit_make(outlined->model, &wish, &fit), TL_E_BUDGET);
    check_refusal(outlined->model, wish);
    wish.shorter_context = true;
    assert_int_equal(tl_fit_make(outlined->model, &wish, &fit), 0);
    assert_true(fit.limits.context < 1 << 24 && fit.limits.context >= 4096);
    wish = base;
    wish.ram_bytes = 1500 * gib;
    wish.trunk_bytes = 8 * gib;
    assert_int_equal(tl_fit_make(outlined->model, &wish, &fit), 0);
    assert_true(fit.way == TL_FIT_TRUNK_PASSES && fit.limits.trunk_bytes == 8 * gib && fit.passing_bytes > 0);
    tl_outlined_close(outlined);
}

/* What a machine says of its memory is the budget; what was asked of it leaves something to others. */
static void budgets(void **state)
{
    struct tl_outlined *outlined = open_outlined("qwen3-0.6b");
    struct tl_fit_wish wish = base;
    struct tl_machine machine;
    struct tl_fit fit;
    (void)state;
    tl_machine_ask(NULL, &machine);
    tl_machine_set(&machine, TL_FACT_RAM, 8.0 * (double)gib, TL_SOURCE_ASKED);
    tl_machine_set(&machine, TL_FACT_THREADS, 7, TL_SOURCE_SAID);
    tl_machine_finish(&machine);
    wish.machine = &machine;
    wish.threads = 0;
    assert_int_equal(tl_fit_make(outlined->model, &wish, &fit), 0);
    assert_int_equal(fit.budget_bytes, 8 * gib - 256 * mib);
    assert_int_equal(fit.limits.threads, 7);
    assert_false(fit.threads_asked);
    tl_machine_set(&machine, TL_FACT_RAM, 8.0 * (double)gib, TL_SOURCE_SAID);
    assert_int_equal(tl_fit_make(outlined->model, &wish, &fit), 0);
    assert_int_equal(fit.budget_bytes, 8 * gib);
    tl_outlined_close(outlined);
}

/* A configuration may ask for anything. */
static void impossible_sizes(void **state)
{
    static const char start[] = "{\"model_type\": \"qwen3_moe\", \"num_attention_heads\": 64, \"num_key_value_heads\": 8, \"head_dim\": 128, "
                                "\"num_experts_per_tok\": 8, \"norm_topk_prob\": true, \"rope_theta\": 10000, \"rms_norm_eps\": 1e-6, "
                                "\"max_position_embeddings\": 4096, \"tie_word_embeddings\": false, \"vocab_size\": 1000, ";
    static const struct { const char *rest, *sentence; } cases[] = {
        {"\"num_hidden_layers\": 4096, \"hidden_size\": 1048576, \"intermediate_size\": 4194304, \"num_experts\": 65536, \"moe_intermediate_size\": 4194304}",
         "of weights"},
        {"\"num_hidden_layers\": 0, \"hidden_size\": 64, \"intermediate_size\": 64, \"num_experts\": 4, \"moe_intermediate_size\": 64}", "layers"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[] = "/tmp/trill-config-XXXXXX";
        struct tl_outlined *outlined = NULL;
        FILE *file = fdopen(mkstemp(path), "w");
        assert_non_null(file);
        fprintf(file, "%s%s", start, cases[i].rest);
        fclose(file);
        int status = tl_outlined_open(path, &(struct tl_outline_sizes){0}, &as_they_come, &(struct tl_model_choices){0}, &outlined);
        unlink(path);
        assert_int_equal(status, TL_E_FILE);
        assert_non_null(strstr(tl_error_text(), cases[i].sentence));
        assert_null(outlined);
    }
}

/* Whatever was decided is said, in lines that a terminal shows whole. */
static void explanations(void **state)
{
    static const char *const labels[] = {"\nweights ", "\ncontext ", "\nchunk ", "\nthreads ", "\nmemory "};
    struct tl_fit fit;
    (void)state;
    for (size_t i = 0; i < tl_known_count; i++) {
        struct tl_outlined *outlined = open_outlined(tl_known[i].name);
        struct tl_fit_wish wish = base;
        for (wish.ram_bytes = 4 * gib; wish.ram_bytes < 65536 * gib; wish.ram_bytes *= 8) {
            struct tl_buffer text;
            if (tl_fit_make(outlined->model, &wish, &fit) < 0)
                continue;
            tl_buffer_init(&text, 0);
            tl_buffer_printf(&text, "\n");
            tl_fit_explain(&fit, &text);
            assert_int_equal(text.status, 0);
            for (size_t k = 0; k < sizeof(labels) / sizeof(labels[0]); k++)
                assert_non_null(strstr(text.data, labels[k]));
            assert_int_equal(strstr(text.data, "\nexperts ") != NULL, fit.limits.frames > 0);
            assert_int_equal(strstr(text.data, "\nlook-ahead ") != NULL, fit.limits.frames > 0);
            for (const char *line = text.data, *end; *line; line = end + 1) {
                end = strchr(line, '\n');
                assert_non_null(end);
                assert_true(end - line <= 100 && (end == line || end[-1] != ' '));
            }
            tl_buffer_done(&text);
        }
        tl_outlined_close(outlined);
    }
}

/* An outline has no weights. */
static void nothing_to_load(void **state)
{
    struct tl_outlined *outlined = open_outlined("smollm2-135m");
    struct tl_fit_wish wish = base;
    struct tl_fit fit;
    uint8_t byte;
    (void)state;
    wish.ram_bytes = 4 * gib;
    assert_int_equal(tl_fit_make(outlined->model, &wish, &fit), 0);
    assert_int_equal(tl_model_place(outlined->model, &fit.limits), TL_E_USAGE);
    assert_non_null(strstr(tl_error_text(), "smollm2-135m"));
    const struct tl_modelfile *file = outlined->outline->file;
    assert_int_equal(tl_modelfile_read(file, tl_modelfile_tensor(file, 0), 0, &byte, 1), TL_E_FILE);
    tl_outlined_close(outlined);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_session), cmocka_unit_test(many_sessions), cmocka_unit_test(sweeps),
        cmocka_unit_test(explanations), cmocka_unit_test(impossible_sizes), cmocka_unit_test(demands),     cmocka_unit_test(budgets),       cmocka_unit_test(nothing_to_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
