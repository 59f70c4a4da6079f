/* SPDX-License-Identifier: MIT */
/* How texts begin and end, those among them that are shorter than what they are asked for. */
#include "base_test.h"

#include "base/text.h"

static void begins_and_ends(void **state)
{
    (void)state;
    static const struct { const char *text, *part; bool begins, ends; } rows[] = {
        {"a.gguf", ".gguf", false, true}, {".gguf", ".gguf", true, true}, {"gguf", ".gguf", false, false}, {"a.gguf.part", ".gguf", false, false},
        {"aba", "a", true, true}, {"ab", "a", true, false}, {"a", "", true, true}, {"", "", true, true}, {"", "a", false, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_int_equal(tl_text_begins(rows[i].text, rows[i].part), rows[i].begins);
        assert_int_equal(tl_text_ends(rows[i].text, rows[i].part), rows[i].ends);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(begins_and_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
