/* SPDX-License-Identifier: MIT */
/* Lines of tasks and prompts: what is taken, what is refused with which sentence, and that no prefix of a line crashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/file.h"
#include "compress/eval_impl.h"
#include "compress/eval_lines.h"
#include "folder.h"

static const struct tl_eval_order plain, trusting = {.trust = true}, commanding = {.verify = "true"};

static const struct { const char *line; bool tasks; const struct tl_eval_order *order; int kind; } good[] = {
    {"{\"prompt\": \"2+2=\", \"choices\": [\"3\", \"4\"], \"answer\": 1}", true, &plain, TL_EVAL_CHOICE},
    {"{\"id\": \"a\", \"prompt\": \"2+2=\", \"expect\": \"4\", \"stop\": \"\\n\", \"max_tokens\": 5}", true, &plain, TL_EVAL_EXPECT},
    {"{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}], \"expect\": [\"a\", \"b\"], \"tags\": [\"x\", \"y\"]}", true, &plain, TL_EVAL_EXPECT},
    {"{\"prompt\": \"x\", \"verify\": \"grep 4\"}", true, &trusting, TL_EVAL_VERIFY},
    {"{\"prompt\": \"x\", \"verify\": true}", true, &commanding, TL_EVAL_VERIFY},
    {"{\"prompt\": \"x\", \"json\": true}", true, &plain, TL_EVAL_JSON},
    {"{\"prompt\": \"x\", \"tags\": \"one\"}", false, &plain, -1},
};

static const struct { const char *line; bool tasks; const struct tl_eval_order *order; const char *sentence; } bad[] = {
    {"", true, &plain, "f: no lines"},
    {"\n \t\r\n", true, &plain, "f: no lines"},
    {"[]", true, &plain, "f: line 1: JSON: byte 1"},
    {"\n\n{", true, &plain, "f: line 3: "},
    {"{\"prompt\": \"x\"}", true, &plain, "f: line 1: expected one of"},
    {"{\"prompt\": \"x\", \"json\": true, \"expect\": \"a\"}", true, &plain, "found several"},
    {"{\"prompt\": \"x\", \"choices\": [\"a\", \"b\"]}", true, &plain, "which of them is right"},
    {"{\"prompt\": \"x\", \"choices\": [\"a\", \"b\"], \"answer\": 2}", true, &plain, "which of them is right"},
    {"{\"prompt\": \"x\", \"choices\": [\"a\"], \"answer\": 0}", true, &plain, "two choices or more"},
    {"{\"prompt\": \"x\", \"choices\": [\"a\", \"\"], \"answer\": 0}", true, &plain, "choice 1 is empty"},
    {"{\"prompt\": \"x\", \"choices\": [\"a\", 3], \"answer\": 0}", true, &plain, "expected a text"},
    {"{\"prompt\": \"x\", \"answer\": 1, \"json\": true}", true, &plain, "there are none"},
    {"{\"prompt\": \"x\", \"answer\": -1}", true, &plain, "f: line 1"},
    {"{\"prompt\": \"x\", \"verify\": \"rm -rf /\"}", true, &plain, "--trust-tasks"},
    {"{\"prompt\": \"x\", \"verify\": true}", true, &trusting, "--verify COMMAND"},
    {"{\"prompt\": \"x\", \"expect\": []}", true, &plain, "empty list"},
    {"{\"prompt\": \"x\", \"json\": false}", true, &plain, "expected true"},
    {"{\"prompt\": \"\", \"json\": true}", true, &plain, "the prompt is empty"},
    {"{\"prompt\": \"a\\u0000b\", \"json\": true}", true, &plain, "NUL"},
    {"{\"json\": true}", true, &plain, "expected either"},
    {"{\"prompt\": \"x\", \"messages\": [], \"json\": true}", true, &plain, "expected either"},
    {"{\"messages\": \"hi\", \"json\": true}", true, &plain, "expected a list of messages"},
    {"{\"promt\": \"x\"}", true, &plain, "is prompt meant?"},
    {"{\"prompt\": \"x\", \"json\": true} {}", true, &plain, "f: line 1"},
    {"{\"prompt\": \"x\", \"expect\": \"y\"}", false, &plain, "go to --tasks"},
};

static int parse(const char *text, size_t n_bytes, bool tasks, const struct tl_eval_order *order, struct tl_eval_items *items)
{
    *items = (struct tl_eval_items){0};
    return tl_eval_items_parse(items, "f", text, n_bytes, tasks, order);
}

static void taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct tl_eval_items items;
        if (parse(good[i].line, strlen(good[i].line), good[i].tasks, good[i].order, &items) < 0)
            fail_msg("%s: %s", good[i].line, tl_error_text());
        assert_int_equal(items.n, 1);
        assert_int_equal(items.item[0].kind, good[i].kind);
        tl_eval_items_done(&items);
    }
}

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct tl_eval_items items;
        int status = parse(bad[i].line, strlen(bad[i].line), bad[i].tasks, bad[i].order, &items);
        tl_eval_items_done(&items);
        if (status != TL_E_USAGE || !strstr(tl_error_text(), bad[i].sentence))
            fail_msg("%s: status %d, \"%s\", expected \"%s\"", bad[i].line, status, tl_error_text(), bad[i].sentence);
    }
}

static void prefixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        for (size_t n = 0; n < strlen(good[i].line); n++) {
            char *copy = malloc(n + 1);
            struct tl_eval_items items;
            memcpy(copy, good[i].line, n);
            copy[n] = 0;
            assert_int_equal(parse(copy, n, good[i].tasks, good[i].order, &items), TL_E_USAGE);
            tl_eval_items_done(&items);
            free(copy);
        }
}

static void without_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        for (long k = 0;; k++) {
            struct tl_eval_items items;
            tl_memory_fail_after(k);
            int status = parse(good[i].line, strlen(good[i].line), good[i].tasks, good[i].order, &items);
            tl_memory_fail_after(-1);
            tl_eval_items_done(&items);
            if (status >= 0)
                break;
            assert_int_equal(status, TL_E_NOMEM);
        }
}

static void messages(void **state)
{
    struct tl_eval_item item = {.prompt = (char *)"say \"hi\""};
    char *text;
    (void)state;
    assert_int_equal(tl_eval_item_messages(&item, true, &text), 0);
    assert_string_equal(text, "[{\"role\":\"user\",\"content\":\"say \\\"hi\\\"\"}]");
    tl_free(text);
    assert_int_equal(tl_eval_item_messages(&item, false, &text), 0);
    assert_null(text);
}

/* Evaluations of the same lines share a file of requests, which stays until the last of them ends. */
static void shared(void **state)
{
    (void)state;
    static const char line[] = "{\"prompt\": \"x\", \"json\": true}";
    const struct tl_eval_order order = {.store = folder};
    struct tl_eval_run run = {.order = &order};
    struct tl_eval_requests one = {0}, other = {0};
    assert_int_equal(tl_eval_items_parse(&run.tasks, "f", line, strlen(line), true, &order), 0);
    assert_int_equal(tl_eval_requests_write(&run, &run.tasks, "tasks", &one), 0);
    assert_int_equal(tl_eval_requests_write(&run, &run.tasks, "tasks", &other), 0);
    TL_AUTO char *path = tl_strdup(one.path);
    assert_string_equal(other.path, path);
    tl_eval_requests_done(&one);
    assert_true(tl_file_exists(path));
    tl_eval_requests_done(&other);
    assert_false(tl_file_exists(path));
    tl_eval_items_done(&run.tasks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(taken), cmocka_unit_test(refused), cmocka_unit_test(prefixes),
                                       cmocka_unit_test(without_memory), cmocka_unit_test(messages), cmocka_unit_test(shared)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
