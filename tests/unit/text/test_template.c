/* SPDX-License-Identifier: MIT */
/* Templates: small ones of template.cases, whose outputs are Jinja2's; the origin of what is written; failures. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "template_help.h"

/* --- template.cases ----------------------------------------------------------------------------------------------------- */

static void check_case(const char *name, const char *text, const char *expected)
{
    const struct tl_template_input input = template_input();
    struct tl_parts parts = {0};
    int r = template_run(text, &input, &parts);
    char *found = template_join(&parts, false);
    if (!expected && r >= 0)
        fail_msg("%s: %s\nexpected a failure, found: %s", name, text, found);
    if (expected && r < 0)
        fail_msg("%s: %s\nfailed: %s", name, text, tl_error_text());
    if (expected && strcmp(found, expected) != 0)
        fail_msg("%s: %s\nexpected: %s\nfound:    %s", name, text, expected, found);
    if (!expected) {
        assert_true(r == TL_E_USAGE || r == TL_E_FILE);
        if (strncmp(tl_error_text(), "template:", 9) != 0)
            fail_msg("%s: the sentence has no place: %s", name, tl_error_text());
    }
    tl_free(found);
    tl_parts_done(&parts);
}

static void test_cases(void **state)
{
    char path[1000], *file, *next;
    size_t n_bytes, n = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/unit/text/template.cases", getenv("TRILL_TESTS") ? getenv("TRILL_TESTS") : "tests");
    assert_int_equal(tl_file_slurp(path, 1 << 20, &file, &n_bytes), 0);
    char *at = strstr(file, "\n--- ");
    for (; at; at = next, n++) {
        char *name = at + 5, *text = strchr(name, '\n') + 1, *expected;
        next = strstr(text - 1, "\n--- ");
        if (next)
            *next = 0;
        else
            file[n_bytes - 1] = 0;
        text[-1] = 0;
        char *marker = NULL;
        for (char *m = strstr(text - 1 + 1, "\n==="); m; m = strstr(m + 1, "\n==="))
            marker = m;
        if (strncmp(text, "===", 3) == 0 && !marker)         /* an empty template */
            marker = text - 1;
        assert_non_null(marker);
        bool fails = strncmp(marker, "\n=== error", 10) == 0 || strncmp(marker + 1, "=== error", 9) == 0;
        expected = marker + 5;
        *marker = 0;
        check_case(name, marker < text ? "" : text, fails ? NULL : expected);
    }
    tl_free(file);
    assert_true(n > 400);
}

/* --- origin --------------------------------------------------------------------------------------------------------------- */

static const struct { const char *text, *parts; } origins[] = {
    {"a{{ messages[0].content }}b", "T:a|U:Hello <b>|T:b"},
    {"<|{{ messages[0].role }}|>", "T:<|user|>"},                     /* a known role is the template's own */
    {"{{ '<|' + messages[0].role + '|>' + messages[0].content }}", "T:<|user|>|U:Hello <b>"},
    {"{{ bos_token }}{{ t }}{{ eos_token }}", "T:<|bos|>|U:Some Text|T:<|eos|>"},
    {"{{ t ~ '-' ~ t }}", "U:Some Text|T:-|U:Some Text"},
    {"{{ (t + '!')[3:] }}", "U:e Text|T:!"},
    {"{{ (t + '!')[::-1] }}", "T:!|U:txeT emoS"},
    {"{{ ('x' + t)[0] }}{{ ('x' + t)[1] }}", "T:x|U:S"},
    {"{{ ('  ' ~ t ~ '  ') | trim }}", "U:Some Text"},
    {"{{ (' ' ~ t ~ ' ').strip('S ') }}", "U:ome Text"},
    {"{{ t | replace('o', '0') }}", "U:S|T:0|U:me Text"},
    {"{{ 'abc' | replace('b', t) }}", "T:a|U:Some Text|T:c"},
    {"{{ t.split(' ')[1] ~ 'x'.split(' ')[0] }}", "U:Text|T:x"},
    {"{{ t.split(' ') | join('/') }}", "U:Some|T:/|U:Text"},
    {"{{ '-'.join(['a', t]) }}", "T:a-|U:Some Text"},
    {"{{ t | upper }}{{ 'a' | upper }}", "U:SOME TEXT|T:A"},
    {"{{ (t ~ 'ab') | upper }}", "U:SOME TEXT|T:AB"},
    {"{{ t | title }}{{ ('a' ~ t) | capitalize }}", "U:Some Text|T:A|U:some text"},
    {"{{ t * 2 }}{{ 'a' * 2 }}", "U:Some TextSome Text|T:aa"},
    {"{{ t | tojson }}", "U:\"Some Text\""},
    {"{{ {'k': t} | tojson }}", "T:{\"k\": |U:\"Some Text\"|T:}"},
    {"{{ d | tojson }}", "U:{\"b\": 1, \"a\": [1, 2], \"items\": 5}"},
    {"{{ messages[:1] | tojson }}", "U:[{\"role\": |T:\"user\"|U:, \"content\": \"Hello <b>\"}]"},
    {"{{ n }}{{ n + 1 }}{{ 1 + 1 }}{{ yes }}{{ nul }}{{ f }}", "U:34|T:2|U:TrueNone1.5"},
    {"{{ l }}{{ [n] }}", "U:[3, 1, 2]|T:[|U:3|T:]"},
    {"{{ d.items() | list }}", "U:[('b', 1), ('a', [1, 2]), ('items', 5)]"},
    {"{% for k, v in d.items() %}{{ k }}={% endfor %}", "U:b|T:=|U:a|T:=|U:items|T:="},
    {"{% for c in t[:2] %}{{ c }},{% endfor %}", "U:S|T:,|U:o|T:,"},
    {"{% set x %}<{{ t }}>{% endset %}{{ x }}", "T:<|U:Some Text|T:>"},
    {"{% macro m(a) %}[{{ a }}]{% endmacro %}{{ m(t) }}", "T:[|U:Some Text|T:]"},
    {"{% filter upper %}a{{ t }}{% endfilter %}", "T:A|U:SOME TEXT"},
    {"{% set ns = namespace(s='') %}{% for i in [1, 2] %}{% set ns.s = ns.s + 'a' + t %}{% endfor %}{{ ns.s }}", "T:a|U:Some Text|T:a|U:Some Text"},
    {"{{ '%s-%d' % (t, 5) }}", "U:Some Text|T:-5"},
    {"{{ '{}-{:>3}'.format(t, e) }}", "U:Some Text|T:-   "},
    {"{{ html | e }}", "U:&lt;a href=&#34;x&#34;&gt;&amp;&#39;"},
    {"{{ t | indent(1, true) }}", "T: |U:Some Text"},
    {"{{ t if n == 3 else 'x' }}{{ zz | default(t) }}{{ zz | default('d') }}", "U:Some TextSome Text|T:d"},
    {"{{ [t, 'a'] | sort | first }}{{ [t] | map('lower') | first }}", "T:a|U:some text"},
    {"{{ t.partition(' ')[2] }}{{ t.splitlines()[0] }}{{ t.rsplit(' ', 1)[0] }}", "U:TextSome TextSome"},
    {"{{ t == 'Some Text' }}{{ t | length }}{{ t is string }}", "T:True9True"},
    {"{{ strftime_now('%Y') }}{{ raise_exception is defined }}", "T:2024True"},
    {"{{ ('a' ~ t).find('S') }}{{ t.count('e') }}", "T:12"},
    {"{{ t.ljust(11, '.') }}{{ t.zfill(10) }}", "U:Some Text|T:..0|U:Some Text"},
    {"{% set s = 'x' * 300 %}{% set s = s + 'y' %}{% set u = s + t %}{% set v = s + 'z' %}{{ u[299:] }}{{ v[299:] }}{{ (u + '!')[-3:] }}",
     "T:xy|U:Some Text|T:xyz|U:xt|T:!"},
    {"{% set s = t * 40 %}{% set s = s + e %}{% set u = s + t %}{% set v = s[350:] + 'z' %}{{ u[355:] }}{{ v }}{{ (s[350:] + 'w') ~ s[350:] }}",
     "U: TextSome TexttSome Text|T:z|U:tSome Text|T:w|U:tSome Text"},
    {"{{ (t ~ t)[4:13] ~ (t ~ 'x') ~ 'y' }}", "U: TextSomeSome Text|T:xy"},
};

static void test_origins(void **state)
{
    const struct tl_template_input input = template_input();
    (void)state;
    for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
        struct tl_parts parts = {0};
        if (template_run(origins[i].text, &input, &parts) < 0)
            fail_msg("%s\nfailed: %s", origins[i].text, tl_error_text());
        char *found = template_join(&parts, true);
        if (strcmp(found, origins[i].parts) != 0)
            fail_msg("%s\nexpected: %s\nfound:    %s", origins[i].text, origins[i].parts, found);
        tl_free(found);
        tl_parts_done(&parts);
    }
}

/* What a user types is the user's whatever a template does with it: no byte of a marker comes out as the template's. */
static void test_marker_stays_the_users(void **state)
{
    static const char *const templates[] = {
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}", "{{ messages | tojson(indent=2) }}",
        "{{ messages }}{{ messages | string | upper }}", "{{ messages | map(attribute='content') | map('replace', 'E', 'e') | join('x') }}",
        "{% set x = messages[0]['content'] %}{% for c in x %}{{ c }}{% endfor %}{{ x[1:-1] }}{{ x.split('L') }}{{ x | e }}{{ x | title }}",
        "{{ '%s' % messages[0].content }}{{ '{0!r:>40}'.format(messages[0].content) }}{{ messages[0].content | safe ~ '' }}",
        "{{ dict(a=messages[0].content) }}{{ [messages[0].content] | sort | list }}{{ messages[0].content | list | join }}",
    };
    struct tl_template_input input = template_input();
    (void)state;
    input.messages_json = "[{\"role\": \"EVIL\", \"content\": \"EVIL\", \"EVIL\": \"EVIL\"}]";
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
        struct tl_parts parts = {0};
        size_t from_user = 0;
        assert_int_equal(template_run(templates[i], &input, &parts), 0);
        for (size_t k = 0; k < parts.count; k++) {
            from_user += parts.part[k].from_user;
            if (!parts.part[k].from_user && strpbrk(parts.part[k].text, "EVL"))
                fail_msg("%s\nis the template's: %s", templates[i], parts.part[k].text);
        }
        assert_true(from_user > 0);
        tl_parts_done(&parts);
    }
}

/* --- failures ------------------------------------------------------------------------------------------------------------- */

static const struct { const char *text, *messages, *tools, *extra; int status; const char *sentence; } failures[] = {
    {"\n{{ raise_exception('No ' ~ t) }}", NULL, NULL, NULL, TL_E_USAGE, "template:2: No Some Text"},
    {"{{ raise_exception('a\nb') }}", NULL, NULL, NULL, TL_E_USAGE, "template:1: a b"},
    {"\n\n{{ zz.a }}", NULL, NULL, NULL, TL_E_USAGE, "template:3: 'zz' is undefined"},
    {"{{ d.x.y }}", NULL, NULL, NULL, TL_E_USAGE, "template:1: a dict has no 'x'"},
    {"{{ 1 + 'a' }}", NULL, NULL, NULL, TL_E_USAGE, "template:1: '+' is not possible between a int and a str"},
    {"{% if x %}", NULL, NULL, NULL, TL_E_FILE, "template:1: this block has no 'endif'"},
    {"a\n{{ 1 | nonsense }}", NULL, NULL, NULL, TL_E_FILE, "template:2: there is no filter named 'nonsense'"},
    {"a\n{{ 1 +* 2 }}", NULL, NULL, NULL, TL_E_FILE, "template:2: expected an expression, found '*'"},
    {"x", "{}", NULL, NULL, TL_E_USAGE, "messages: expected a list, found a dict"},
    {"x", "[1]", NULL, NULL, TL_E_USAGE, "messages: item 0: expected an object, found a int"},
    {"x", "[{]", NULL, NULL, TL_E_USAGE, "messages: byte 2: "},
    {"x", NULL, "{}", NULL, TL_E_USAGE, "tools: expected a list, found a dict"},
    {"x", NULL, NULL, "[]", TL_E_USAGE, "template variables: expected an object, found a list"},
};

static void test_failures(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        struct tl_template_input input = template_input();
        struct tl_parts parts = {0};
        input.messages_json = failures[i].messages ? failures[i].messages : input.messages_json;
        input.tools_json = failures[i].tools ? failures[i].tools : input.tools_json;
        input.extra_json = failures[i].extra ? failures[i].extra : input.extra_json;
        int r = template_run(failures[i].text, &input, &parts);
        if (r != failures[i].status || strncmp(tl_error_text(), failures[i].sentence, strlen(failures[i].sentence)) != 0)
            fail_msg("%s\nexpected %d: %s\nfound %d: %s", failures[i].text, failures[i].status, failures[i].sentence, r, tl_error_text());
        assert_null(parts.part);
    }
}

static void test_not_text(void **state)
{
    struct tl_template *template = NULL;
    (void)state;
    assert_int_equal(tl_template_new("a\xff", 2, &template), TL_E_FILE);
    char *large = tl_alloc((4 << 20) + 1, 1);
    memset(large, 'a', (4 << 20) + 1);
    assert_int_equal(tl_template_new(large, (4 << 20) + 1, &template), TL_E_FILE);
    assert_null(template);
    tl_free(large);
    tl_template_free(NULL);
    tl_parts_done(NULL);
}

/* Absent tools are none, as Hugging Face has it; absent BOS and EOS are empty. */
static void test_absent(void **state)
{
    struct tl_template_input input = {.messages_json = "[]"};
    struct tl_parts parts = {0};
    (void)state;
    assert_int_equal(template_run("{{ tools }}{{ tools is defined }}[{{ bos_token }}{{ eos_token }}]{{ add_generation_prompt }}{{ documents }}"
                                  "{{ messages }}{{ strftime_now('%F') }}", &input, &parts), 0);
    char *found = template_join(&parts, false);
    assert_string_equal(found, "NoneTrue[]FalseNone[]1970-01-01");
    tl_free(found);
    tl_parts_done(&parts);
}

/* As Python's strftime, which made these. */
static const struct { int64_t now; const char *text; } dates[] = {
    {951782400, "2000 00 02 29 29 00 12 00 00 060 AM February Feb Feb Tuesday"
        " Tue 2 2 02/29/00 2000-02-29 00:00:00 00:00 12:00:00 AM Tue Feb 29 00:00:00 2000 02/29/00 00:00:00 % 29 0"},
    {-1, "1969 69 12 31 31 23 11 59 59 365 PM December Dec Dec Wednesday"
        " Wed 3 3 12/31/69 1969-12-31 23:59:59 23:59 11:59:59 PM Wed Dec 31 23:59:59 1969 12/31/69 23:59:59 % 31 23"},
    {4102444799, "2099 99 12 31 31 23 11 59 59 365 PM December Dec Dec Thursday"
        " Thu 4 4 12/31/99 2099-12-31 23:59:59 23:59 11:59:59 PM Thu Dec 31 23:59:59 2099 12/31/99 23:59:59 % 31 23"},
    {68169600, "1972 72 02 29 29 00 12 00 00 060 AM February Feb Feb Tuesday"
        " Tue 2 2 02/29/72 1972-02-29 00:00:00 00:00 12:00:00 AM Tue Feb 29 00:00:00 1972 02/29/72 00:00:00 % 29 0"},
    {1721990096, "2024 24 07 26 26 10 10 34 56 208 AM July Jul Jul Friday Fri 5"
        " 5 07/26/24 2024-07-26 10:34:56 10:34 10:34:56 AM Fri Jul 26 10:34:56 2024 07/26/24 10:34:56 % 26 10"},
    {0, "1970 70 01 01  1 00 12 00 00 001 AM January Jan Jan Thursday"
        " Thu 4 4 01/01/70 1970-01-01 00:00:00 00:00 12:00:00 AM Thu Jan  1 00:00:00 1970 01/01/70 00:00:00 % 1 0"},
};

static void test_dates(void **state)
{
    struct tl_template_input input = template_input();
    struct tl_parts parts = {0};
    (void)state;
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        input.now = dates[i].now;
        if (template_run("{{ strftime_now('%Y %y %m %d %e %H %I %M %S %j %p %B %b %h %A %a %w %u %D %F %T %R %r %c %x %X %% %-d %-H') }}",
                         &input, &parts) < 0)
            fail_msg("%s", tl_error_text());
        char *found = template_join(&parts, false);
        assert_string_equal(found, dates[i].text);
        tl_free(found);
        tl_parts_done(&parts);
    }
    const int64_t far[] = {INT64_MIN, INT64_MAX};
    for (int i = 0; i < 2; i++) {
        input.now = far[i];
        assert_int_equal(template_run("{{ strftime_now('%c') }}", &input, &parts), 0);
        tl_parts_done(&parts);
    }
    assert_int_equal(template_run("{{ strftime_now('%Q') }}", &input, &parts), TL_E_USAGE);
    assert_int_equal(template_run("{{ strftime_now('%') }}", &input, &parts), TL_E_USAGE);
    assert_int_equal(template_run("{{ strftime_now('x' * 2000) }}", &input, &parts), TL_E_USAGE);
}

/* One template, rendered by several threads at once. */
static void *render_often(void *template)
{
    const struct tl_template_input input = template_input();
    for (int i = 0; i < 50; i++) {
        struct tl_parts parts = {0};
        if (tl_template_render(template, &input, &parts) < 0)
            return "a rendering failed";
        char *text = template_join(&parts, false);
        bool right = text && strcmp(text, "HELLO <B>-x2|Some Text3 b=1 a=[1, 2] items=5 ") == 0;
        tl_free(text);
        tl_parts_done(&parts);
        if (!right)
            return "a rendering differs";
    }
    return NULL;
}

static void test_threads(void **state)
{
    static const char text[] = "{% macro m(a, b='-') %}{{ a | upper ~ b }}{% endmacro %}{{ m(messages[0].content) }}{{ 'x' ~ 'é2'[1:] }}|"
                               "{{ t }}{{ {'é': 3}['é'] }} {% for k, v in d.items() %}{{ k }}={{ v }} {% endfor %}";
    struct tl_template *template;
    pthread_t threads[4];
    (void)state;
    assert_int_equal(tl_template_new(text, strlen(text), &template), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, render_often, template), 0);
    for (int i = 0; i < 4; i++) {
        void *problem;
        assert_int_equal(pthread_join(threads[i], &problem), 0);
        if (problem)
            fail_msg("%s", (char *)problem);
    }
    tl_template_free(template);
}

/* The N-th allocation fails, for every N. */
static void test_memory(void **state)
{
    static const char text[] =
        "{% macro m(a, b=[1]) %}{{ a ~ b }}{% endmacro %}{% set ns = namespace(x='') %}{% for k, v in d.items() if v %}"
        "{% set ns.x = ns.x + m(k) %}{{ loop.length }}{% endfor %}{{ ns.x | upper }}{{ messages | tojson(indent=1) }}"
        "{{ '%s' % t }}{{ s.split(',') | map('trim') | select | sort | join('|') }}{{ range(300) | list }}";
    const struct tl_template_input input = template_input();
    int r = TL_E_NOMEM;
    long n = 0;
    (void)state;
    for (; r < 0; n++) {
        struct tl_parts parts = {0};
        tl_memory_fail_after(n);
        r = template_run(text, &input, &parts);
        tl_memory_fail_after(-1);
        if (r < 0)
            assert_int_equal(r, TL_E_NOMEM);
        tl_parts_done(&parts);
        assert_true(n < 1000);
    }
    assert_true(n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases), cmocka_unit_test(test_origins), cmocka_unit_test(test_marker_stays_the_users),
        cmocka_unit_test(test_failures), cmocka_unit_test(test_not_text), cmocka_unit_test(test_absent), cmocka_unit_test(test_dates),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
