/* SPDX-License-Identifier: MIT */
/* A model without a file, planned while memory runs out: for every allocation that may fail, planning fails as it should
 * and leaves nothing behind, or is not touched by it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "plan/fit.h"
#include "plan/outlined.h"

enum { MOST_ALLOCATIONS = 100000 };

static int plan(const char *name, const struct tl_fit_wish *wish)
{
    const struct tl_outline_sizes sizes = {.tiny = true};
    struct tl_outlined *outlined = NULL;
    struct tl_buffer text;
    struct tl_fit fit;
    int status = tl_outlined_open(name, &sizes, &(struct tl_recipe_names){0}, &(struct tl_model_choices){0}, &outlined);
    if (status >= 0)
        status = tl_fit_make(outlined->model, wish, &fit);
    if (status >= 0) {
        tl_buffer_init(&text, 0);
        tl_fit_explain(&fit, &text);
        status = text.status;
        tl_buffer_done(&text);
    }
    tl_outlined_close(outlined);
    return status;
}

static void every_allocation(void **state)
{
    static const char *const names[] = {"smollm2-135m", "kimi-k2", "gpt-oss-20b", "qwen3-next-80b-a3b"};
    const struct tl_fit_wish wishes[] = {{.threads = 1, .ram_bytes = 64 << 20}, {.threads = 1, .ram_bytes = 512 << 20, .score_tokens = 5000}};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        for (size_t k = 0; k < sizeof(wishes) / sizeof(wishes[0]); k++) {
            long n = 0;
            int status = TL_E_NOMEM;
            for (; n < MOST_ALLOCATIONS && status == TL_E_NOMEM; n += n < 200 ? 1 : 7) {
                tl_memory_fail_after(n);
                status = plan(names[i], &wishes[k]);
                tl_memory_fail_after(-1);
            }
            assert_int_equal(status, 0);
            assert_true(n > 20);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
