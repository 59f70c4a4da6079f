/* SPDX-License-Identifier: MIT */
/* Accounts: what a model counted is in the row, a run that did nothing has none, the user may say no, and whatever fails is one
 * warning: the ledger, the files that describe the machine, any allocation. */
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
#include "base/file.h"
#include "base/memory.h"
#include "ledger/ledger.h"
#include "trill.h"
#include "folder.h"
#include "golden_file.h"

static char state_folder[96], config_folder[96], path[128], log_text[1024];
static int warnings;

static int set_up(void **state)
{
    if (make_folder(state) < 0)
        return -1;
    snprintf(state_folder, sizeof state_folder, "%s/state", folder);
    snprintf(config_folder, sizeof config_folder, "%s/config", folder);
    snprintf(path, sizeof path, "%s/ledger.db", state_folder);
    warnings = 0;
    *log_text = 0;
    return 0;
}

static void log_line(void *context, int level, const char *text)
{
    assert_ptr_equal(context, folder);
    assert_int_equal(level, TRILL_LOG_WARNING);
    snprintf(log_text, sizeof log_text, "%s", text);
    warnings++;
}

static struct trill_account_options options_of(const char *command)
{
    struct trill_account_options options;
    trill_account_options_init(&options, sizeof options);
    options.command = command;
    options.model = "/models/tiny.gguf";
    options.state = state_folder;
    options.config = config_folder;
    options.log = log_line;
    options.context_pointer = folder;
    return options;
}

static struct trill_account *open_account(void)
{
    struct trill_account *account = NULL;
    struct trill_account_options options = options_of("run");
    assert_int_equal(trill_account_open(&options, &account), 0);
    return account;
}

static struct trill_model *open_model(int vocabulary_only)
{
    struct trill_model_options options;
    struct trill_model *model = NULL;
    trill_model_options_init(&options, sizeof options);
    options.context = 64;
    options.vocabulary_only = vocabulary_only;
    if (trill_model_open(golden_file("llama/model.gguf"), &options, &model) < 0)
        fail_msg("%s", trill_error());
    return model;
}

static void generate(struct trill_model *model)
{
    static const int32_t ids[] = {5, 6, 7, 8};
    struct trill_session *session;
    struct trill_generate_options options;
    struct trill_generation generation;
    trill_generate_options_init(&options, sizeof options);
    options.max_tokens = 10;
    options.ignore_end = 1;
    assert_int_equal(trill_session_open(model, &session), 0);
    assert_int_equal(trill_session_set(session, ids, 4), 0);
    assert_int_equal(trill_session_generate(session, &options, &generation, sizeof generation), 0);
    trill_generation_done(&generation);
    trill_session_close(session);
}

static char *report(void)
{
    struct tl_ledger_question question = {.since = INT64_MIN, .last = 10};
    struct tl_buffer json, notice;
    tl_buffer_init(&json, 0);
    tl_buffer_init(&notice, 0);
    if (tl_ledger_report(path, &question, &json, &notice) < 0)
        fail_msg("%s", tl_error_text());
    assert_int_equal(notice.len, 0);
    tl_buffer_done(&notice);
    return tl_buffer_take(&json, NULL);
}

static void expect(const char *words)
{
    char *json = report();
    if (!strstr(json, words))
        fail_msg("no %s in %s", words, json);
    tl_free(json);
}

static void configure(const char *name, const char *text)
{
    char file[160];
    snprintf(file, sizeof file, "%s/%s", config_folder, name);
    assert_int_equal(tl_file_make_folders(file), 0);
    make_text(file, text);
}

/* --- runs --------------------------------------------------------------------------------------------------------------- */

static void test_counts(void **state)
{
    struct trill_model *model = open_model(0);
    struct trill_account *account = open_account();
    (void)state;
    generate(model);
    trill_account_take(account, model);
    char *json = trill_account_json(account);
    assert_non_null(strstr(json, "\"model\":\"tiny\""));
    assert_non_null(strstr(json, "\"prompt_tokens\":4,\"reused_tokens\":0,\"generated_tokens\":10,\"scored_tokens\":0,\"prefill_tokens\":4,\"decode_tokens\":9"));
    assert_non_null(strstr(json, "\"predicted_decode_tokens_per_s\":"));
    assert_non_null(strstr(json, "\"predicted_peak_bytes\":"));
    assert_null(strstr(json, "\"status\""));
    trill_free(json);
    generate(model);                             /* a second take counts all since the model was opened */
    trill_account_take(account, model);
    trill_model_close(model);
    trill_account_close(account, TRILL_OK);
    assert_int_equal(warnings, 0);
    expect("\"totals\":{\"runs\":1,\"unfinished\":0,\"prompt_tokens\":8,\"generated_tokens\":20,");
    expect("\"status\":\"done\"");
    expect("\"architecture\":\"llama\"");
}

static void test_ends(void **state)
{
    (void)state;
    struct trill_model *model = open_model(0);
    for (int status = 0; status >= TRILL_CANCELLED; status--) {
        struct trill_account *account = open_account();
        trill_account_take(account, model);
        if (status < 0)
            tl_fail(status, "the sentence of the run");
        trill_account_close(account, status);
        if (status < 0)
            assert_string_equal(trill_error(), "the sentence of the run");
    }
    trill_model_close(model);
    expect("\"totals\":{\"runs\":8,\"unfinished\":7,");
    expect("\"status\":\"interrupted\"");
    expect("\"status\":\"failed\"");
}

static void test_nothing_done(void **state)
{
    struct trill_account *account = open_account();
    struct trill_model *vocabulary = open_model(1);
    (void)state;
    trill_account_take(account, vocabulary);
    trill_model_close(vocabulary);
    trill_account_close(account, TRILL_BAD_FILE);
    trill_account_close(NULL, TRILL_OK);
    expect("\"totals\":{\"runs\":0,");
    trill_account_close(open_account(), TRILL_OK);               /* work without a model */
    expect("\"totals\":{\"runs\":1,");
}

static void test_unwanted(void **state)
{
    struct trill_account_options options = options_of("run");
    struct trill_account *account;
    (void)state;
    options.unrecorded = 1;
    assert_int_equal(trill_account_open(&options, &account), 0);
    trill_account_close(account, TRILL_OK);
    assert_false(tl_file_exists(state_folder));
    configure("ledger.json", "{\"record\": false}");
    trill_account_close(open_account(), TRILL_OK);
    assert_false(tl_file_exists(state_folder));
    assert_int_equal(warnings, 0);
    options = options_of("run");
    options.state = options.config = options.model = options.command = NULL;
    assert_int_equal(trill_account_open(&options, &account), 0);
    trill_account_close(account, TRILL_OK);
    assert_int_equal(trill_account_open(NULL, &account), 0);
    trill_account_close(account, TRILL_OK);
    assert_int_equal(warnings, 0);
}

static void test_prices(void **state)
{
    struct trill_account_options options = options_of("run");
    struct trill_account *account;
    (void)state;
    configure("machine.json", "{\"name\":\"mine\",\"price-kwh\":0.4,\"price-hour\":3600000,\"watts\":10}");
    account = open_account();
    usleep(2000);
    char *json = trill_account_json(account), *money = strstr(json, "\"money\":");
    assert_non_null(strstr(json, "\"machine\":\"mine\""));
    assert_non_null(strstr(json, "\"price_kwh\":0.4,\"price_hour\":3600000"));
    assert_true(strtod(money + 8, NULL) >= 2);                   /* 1000 a second */
    trill_free(json);
    trill_account_close(account, TRILL_OK);
    assert_int_equal(warnings, 0);
    configure("machine.json", "{\"price-kwh\":\"cheap\"}");
    assert_int_equal(trill_account_open(&options, &account), 0);
    trill_account_close(account, TRILL_OK);
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(log_text, "price-kwh"));
    expect("\"totals\":{\"runs\":2,");
}

/* --- failures ----------------------------------------------------------------------------------------------------------- */

static void test_cannot_record(void **state)
{
    (void)state;
    make_text(state_folder, "");                                /* where the folder should be */
    trill_account_close(open_account(), TRILL_OK);
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(log_text, "this run is not in the ledger: "));
    assert_non_null(strstr(log_text, state_folder));
    configure("ledger.json", "{");
    trill_account_close(open_account(), TRILL_OK);
    assert_int_equal(warnings, 2);
    assert_non_null(strstr(log_text, "ledger.json"));
}

static void test_allocations(void **state)
{
    struct trill_account_options options = options_of("run");
    enum { TRIES = 60 };
    int failed = 0, clean = 0;
    (void)state;
    for (int n = 0; n < TRIES; n++) {
        struct trill_account *account = NULL;
        warnings = 0;
        tl_memory_fail_after(n);
        int r = trill_account_open(&options, &account);
        char *json = r < 0 ? NULL : trill_account_json(account);
        trill_account_close(account, r);
        tl_memory_fail_after(-1);
        clean = r >= 0 && json && warnings == 0;             /* also where it is the meter of energy that is missing */
        failed += !clean;
        trill_free(json);
        assert_true(warnings <= 3);
    }
    assert_true(clean && failed > 5);
    expect("\"runs\":");
}

static void test_file_accesses(void **state)
{
    int clean = 0;
    (void)state;
    configure("machine.json", "{\"watts\":10}");
    configure("ledger.json", "{\"record\":true}");
    for (long n = 0; n < 100 && !clean; n++) {
        warnings = 0;
        tl_file_fail_after(n);
        struct trill_account *account = open_account();
        trill_account_close(account, TRILL_OK);
        tl_file_fail_after(-1);
        clean = warnings == 0;
        assert_true(n > 0 || warnings > 0);
    }
    assert_true(clean);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_counts), TEST(test_ends), TEST(test_nothing_done), TEST(test_unwanted), TEST(test_prices), TEST(test_cannot_record),
        TEST(test_allocations), TEST(test_file_accesses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
