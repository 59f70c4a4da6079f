/* SPDX-License-Identifier: MIT */
/* What is planned of a file is what opening it takes: in several budgets, for sessions and for sweeps. The explanation is
 * there for whoever asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/api.h"
#include "engine/engine.h"
#include "folder.h"
#include "run_job.h"

static char path[64];

static void must(int status)
{
    if (status < 0)
        fail_msg("%s", trill_error());
}

static int make_model(void **state)
{
    char options[256];
    if (make_folder(state) < 0)
        return -1;
    snprintf(path, sizeof path, "%s/model.gguf", folder);
    snprintf(options, sizeof options, "{\"geometry\":\"kimi-k2\",\"output\":\"%s\",\"tiny\":true,\"threads\":1}", path);
    must(run_job("synth", options, NULL, 0));
    return 0;
}

static void same(struct tl_engine_options options)
{
    struct tl_engine *planned, *opened;
    options.plan_only = true;
    options.process_bytes = 12 << 20;
    must(tl_engine_open(path, &options, &planned));
    options.plan_only = false;
    must(tl_engine_open(path, &options, &opened));
    const struct tl_model_limits *limits = tl_model_limits(opened->model);
    assert_memory_equal(&planned->fit.limits, limits, sizeof(*limits));
    assert_int_equal(planned->fit.planned_bytes, opened->fit.planned_bytes);
    assert_int_equal(planned->fit.way, opened->fit.way);
    assert_null(planned->pool);
    assert_int_equal(opened->max_sessions, limits->sweep ? 0 : limits->sessions);
    tl_engine_close(planned);
    tl_engine_close(opened);
}

static void planned_as_opened(void **state)
{
    (void)state;
    for (uint64_t ram = 48 << 20; ram < (uint64_t)600 << 20; ram *= 2) {
        same((struct tl_engine_options){.threads = 2, .ram_bytes = ram});
        same((struct tl_engine_options){.threads = 1, .ram_bytes = ram, .sessions = 5, .context = 700, .fewer_sessions = true});
        same((struct tl_engine_options){.threads = 2, .ram_bytes = ram, .score_tokens = 50000});
    }
    same((struct tl_engine_options){.threads = 2, .ram_bytes = 96 << 20, .context = 512, .frames = 20});
    same((struct tl_engine_options){.threads = 2, .ram_bytes = 96 << 20, .context = 512, .trunk_bytes = 1});
}

static void explained(void **state)
{
    struct trill_model_options options;
    struct trill_model *model;
    char *text;
    (void)state;
    trill_model_options_init(&options, sizeof options);
    options.ram_bytes = 256 << 20;
    options.threads = 1;
    options.context = 99;
    must(trill_model_open(path, &options, &model));
    must(trill_model_explain(model, &text));
    assert_non_null(strstr(text, "99 tokens: as asked for."));
    assert_non_null(strstr(text, "of 256 MiB: weights"));
    trill_free(text);
    trill_model_close(model);
    options.vocabulary_only = 1;
    must(trill_model_open(path, &options, &model));
    must(trill_model_explain(model, &text));
    assert_string_equal(text, "");
    trill_free(text);
    trill_model_close(model);
}

static void write_machine(const char *text)
{
    make_text(in_folder("machine.json"), text);
}

/* What the user says of memory is the budget, what was measured of the drive decides how much is swept; a damaged file
 * changes nothing. */
static void facts(void **state)
{
    struct trill_model_options options;
    struct trill_model *model;
    struct trill_model_figures figures;
    (void)state;
    trill_model_options_init(&options, sizeof options);
    options.threads = 1;
    options.config = folder;
    write_machine("{\"ram\": \"200M\"}");
    must(trill_model_open(path, &options, &model));
    must(trill_model_figures(model, &figures, sizeof figures));
    assert_int_equal(figures.budget_bytes, 200 << 20);
    trill_model_close(model);
    options.ram_bytes = 250 << 20;
    must(trill_model_open(path, &options, &model));
    must(trill_model_figures(model, &figures, sizeof figures));
    assert_int_equal(figures.budget_bytes, 250 << 20);
    trill_model_close(model);
    write_machine("{\"ram\": ");
    must(trill_model_open(path, &options, &model));
    trill_model_close(model);
    double slow, fast;
    options = (struct trill_model_options){.size = sizeof options, .threads = 1, .state = folder, .score_tokens = 1000, .ram_bytes = 250 << 20};
    for (int i = 0; i < 2; i++) {
        write_machine(i ? "{\"drive\": \"8GB/s\", \"measured\": [\"drive\"]}" : "{\"drive\": \"1GB/s\", \"measured\": [\"drive\"]}");
        must(trill_model_open(path, &options, &model));
        *(i ? &fast : &slow) = model->engine->fit.break_even_tokens;
        trill_model_close(model);
    }
    assert_true(slow > 7.9 * fast && slow < 8.1 * fast);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(planned_as_opened), cmocka_unit_test(explained), cmocka_unit_test(facts)};
    return cmocka_run_group_tests(tests, make_model, remove_folder);
}
