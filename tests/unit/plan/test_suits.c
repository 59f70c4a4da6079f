/* SPDX-License-Identifier: MIT */
/* What suits machines of many sizes: every geometry is there once, in the right order; more memory never takes a model away
 * or makes it slower; formats follow the rule; what is told is JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/json.h"
#include "plan/suits.h"

static struct tl_machine machine_of(double ram, double disk, double drive)
{
    struct tl_machine m;
    tl_machine_ask(NULL, &m);
    const struct { enum tl_fact fact; double value; } facts[] = {
        {TL_FACT_THREADS, 8}, {TL_FACT_RAM, ram}, {TL_FACT_DISK, disk}, {TL_FACT_MEMORY, 60e9}, {TL_FACT_DRIVE, drive}, {TL_FACT_INT8, 2e12},
        {TL_FACT_BF16, 1e12}, {TL_FACT_F32, 0.5e12}, {TL_FACT_WATTS, 60}, {TL_FACT_KWH, 0.25}, {TL_FACT_HOUR, 0}, {TL_FACT_PUE, 1},
    };
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
        tl_machine_set(&m, facts[i].fact, facts[i].value, TL_SOURCE_SAID);
    tl_machine_finish(&m);
    return m;
}

static struct tl_suits make(double ram, double disk, double drive)
{
    struct tl_suits suits;
    struct tl_machine machine = machine_of(ram, disk, drive);
    if (tl_suits_make(&(struct tl_suits_wish){.machine = &machine}, &suits) < 0)
        fail_msg("%s", tl_error_text());
    assert_int_equal(suits.n, tl_known_count);
    return suits;
}

static const struct tl_suit *find(const struct tl_suits *suits, const char *name)
{
    for (size_t i = 0; i < suits->n; i++)
        if (!strcmp(suits->suits[i].known->name, name))
            return &suits->suits[i];
    fail_msg("%s is missing", name);
    return NULL;
}

static double rate(const struct tl_suit *s) { return s->why_not ? 0 : s->decode.tokens / s->decode.seconds; }

static void order(void **state)
{
    (void)state;
    struct tl_suits suits = make(24e9, 2e12, 3e9);
    for (size_t i = 0; i < suits.n; i++) {
        const struct tl_suit *s = &suits.suits[i], *before = s - 1;
        if (!s->why_not)
            print_message("%-20s %-9s %-8s %7.1f GB %6.3g tok/s, twice drive %6.3g, memory %6.3g; sweep %6.4g tok/s\n", s->known->name, s->format, tl_pace_names[s->pace],
                          (double)s->weight_bytes * 1e-9, rate(s), s->faster_drive, s->more_memory, s->score.seconds > 0 ? 1e6 / s->score.seconds : 0);
        else
            print_message("%-20s %s\n", s->known->name, s->why_not);
        assert_true(s->why_not != NULL || (s->format && rate(s) > 0 && s->gives > 0 && s->peak_bytes <= 24e9));
        if (i == 0 || s->why_not || before->why_not) {
            assert_true(i == 0 || !s->why_not ? !(i && before->why_not) : true);
            continue;
        }
        assert_true(before->on_disk >= s->on_disk);
        assert_true(before->on_disk != s->on_disk || before->pace <= s->pace);
        assert_true(before->on_disk != s->on_disk || before->pace != s->pace || before->gives >= s->gives);
    }
    assert_non_null(find(&suits, "kimi-k3")->why_not);
    assert_non_null(find(&suits, "ten-trillion")->why_not);
    assert_string_equal(find(&suits, "qwen3-0.6b")->format, "bf16");         /* stays in memory as it is, and is fast */
    assert_string_equal(find(&suits, "qwen3-8b")->format, "q4_k");           /* 60 GB/s are not enough for more */
    assert_string_equal(find(&suits, "qwen3-235b-a22b")->format, "q4_k");    /* streamed: the narrowest */
    assert_string_equal(find(&suits, "kimi-k2")->format, "int4_g32");
    const struct tl_suit *giant = find(&suits, "kimi-k2");
    assert_int_equal(giant->way, TL_FIT_EXPERTS_PASS);
    assert_true(giant->faster_drive > 1.8 * rate(giant) && giant->more_memory > rate(giant));
    tl_suits_done(&suits);
}

static void sizes(void **state)
{
    static const double rams[] = {8e9, 16e9, 32e9, 128e9, 1024e9};
    double last[64] = {0};
    (void)state;
    assert_true(tl_known_count <= 64);
    for (size_t i = 0; i < sizeof(rams) / sizeof(rams[0]); i++) {
        struct tl_suits suits = make(rams[i], 10e12, 3e9);
        for (size_t k = 0; k < tl_known_count; k++) {
            const struct tl_suit *s = find(&suits, tl_known[k].name);
            assert_true(last[k] == 0 || !s->why_not);
            if (s->why_not)
                continue;
            assert_true(s->pace == (rate(s) >= 8 ? TL_PACE_TALK : rate(s) >= 0.5 ? TL_PACE_PATIENCE : TL_PACE_NIGHT));
            assert_true(s->more_memory >= 0.98 * rate(s) && s->faster_drive >= 0.999 * rate(s));
            assert_true(s->way != TL_FIT_RESIDENT || s->faster_drive < 1.001 * rate(s));
            last[k] = rate(s);
        }
        tl_suits_done(&suits);
    }
}

static void disk(void **state)
{
    (void)state;
    struct tl_suits suits = make(24e9, 100e9, 3e9);
    assert_false(find(&suits, "kimi-k2")->on_disk);
    assert_true(find(&suits, "qwen3-30b-a3b")->on_disk);
    tl_suits_done(&suits);
}

static int stop(void *context, uint64_t done)
{
    *(uint64_t *)context = done;
    return done == 3 ? TL_E_CANCEL : 0;
}

static void told(void **state)
{
    struct tl_suits suits = make(24e9, 100e9, 3e9), none = {0};
    struct tl_machine machine = machine_of(24e9, 1e12, 3e9);
    struct tl_buffer json;
    struct tl_json reader;
    uint64_t done = 0;
    int event;
    (void)state;
    tl_buffer_init(&json, 0);
    tl_buffer_printf(&json, "{");
    tl_suits_write(&suits, &json);
    tl_buffer_printf(&json, "}");
    tl_json_init(&reader, "suits", json.data, json.len);
    while ((event = tl_json_next(&reader)) > 0)
        ;
    assert_int_equal(event, TL_JSON_END);
    tl_json_done(&reader);
    tl_buffer_done(&json);
    tl_suits_done(&suits);
    assert_int_equal(tl_suits_make(&(struct tl_suits_wish){.machine = &machine, .progress = stop, .progress_context = &done}, &none), TL_E_CANCEL);
    assert_int_equal(done, 3);
    assert_null(none.suits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(order), cmocka_unit_test(sizes), cmocka_unit_test(disk), cmocka_unit_test(told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
