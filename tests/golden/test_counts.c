/* SPDX-License-Identifier: MIT */
/* What is counted while weights are streamed: the bytes of direct reads are those that the operating system counts for this
 * process, and what a step misses is what it needs less what is in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "cases.h"
#include "engine/session.h"

static long long system_read_bytes(void)
{
    char line[100];
    long long bytes = -1;
    FILE *file = fopen("/proc/self/io", "r");
    while (file && fgets(line, sizeof(line), file))
        sscanf(line, "read_bytes: %lld", &bytes);
    if (file)
        fclose(file);
    return bytes;
}

static int n_compared;

static void warn(void *context, int level, const char *text)
{
    (void)level;
    *(int *)context += strstr(text, "direct reads are not possible") != NULL;
}

static void test_case(const struct golden *golden)
{
    struct tl_engine *engine;
    struct tl_session *session;
    int indirect = 0;
    struct tl_engine_options options = { .threads = 1, .chunk = 16, .context = 128, .trunk_bytes = 1, .lookahead = "off", .log = warn,
                                         .context_pointer = &indirect };
    assert_int_equal(tl_engine_open(golden->folder, &options, &engine), 0);
    assert_int_equal(tl_session_open(engine, &session), 0);
    assert_int_equal(tl_session_set(session, golden->ids, 4), 0);
    assert_int_equal(tl_session_compute(session, NULL, NULL), 0);
    uint64_t passing = tl_store_passing_bytes(tl_model_store(engine->model)), read = tl_meter_get(&engine->meters, TL_METER_DRIVE_BYTES);
    uint64_t missed = tl_meter_get(&engine->meters, TL_METER_MISSED_BYTES), decoding = tl_meter_get(&engine->meters, TL_METER_DECODE_MISSED_BYTES);
    long long before = system_read_bytes();
    for (size_t i = 4; i < golden->n_ids && i < 20; i++) {
        assert_int_equal(tl_session_append(session, &golden->ids[i], 1), 0);
        assert_int_equal(tl_session_compute(session, NULL, NULL), 0);
    }
    long long after = system_read_bytes();
    size_t n = golden->n_ids < 20 ? golden->n_ids - 4 : 16;
    read = tl_meter_get(&engine->meters, TL_METER_DRIVE_BYTES) - read;
    missed = tl_meter_get(&engine->meters, TL_METER_MISSED_BYTES) - missed;
    assert_int_equal(missed, tl_meter_get(&engine->meters, TL_METER_DECODE_MISSED_BYTES) - decoding);
    assert_true(missed * 2 >= n * passing);      /* the head is not needed in every step */
    assert_true(read * 2 > missed);              /* whole blocks of the drive, and what is read ahead */
    if (before >= 0 && after > before && !indirect) {
        uint64_t counted = (uint64_t)(after - before), slack = read / 100 + (512 << 10);
        if (counted > read + slack || read > counted + slack)
            fail_msg("%s: %llu bytes by our count, %llu by that of the system", golden->folder, (unsigned long long)read,
                     (unsigned long long)counted);
        n_compared += read > 4 * slack;
    }
    tl_session_close(session);
    tl_engine_close(engine);
}

static void test_counts(void **state)
{
    (void)state;
    assert_true(golden_each(test_case) >= 4);
    print_message("%d models compared with the system's count\n", n_compared);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_counts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
