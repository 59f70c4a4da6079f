/* SPDX-License-Identifier: MIT */
/* A conversation is JSON at every moment, whatever was typed, and comes back from its file as it was. */
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
#include "base/memory.h"
#include "cli/messages.h"
#include "folder.h"

static void expect(const struct tl_messages *messages, const char *json)
{
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    assert_int_equal(tl_messages_json(messages, &text), 0);
    assert_string_equal(text.data, json);
    tl_buffer_done(&text);
}

static void test_turns(void **state)
{
    struct tl_messages messages;
    (void)state;
    tl_messages_init(&messages);
    expect(&messages, "[]");
    assert_int_equal(tl_messages_add(&messages, "user", "say \"a\\b\"\n", 10), 0);
    expect(&messages, "[{\"role\":\"user\",\"content\":\"say \\\"a\\\\b\\\"\\n\"}]");
    size_t mark = tl_messages_mark(&messages);
    assert_int_equal(tl_messages_add(&messages, "assistant", "\xff", 1), 0);
    tl_messages_back(&messages, mark);
    expect(&messages, "[{\"role\":\"user\",\"content\":\"say \\\"a\\\\b\\\"\\n\"}]");
    tl_messages_back(&messages, 0);
    assert_int_equal(tl_messages_system(&messages, "be brief"), 0);
    expect(&messages, "[{\"role\":\"system\",\"content\":\"be brief\"}]");
    assert_int_equal(tl_messages_system(&messages, ""), 0);
    expect(&messages, "[]");
    tl_messages_done(&messages);
}

static void test_files(void **state)
{
    char path[] = "/tmp/trill-messages-XXXXXX";
    struct tl_messages messages;
    size_t count = 0;
    (void)state;
    close(mkstemp(path));
    tl_messages_init(&messages);
    assert_int_equal(tl_messages_system(&messages, "s"), 0);
    assert_int_equal(tl_messages_add(&messages, "user", "u", 1), 0);
    assert_int_equal(tl_messages_save(&messages, path), 0);
    assert_int_equal(tl_messages_load(&messages, path, &count), 0);
    assert_int_equal(count, 2);
    expect(&messages, "[{\"role\":\"system\",\"content\":\"s\"},\n{\"role\":\"user\",\"content\":\"u\"}]");
    static const char *const bad[] = {"", "{}", "[1]", "[{}", "[{}] x", "[{},]", "[[]]", "\"x\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        make_text(path, bad[i]);
        assert_int_equal(tl_messages_load(&messages, path, &count), TL_E_USAGE);
    }
    expect(&messages, "[{\"role\":\"system\",\"content\":\"s\"},\n{\"role\":\"user\",\"content\":\"u\"}]");
    make_text(path, "  [ ]\n");
    assert_int_equal(tl_messages_load(&messages, path, &count), 0);
    expect(&messages, "[]");
    make_text(path, " [ {\"role\": \"user\", \"content\": [\"]\"]} ] ");
    assert_int_equal(tl_messages_load(&messages, path, &count), 0);
    expect(&messages, "[ {\"role\": \"user\", \"content\": [\"]\"]} ]");
    unlink(path);
    assert_int_equal(tl_messages_load(&messages, path, &count), TL_E_IO);
    tl_messages_done(&messages);
}

/* Every allocation fails once: a sentence, no leak, and the conversation is still JSON. */
static void test_memory(void **state)
{
    struct tl_messages messages;
    struct tl_buffer text;
    (void)state;
    for (long n = 0, r = TL_E_NOMEM; r < 0; n++) {
        tl_messages_init(&messages);
        tl_buffer_init(&text, 0);
        tl_memory_fail_after(n);
        r = tl_messages_system(&messages, "a system message that is long enough for a second allocation of the buffer");
        r = r < 0 ? r : tl_messages_add(&messages, "user", "hello", 5);
        r = r < 0 ? r : tl_messages_json(&messages, &text);
        tl_memory_fail_after(-1);
        assert_true(r == 0 || r == TL_E_NOMEM);
        tl_buffer_done(&text);
        tl_messages_done(&messages);
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_turns), cmocka_unit_test(test_files), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
