/* SPDX-License-Identifier: MIT */
/* What each test of this folder includes first: cmocka's prerequisites in their order, and a count of table rows. */
#ifndef BASE_TEST_H
#define BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof *(table))

#endif
