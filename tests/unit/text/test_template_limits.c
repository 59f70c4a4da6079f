/* SPDX-License-Identifier: MIT */
/* Hostile templates: endless loops, deep recursion, huge values and outputs, in the text and in the work. Each ends soon,
 * in one sentence with the template's line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "template_help.h"

/* What this process has computed, whatever else the machine does. */
static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Fails within ten seconds (the sanitizers are slow), and the sentence has this part; NULL: any sentence. */
static void must_fail(const char *name, const char *text, const struct tl_template_input *input, const char *part)
{
    struct tl_parts parts = {0};
    double start = seconds();
    int r = template_run(text, input, &parts);
    if (r >= 0)
        fail_msg("%s: expected a failure, found %zu parts", name, parts.count);
    if (strncmp(tl_error_text(), "template:", 9) != 0 || (part && !strstr(tl_error_text(), part)))
        fail_msg("%s: expected ...%s..., found: %s", name, part ? part : "", tl_error_text());
    if (seconds() - start > 10)
        fail_msg("%s: took %.1f s", name, seconds() - start);
}

static const struct { const char *name, *text, *part; } hostile[] = {
    {"loops in loops", "\n{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "more than 20"},
    {"an endless macro", "{% macro m() %}{{ m() }}{% endmacro %}\n{{ m() }}", "deeper than 1000"},
    {"two endless macros", "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", "deeper than 1000"},
    {"a macro that calls itself twice", "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}", "steps"},
    {"a caller without end", "{% macro m() %}{{ caller() }}{% endmacro %}{% macro w() %}{% call m() %}{{ w() }}{% endcall %}{% endmacro %}{{ w() }}", "deeper"},
    {"a recursive loop", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "deeper"},
    {"a long string", "{{ 'a' * 1000000000 }}", "longer than"},
    {"a long string of strings", "{{ ('a' * 1000000) * 1000000 }}", "longer than"},
    {"a product past 64 bits", "{{ 'ab' * 9223372036854775807 }}", "longer than"},
    {"a long list", "{{ [1] * 1000000000 }}", "longer than"},
    {"a list of lists", "{% set l = [1] * 1000000 %}{% set m = [l] * 1000000 %}{{ m }}", NULL},
    {"a high power", "{{ 10 ** 100 }}", "64 bits"},
    {"a power of powers", "{{ 9 ** 9 ** 9 ** 9 }}", "64 bits"},
    {"a sum past 64 bits", "{{ 9223372036854775807 + 1 }}", "64 bits"},
    {"a wide range", "{{ range(1000000000) | list }}", "at most 100000"},
    {"ranges of ranges", "{% for a in range(100000) %}{{ range(100000) | list }}{% endfor %}", NULL},
    {"doubling a string", "{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "bytes"},
    {"doubling a list", "{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", NULL},
    {"doubling a join", "{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = [ns.s, ns.s] | join %}{% endfor %}", "bytes"},
    {"doubling a nest", "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}", NULL},
    {"comparing nests", "{% set a = namespace(s=[1]) %}{% set b = namespace(s=[1]) %}{% for i in range(60) %}{% set a.s = [a.s, a.s] %}"
                        "{% set b.s = [b.s, b.s] %}{% endfor %}{{ a.s == b.s }}", "steps"},
    {"a nest as JSON", "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s | tojson }}", NULL},
    {"a deep nest", "{% set ns = namespace(s=[1]) %}{% for i in range(5000) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s }}", "deeper"},
    {"a deep nest as JSON", "{% set ns = namespace(s=[1]) %}{% for i in range(5000) %}{% set ns.s = {'a': ns.s} %}{% endfor %}{{ ns.s | tojson }}", "deeper"},
    {"a deep nest as a key", "{% set ns = namespace(s=(1,)) %}{% for i in range(5000) %}{% set ns.s = (ns.s,) %}{% endfor %}{{ {ns.s: 1} }}", "deeper"},
    {"deep nests compared", "{% set a = namespace(s=[1]) %}{% set b = namespace(s=[1]) %}{% for i in range(5000) %}{% set a.s = [a.s] %}"
                            "{% set b.s = [b.s] %}{% endfor %}{{ a.s == b.s }}", "deeper"},
    {"deep nests in order", "{% set a = namespace(s=[1]) %}{% set b = namespace(s=[2]) %}{% for i in range(5000) %}{% set a.s = [a.s] %}"
                            "{% set b.s = [b.s] %}{% endfor %}{{ a.s < b.s }}", "deeper"},
    {"filters on filters", "{% set ns = namespace(s=[1]) %}{% for i in range(1000) %}{% set ns.s = ns.s | map('string') %}{% endfor %}{{ ns.s | list }}", "feed each other"},
    {"a long output", "{% for i in range(100000) %}{{ 'a' * 1000 }}{% endfor %}", NULL},
    {"a long output of text", "{% set s %}{% for i in range(100000) %}0123456789{% endfor %}{% endset %}{% for i in range(100) %}{{ s }}{% endfor %}", "writes more than"},
    {"searching again and again", "{% set s = 'a' * 10000000 %}{% for i in range(100000) %}{% if 'b' in s %}{% endif %}{% endfor %}", "steps"},
    {"searching backwards", "{% set s = 'a' * 4000000 %}{% set p = 'b' + 'a' * 2000000 %}{{ s.rfind(p) }}", "steps"},
    {"counting again and again", "{% set s = 'é' * 2000000 %}{% for i in range(100000) %}{{ (s ~ i) | length }}{% endfor %}", NULL},
    {"replacing nothing by much", "{{ ('a' * 100000) | replace('', 'b' * 1000) }}", "writes more than"},
    {"wide padding", "{{ 'a'.ljust(1000000000) }}", NULL},
    {"indenting much", "{{ ('\n' * 100000) | indent(100000, blank=true) }}", NULL},
    {"slicing much", "{% set s = 'é' * 1000000 %}{% for i in range(100000) %}{{ s[-1] }}{% endfor %}", "steps"},
    {"splitting much", "{% set s = 'a,' * 1000000 %}{% for i in range(1000) %}{% set x = s.split(',') %}{% endfor %}", NULL},
    {"changing case much", "{% set s = 'a' * 1000000 %}{% for i in range(1000) %}{% set x = s | upper %}{% endfor %}", NULL},
    {"sorting much", "{% set l = range(100000) | list %}{% for i in range(1000) %}{% set x = l | sort(reverse=true) %}{% endfor %}", NULL},
    {"looking for items", "{% set l = range(100000) | list %}{% for i in range(100000) %}{% if -1 in l %}{% endif %}{% endfor %}", "steps"},
    {"deep unpacking", "{% set ((((((((((a,),),),),),),),),),) = 1 %}", NULL},
    {"a NUL", "{{ 'a\\0b' }}{{ zz.x }}", "undefined"},
};

static void test_hostile(void **state)
{
    const struct tl_template_input input = template_input();
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
        must_fail(hostile[i].name, hostile[i].text, &input, hostile[i].part);
}

/* --- deep and long templates ------------------------------------------------------------------------------------------------ */

static char *repeated(const char *before, const char *unit, size_t n, const char *between, const char *unit_after, const char *after)
{
    struct tl_buffer b;
    tl_buffer_init(&b, 0);
    tl_buffer_append(&b, before, strlen(before));
    for (size_t i = 0; i < n; i++)
        tl_buffer_append(&b, unit, strlen(unit));
    tl_buffer_append(&b, between, strlen(between));
    for (size_t i = 0; i < n; i++)
        tl_buffer_append(&b, unit_after, strlen(unit_after));
    tl_buffer_append(&b, after, strlen(after));
    return tl_buffer_take(&b, NULL);
}

static const struct { const char *before, *unit, *between, *unit_after, *after; } deep[] = {
    {"{{ ", "(", "1", ")", " }}"}, {"{{ ", "[", "", "]", " }}"}, {"{{ ", "{1: ", "1", "}", " }}"}, {"{{ ", "f(", "", ")", " }}"},
    {"{{ ", "a[", "1", "]", " }}"}, {"{{ ", "not ", "1", "", " }}"}, {"{{ ", "- ", "1", "", " }}"}, {"{{ ", "a(b=", "1", ")", " }}"},
    {"{{ ", "1 if 1 else ", "1", "", " }}"}, {"{{ ", "1 if ", "1", "", " }}"}, {"{{ 1", " | default(1", "", ")", " }}"},
    {"", "{% if 1 %}", "", "{% endif %}", ""}, {"", "{% for a in b %}", "", "{% endfor %}", ""},
    {"", "{% macro m() %}", "", "{% endmacro %}", ""}, {"", "{% set x %}", "", "{% endset %}", ""},
    {"{% set ", "(", "a", ",)", " = 1 %}"}, {"{{ a[", "1:[", "", "]", "] }}"}, {"{{ ", "(((((((((((", "1", "", " }}"},
};

static void test_deep(void **state)
{
    const struct tl_template_input input = template_input();
    (void)state;
    for (size_t i = 0; i < sizeof deep / sizeof *deep; i++) {
        char *text = repeated(deep[i].before, deep[i].unit, 100000, deep[i].between, deep[i].unit_after, deep[i].after);
        must_fail(deep[i].unit, text, &input, NULL);
        tl_free(text);
    }
}

/* Long chains are no nests: they are computed. */
static const struct { const char *before, *unit, *after, *expected; } chains[] = {
    {"{{ 0", " + 1", " }}", "20000"}, {"{{ 1", " * 1", " }}", "1"}, {"{{ (''", " ~ 'a'", ") | length }}", "20000"},
    {"{{ 1", " and 1", " }}", "1"}, {"{{ 0", " or 0", " }}", "0"}, {"{{ 1", " == 1", " }}", "True"}, {"{{ 'a'", " | upper", " }}", "A"},
    {"{{ 'a'", ".upper()", " }}", "A"}, {"{{ 'a'", "[0]", " }}", "a"}, {"{{ ('a' 'b'", " 'c'", ") | length }}", "20002"},
    {"{% if 0 %}", "{% elif 0 %}", "{% else %}x{% endif %}", "x"}, {"{{ [", "1,", "] | length }}", "20000"}, {"{{ 1", " ** 1", " }}", "1"},
    {"{{ zz", " is in zz", " }}", "False"},
};

static void test_long(void **state)
{
    const struct tl_template_input input = template_input();
    (void)state;
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        struct tl_parts parts = {0};
        char *text = repeated(chains[i].before, chains[i].unit, 20000, "", "", chains[i].after);
        if (template_run(text, &input, &parts) < 0)
            fail_msg("%s: %s", chains[i].unit, tl_error_text());
        char *found = template_join(&parts, false);
        assert_string_equal(found, chains[i].expected);
        tl_free(found);
        tl_free(text);
        tl_parts_done(&parts);
    }
}

/* A limit that is given holds instead of the default one. */
static void test_given_limits(void **state)
{
    struct tl_template_input input = template_input();
    struct tl_parts parts = {0};
    static const char loop[] = "{% for i in range(1000) %}{{ i }}{% endfor %}";
    (void)state;
    assert_int_equal(template_run(loop, &input, &parts), 0);
    tl_parts_done(&parts);
    input.limits.steps = 500;
    must_fail("steps", loop, &input, "more than 500 steps");
    input.limits = (struct tl_template_limits){.output_bytes = 100};
    must_fail("output", loop, &input, "more than 100 bytes");
    input.limits = (struct tl_template_limits){.value_bytes = 20000};
    must_fail("values", "{% set l = range(1000) | list %}", &input, "more than 20000 bytes");
    input.limits = (struct tl_template_limits){.depth = 20};
    must_fail("depth", "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(20) }}", &input, "deeper than 20");
}

/* Keys whose hashes collide, in messages and in a template: no more than a failure. */
static void test_many_keys(void **state)
{
    struct tl_template_input input = template_input();
    struct tl_parts parts = {0};
    struct tl_buffer b;
    (void)state;
    tl_buffer_init(&b, 0);
    tl_buffer_append(&b, "{", 1);
    for (int i = 0; i < 100000; i++)
        tl_buffer_printf(&b, "%s\"key %d\": %d", i ? ", " : "", i, i);
    tl_buffer_append(&b, ", \"key 7\": \"seven\"}", 19);
    char *json = tl_buffer_take(&b, NULL), *wrapped = tl_alloc(strlen(json) + 20, 1);
    sprintf(wrapped, "{\"big\": %s}", json);
    input.extra_json = wrapped;
    if (template_run("{{ big | length }} {{ big['key 99999'] }} {{ big['key 7'] }} {{ 'key 100000' in big }}", &input, &parts) < 0)
        fail_msg("%s", tl_error_text());
    char *found = template_join(&parts, false);
    assert_string_equal(found, "100000 99999 seven False");
    tl_free(found);
    tl_free(json);
    tl_free(wrapped);
    tl_parts_done(&parts);
}

/* A conversation of a hundred messages, and one that is built up in a namespace, take linear memory. */
static void test_long_conversation(void **state)
{
    struct tl_template_input input = template_input();
    struct tl_parts parts = {0};
    struct tl_buffer b;
    (void)state;
    tl_buffer_init(&b, 0);
    for (int i = 0; i < 4000; i++)
        tl_buffer_printf(&b, "%s{\"role\": \"%s\", \"content\": \"%0*d\"}", i ? ", " : "[", i % 2 ? "assistant" : "user", 1000, i);
    tl_buffer_append(&b, "]", 1);
    char *json = tl_buffer_take(&b, NULL);
    input.messages_json = json;
    if (template_run("{% set ns = namespace(t='', l=[]) %}{% for m in messages %}{% set ns.t = ns.t + '<' + m.role + '>' + m.content %}"
                     "{% set ns.l = ns.l + [m] %}{% endfor %}{{ ns.t }}{{ ns.l | length }}", &input, &parts) < 0)
        fail_msg("%s", tl_error_text());
    size_t n = 0;
    for (size_t i = 0; i < parts.count; i++)
        n += parts.part[i].n_bytes;
    assert_int_equal(n, 4000 * 1000 + 2000 * (strlen("<user>") + strlen("<assistant>")) + 4);
    tl_free(json);
    tl_parts_done(&parts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile), cmocka_unit_test(test_deep), cmocka_unit_test(test_long), cmocka_unit_test(test_given_limits),
        cmocka_unit_test(test_many_keys), cmocka_unit_test(test_long_conversation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
