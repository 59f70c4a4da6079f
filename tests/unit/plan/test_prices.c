/* SPDX-License-Identifier: MIT */
/* The table of prices: rows are whole, name known geometries, carry a date; and what is told is JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "plan/geometries.h"
#include "plan/prices.h"

static void rows(void **state)
{
    size_t open = 0;
    (void)state;
    for (size_t i = 0; i < tl_price_count; i++) {
        const struct tl_price *p = &tl_prices[i];
        open += p->geometry != NULL;
        if (p->geometry)
            assert_non_null(tl_known_find(p->geometry));
        assert_true(p->read > 0 && p->written >= p->read && p->written < 1000);
        assert_int_equal(strlen(p->seen), 7);
        assert_true(p->seen[4] == '-' && atoi(p->seen) >= 2024 && atoi(p->seen + 5) >= 1 && atoi(p->seen + 5) <= 12);
        assert_true(strlen(p->name) && strlen(p->vendor) && strlen(p->source));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(p->name, tl_prices[k].name);
    }
    assert_true(open > 0 && open < tl_price_count);
    assert_null(tl_price_of(NULL));
    assert_null(tl_price_of("ten-trillion"));
}

static size_t count_in(const char *text, const char *part)
{
    size_t n = 0;
    for (; (text = strstr(text, part)); text++)
        n++;
    return n;
}

static void told(void **state)
{
    static const char *const geometries[] = {NULL, "kimi-k2", "ten-trillion"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct tl_buffer json;
        struct tl_json reader;
        int event;
        tl_buffer_init(&json, 0);
        tl_prices_write(geometries[i], &json);
        tl_json_init(&reader, "prices", json.data, json.len);
        while ((event = tl_json_next(&reader)) > 0)
            ;
        assert_int_equal(event, TL_JSON_END);
        assert_int_equal(count_in(json.data, "\"vendor\""), tl_price_count);
        assert_int_equal(count_in(json.data, "\"same_model\":true"), tl_price_of(geometries[i]) != NULL);
        assert_int_equal(strncmp(json.data, "[{\"name\":\"Kimi K2\"", 18) == 0, i == 1);
        tl_json_done(&reader);
        tl_buffer_done(&json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows), cmocka_unit_test(told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
