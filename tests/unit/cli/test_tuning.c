/* SPDX-License-Identifier: MIT */
/* What was tuned is found by the model's content, read where it fits this machine, and used by what opens the model, but
 * never against what is said; files that are damaged, or of another machine, change nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/setup.h"
#include "cli/tuning.h"
#include "folder.h"

#define ROWS(table) (sizeof(table) / sizeof *(table))
static char model[600];

static int set_up(void **state)
{
    const char *root = getenv("TRILL_ROOT");
    snprintf(model, sizeof model, "%s/tests/golden/llama/model.gguf", root ? root : ".");
    return make_folder(state);
}

/* The text with this machine in place of %s and %u. */
static void write_tuning(const char *text)
{
    char *path = NULL;
    assert_int_equal(tl_tuning_path(model, folder, &path), 0);
    assert_int_equal(tl_file_make_folders(path), 0);
    make_text(path, text);
    tl_free(path);
}

static const char *of_this_machine(const char *settings)
{
    static char text[512];
    snprintf(text, sizeof text, "{\"model\":\"x\",\"machine\":\"%s\",\"cpus\":%u,\"settings\":%s,\"trials\":[{}]}", tl_cpu_model(), tl_cpu_count(), settings);
    return text;
}

static void reads(void **state)
{
    struct tl_tuning tuning;
    (void)state;
    tl_tuning_read(model, folder, &tuning);
    assert_true(tuning.threads == 0 && !tuning.texts);
    write_tuning(of_this_machine("{\"threads\":3,\"chunk\":96,\"io\":\"pread\",\"policy\":\"lfru\",\"lookahead\":\"off\"}"));
    tl_tuning_read(model, folder, &tuning);
    assert_true(tuning.threads == 3 && tuning.chunk == 96);
    assert_string_equal(tuning.io, "pread");
    assert_string_equal(tuning.policy, "lfru");
    assert_string_equal(tuning.lookahead, "off");
    tl_tuning_done(&tuning);
    assert_null(tuning.io);
    write_tuning(of_this_machine("{}"));
    tl_tuning_read(model, folder, &tuning);
    assert_true(tuning.threads == 0 && !tuning.io);
    tl_tuning_done(&tuning);
}

static void passes_over(void **state)
{
    char other_cpus[256];
    snprintf(other_cpus, sizeof other_cpus, "{\"machine\":\"%s\",\"cpus\":%u,\"settings\":{\"threads\":3}}", tl_cpu_model(), tl_cpu_count() + 1);
    const char *const texts[] = {
        "", "{", "[]", "{\"settings\":{\"threads\":3}}", "{\"machine\":\"an abacus\",\"cpus\":1,\"settings\":{\"threads\":3}}", other_cpus,
    };
    static const char *const settings[] = {"[3]", "3", "{\"threads\":0}", "{\"threads\":\"many\"}", "{\"thread\":3}", "{\"threads\":3,\"io\":\"telepathy\"}",
                                           "{\"threads\":3} x"};
    struct tl_tuning tuning;
    (void)state;
    for (size_t i = 0; i < ROWS(texts) + ROWS(settings); i++) {
        write_tuning(i < ROWS(texts) ? texts[i] : of_this_machine(settings[i - ROWS(texts)]));
        tl_tuning_read(model, folder, &tuning);
        if (tuning.threads || tuning.chunk || tuning.io || tuning.texts)
            fail_msg("case %zu is taken over", i);
    }
    tl_tuning_read("/nowhere/at/all", folder, &tuning);
    assert_int_equal(tuning.threads, 0);
    for (long n = 0; n < 30; n++) {
        tl_memory_fail_after(n);
        tl_tuning_read(model, folder, &tuning);
        tl_memory_fail_after(-1);
        tl_tuning_done(&tuning);
    }
}

/* By content, wherever it lies; folders by what is in them. */
static void tells_models_apart(void **state)
{
    static const char *const changes[] = {"true", "printf x >>copy/model.gguf", "printf y | dd of=copy/model.gguf conv=notrunc bs=1 seek=64 2>/dev/null"};
    char *paths[3] = {NULL}, command[1400], copy[96];
    (void)state;
    snprintf(copy, sizeof copy, "%s/copy/model.gguf", folder);
    for (size_t i = 0; i < ROWS(changes); i++) {
        snprintf(command, sizeof command, "mkdir -p copy && cp %s copy/model.gguf && %s", model, changes[i]);
        shell(command);
        assert_int_equal(tl_tuning_path(copy, folder, &paths[i]), 0);
    }
    char *original = NULL;
    assert_int_equal(tl_tuning_path(model, folder, &original), 0);
    assert_string_equal(original, paths[0]);
    assert_string_not_equal(paths[0], paths[1]);
    assert_string_not_equal(paths[0], paths[2]);
    assert_string_not_equal(paths[1], paths[2]);
    assert_non_null(strstr(original, "/tuning/model.gguf-"));
    tl_free(original);
    for (size_t i = 0; i < ROWS(paths); i++)
        tl_free(paths[i]);
    shell("mkdir one two && echo '{}' >one/config.json && echo '{ }' >two/config.json");
    char *one = NULL, *two = NULL, name[96];
    snprintf(name, sizeof name, "%s/one/", folder);
    assert_int_equal(tl_tuning_path(name, folder, &one), 0);
    snprintf(name, sizeof name, "%s/two", folder);
    assert_int_equal(tl_tuning_path(name, folder, &two), 0);
    assert_non_null(strstr(one, "/tuning/one-"));
    assert_string_not_equal(strrchr(one, '-'), strrchr(two, '-'));
    tl_free(one);
    tl_free(two);
}

static uint32_t threads_of(const struct tl_setup *setup)
{
    struct tl_setup_needs needs = {.context = 64};
    struct trill_model *opened = NULL;
    struct trill_model_figures figures;
    assert_int_equal(tl_setup_open(setup, &needs, &opened), 0);
    assert_int_equal(trill_model_figures(opened, &figures, sizeof figures), 0);
    trill_model_close(opened);
    return figures.threads;
}

static void is_used(void **state)
{
    struct tl_setup setup = {.model = model, .home = folder, .quiet = true};
    (void)state;
    uint32_t usual = threads_of(&setup);
    assert_int_equal(usual, tl_cpu_count());
    write_tuning(of_this_machine("{\"threads\":5,\"chunk\":1000000,\"io\":\"pread\"}"));
    assert_int_equal(threads_of(&setup), 5);
    setup.threads = 2;
    assert_int_equal(threads_of(&setup), 2);
    setup.threads = 0;
    write_tuning("damaged");
    assert_int_equal(threads_of(&setup), usual);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, remove_folder)
    const struct CMUnitTest tests[] = {TEST(reads), TEST(passes_over), TEST(tells_models_apart), TEST(is_used)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
