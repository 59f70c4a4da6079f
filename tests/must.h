/* SPDX-License-Identifier: MIT */
/* What must succeed says why it did not. */
#ifndef TESTS_MUST_H
#define TESTS_MUST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"

static inline void must(int status)
{
    if (status < 0)
        fail_msg("%s", tl_error_text());
}

#endif
