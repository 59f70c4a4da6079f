/* SPDX-License-Identifier: MIT */
/* Every row of the table of routes is found by its own path, and by nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "serve/routes.h"
#include "trill.h"

static void test_rows(void **state)
{
    const char *rest;
    bool other;
    char path[200];
    (void)state;
    for (size_t i = 0; i < tl_routes_count; i++) {
        const struct tl_route *row = &tl_routes[i];
        size_t n = strlen(row->path);
        bool below = n > 1 && row->path[n - 1] == '/';
        snprintf(path, sizeof(path), "%s%s", row->path, below ? "x/y" : "");
        assert_ptr_equal(tl_route_find(row->method, path, &rest, &other), row);
        assert_string_equal(rest, below ? "x/y" : "");
        snprintf(path, sizeof(path), "%sx", row->path);
        const struct tl_route *found = tl_route_find(row->method, path, &rest, &other);
        assert_true(found != row || below);
        assert_non_null(strstr(" chat completions responses messages embeddings ", row->form));
        assert_true(row->who == TL_ROUTE_PUBLIC || strncmp(row->path, "/page", 5) != 0);
    }
}

static void test_methods(void **state)
{
    const char *rest;
    bool other;
    (void)state;
    assert_non_null(tl_route_find("HEAD", "/health", &rest, &other));
    assert_null(tl_route_find("POST", "/health", &rest, &other));
    assert_true(other);
    assert_null(tl_route_find("GET", "/healthy", &rest, &other));
    assert_false(other);
    assert_null(tl_route_find("GET", "", &rest, &other));
    assert_null(tl_route_find("get", "/health", &rest, &other));
}

/* What strangers may see without a key. */
static void test_public(void **state)
{
    (void)state;
    for (size_t i = 0; i < tl_routes_count; i++)
        if (tl_routes[i].who == TL_ROUTE_PUBLIC)
            assert_true(strcmp(tl_routes[i].path, "/health") == 0 || strcmp(tl_routes[i].path, "/") == 0 || strcmp(tl_routes[i].path, "/page/") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_methods), cmocka_unit_test(test_public)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
