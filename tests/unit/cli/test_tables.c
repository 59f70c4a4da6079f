/* SPDX-License-Identifier: MIT */
/* Every row of every command: defaults parse, names and letters are unique, help fits, and -m is there wherever MODEL is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "cli/command.h"

enum { HELP_COLUMNS = 100 };

static void test_defaults(void **state)
{
    (void)state;
    for (size_t i = 0; i < tl_commands_count; i++) {
        const struct tl_command_body *body = tl_commands[i].body;
        void *settings = tl_alloc(1, body->settings_bytes);
        assert_non_null(settings);
        assert_int_equal(tl_options_default(body->options, body->n_options, settings), 0);
        tl_free(settings);
    }
}

static void test_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < tl_commands_count; i++) {
        const struct tl_command_body *body = tl_commands[i].body;
        assert_ptr_equal(tl_command_find(tl_commands[i].name), &tl_commands[i]);
        for (size_t a = 0; a < body->n_options; a++)
            for (size_t b = 0; b < a; b++) {
                assert_string_not_equal(body->options[a].name, body->options[b].name);
                if (body->options[a].brief)
                    assert_int_not_equal(body->options[a].brief, body->options[b].brief);
            }
    }
}

static void test_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < tl_commands_count; i++) {
        const struct tl_command_body *body = tl_commands[i].body;
        for (size_t k = 0; k < body->n_options; k++) {
            assert_true(body->options[k].field_offset < body->settings_bytes);
            assert_int_equal(body->options[k].type == TL_OPTION_FLAG, body->options[k].value_name == NULL);
            for (size_t other = 0; other < k; other++)
                assert_int_not_equal(body->options[k].field_offset, body->options[other].field_offset);
        }
    }
}

static void check_columns(const char *text)
{
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= HELP_COLUMNS);
}

static void test_help(void **state)
{
    (void)state;
    for (size_t i = 0; i < tl_commands_count; i++) {
        const struct tl_command_body *body = tl_commands[i].body;
        struct tl_buffer text;
        tl_buffer_init(&text, 0);
        tl_options_help(body->options, body->n_options, &text);
        assert_int_equal(tl_buffer_printf(&text, "\n%s\n", body->about), 0);
        check_columns(text.data);
        assert_true(strlen(tl_commands[i].name) + strlen(tl_commands[i].summary) < HELP_COLUMNS - 12);
        tl_buffer_done(&text);
    }
}

static void test_model(void **state)
{
    (void)state;
    for (size_t i = 0; i < tl_commands_count; i++) {
        const struct tl_command_body *body = tl_commands[i].body;
        bool takes_model = strncmp(tl_commands[i].arguments, "MODEL", 5) == 0;
        const struct tl_option *row = tl_option_find(body->options, body->n_options, "model", 5);
        assert_int_equal(takes_model, row != NULL);
        if (row) {
            assert_int_equal(row->brief, 'm');
            assert_int_equal(row->field_offset, body->n_words ? body->words[0].field_offset : body->rest_offset);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_unique), cmocka_unit_test(test_fields),
        cmocka_unit_test(test_help),     cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
