/* SPDX-License-Identifier: MIT */
/* Jobs: naming, options, progress and its forecast, cancelling before and during a run, reports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/job.h"
#include "base/error.h"

struct count { uint64_t to; const char *fail; };

static const struct tl_option rows[] = {
    {"to", 0, TL_OPTION_U64, "N", "3", 1, 1000, "how far", offsetof(struct count, to)},
    {"fail", 0, TL_OPTION_TEXT, "TEXT", NULL, 0, 0, "a sentence", offsetof(struct count, fail)},
};

static int count_up(struct tl_job_run *run)
{
    struct count options = {0};
    int status = tl_job_options(run, rows, 2, &options);
    if (status >= 0)
        status = tl_progress_begin(&run->progress, "counting", 1, options.to, "steps");
    for (uint64_t i = 2; i <= options.to && status >= 0; i++)
        status = tl_progress_move(&run->progress, i);
    if (status >= 0 && options.fail)
        status = tl_fail(TL_E_FAIL, "%s", options.fail);
    tl_buffer_printf(&run->report, "{\"to\":%d}", (int)options.to);
    return status;
}

static const struct tl_job_kind counting = {"counting", false, count_up}, with_model = {"with_model", true, count_up};

struct seen { struct trill_job *cancel; int calls; struct trill_progress last; };

static void see(void *context, const struct trill_progress *progress)
{
    struct seen *seen = context;
    seen->calls++;
    seen->last = *progress;
    if (seen->cancel)
        trill_job_cancel(seen->cancel);
}

static void good_run(void **state)
{
    struct trill_job *job;
    struct seen seen = {0};
    (void)state;
    assert_int_equal(tl_job_new(&counting, NULL, "{\"to\":5}", &job), 0);
    assert_null(trill_job_report(job));
    assert_int_equal(trill_job_run(job, see, &seen), 0);
    assert_string_equal(trill_job_report(job), "{\"to\":5}");
    assert_int_equal(seen.calls, 2);                 /* the begin and the end */
    assert_true(seen.last.done == 5 && seen.last.total == 5 && seen.last.seconds >= 0 && seen.last.seconds_left == 0);
    assert_string_equal(seen.last.stage, "counting");
    assert_string_equal(seen.last.unit, "steps");
    assert_int_equal(seen.last.size, sizeof(seen.last));
    assert_int_equal(trill_job_run(job, NULL, NULL), 0);
    assert_string_equal(trill_job_report(job), "{\"to\":5}");
    trill_job_close(job);
    assert_int_equal(tl_job_new(&counting, NULL, NULL, &job), 0);
    assert_int_equal(trill_job_run(job, NULL, NULL), 0);
    assert_string_equal(trill_job_report(job), "{\"to\":3}");
    trill_job_close(job);
    trill_job_close(NULL);
}

static void failures(void **state)
{
    static const struct { const char *options; int status; const char *error; } cases[] = {
        {"{\"too\":5}", TL_E_USAGE, "is --to meant?"}, {"{\"to\":0}", TL_E_USAGE, "--to"}, {"[", TL_E_USAGE, "object"},
        {"{\"fail\":\"on purpose\"}", TL_E_FAIL, "on purpose"},
    };
    struct trill_job *job = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(tl_job_new(&counting, NULL, cases[i].options, &job), 0);
        assert_int_equal(trill_job_run(job, NULL, NULL), cases[i].status);
        assert_non_null(strstr(trill_error(), cases[i].error));
        assert_null(trill_job_report(job));
        trill_job_close(job);
    }
    job = NULL;
    assert_int_equal(tl_job_new(&with_model, NULL, NULL, &job), TL_E_USAGE);
    assert_non_null(strstr(trill_error(), "needs a model"));
    assert_int_equal(trill_job_new("no such kind", NULL, NULL, &job), TL_E_USAGE);
    assert_non_null(strstr(trill_error(), "no such kind"));
    assert_null(job);
    assert_non_null(trill_job_kinds());
}

static void cancelling(void **state)
{
    struct trill_job *job;
    struct seen seen = {0};
    (void)state;
    assert_int_equal(tl_job_new(&counting, NULL, NULL, &job), 0);
    seen.cancel = job;
    assert_int_equal(trill_job_run(job, see, &seen), TL_E_CANCEL);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(trill_exit_code(TL_E_CANCEL), 130);
    assert_null(trill_job_report(job));
    assert_int_equal(trill_job_run(job, see, &seen), TL_E_CANCEL);
    assert_int_equal(seen.calls, 1);                 /* not even begun */
    trill_job_close(job);
}

static int warn_often(struct tl_job_run *run)
{
    for (int i = 0; i < 12; i++)
        tl_job_warn(run, i ? "again" : "\"once\"");
    tl_buffer_printf(&run->report, "{\"n\":12");
    tl_job_write_warnings(run);
    return 0;
}

static void warnings(void **state)
{
    static const struct tl_job_kind warning = {"warning", false, warn_often};
    struct trill_job *job;
    (void)state;
    assert_int_equal(tl_job_new(&warning, NULL, NULL, &job), 0);
    assert_int_equal(trill_job_run(job, NULL, NULL), 0);
    assert_string_equal(trill_job_report(job), "{\"n\":12,\"warnings\":[\"\\\"once\\\"\",\"again\",\"again\",\"again\",\"again\",\"again\",\"again\",\"again\"]}");
    trill_job_close(job);
}

static void forecast(void **state)
{
    static const struct { uint64_t first, done, total; double seconds, left; } cases[] = {
        {0, 25, 100, 10, 30}, {50, 75, 100, 10, 10}, {0, 0, 100, 10, -1}, {0, 25, 0, 10, -1}, {0, 100, 100, 0, 0}, {0, 25, 100, 0.5, -1},
        {0, 101, 100, 10, -1}, {50, 40, 100, 10, -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tl_progress p = {.done = cases[i].done, .total = cases[i].total, .first_done = cases[i].first, .began_ns = 1000,
                                .told_ns = 1000 + (uint64_t)(cases[i].seconds * 1e9)};
        assert_float_equal(tl_progress_seconds_left(&p), cases[i].left, 1e-9);
        p.left_seconds = 7;                          /* said by the work itself */
        assert_float_equal(tl_progress_seconds_left(&p), cases[i].total && cases[i].done == cases[i].total ? 0 : 7, 1e-9);
    }
    assert_int_equal(tl_progress_begin(NULL, "x", 0, 0, "y"), 0);
    assert_int_equal(tl_progress_move(NULL, 1), 0);
    assert_int_equal(tl_progress_check(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_run), cmocka_unit_test(failures), cmocka_unit_test(cancelling), cmocka_unit_test(warnings),
        cmocka_unit_test(forecast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
