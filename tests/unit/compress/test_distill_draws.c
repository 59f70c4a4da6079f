/* SPDX-License-Identifier: MIT */
/* Windows cut into texts, and what a teacher said of them found by places of the corpus; files that are damaged or of others. */
#include <setjmp.h>
#include <stdarg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "compress/distill_draws.h"
#include "engine/teacher.h"
#include "kernel/kernel.h"

enum { WINDOW = 8, VOCAB = 300, DRAWS = 5, BOS = 299, PLACES = 40 };

/* Two windows: a document of 5, the begin of one of 9; its rest of 6, and padding. Places run through the corpus. */
static const int32_t ids[2][WINDOW] = {{10, 11, 12, 13, 14, 20, 21, 22}, {23, 24, 25, 26, 27, 28, 0, 0}};
static const uint32_t first[2][WINDOW] = {{0, 0, 0, 0, 0, 5, 5, 5}, {0, 0, 0, 0, 0, 0, 6, 6}};
static const int32_t next[2][WINDOW] = {{11, 12, 13, 14, -1, 21, 22, 23}, {24, 25, 26, 27, 28, -1, -1, -1}};
static const uint64_t where[2][WINDOW] = {{0, 1, 2, 3, 4, 15, 16, 17}, {18, 19, 20, 21, 22, 23, TL_DISTILL_NOWHERE, TL_DISTILL_NOWHERE}};

static char path[64];

static void cut(struct tl_distill_texts *texts, int32_t bos)
{
    memset(texts, 0, sizeof(*texts));
    for (int i = 0; i < 2; i++)
        assert_int_equal(tl_distill_texts_add(texts, ids[i], first[i], next[i], where[i], WINDOW, bos), 0);
}

static void texts_of_windows(void **state)
{
    static const int32_t plain[] = {10, 11, 12, 13, 14, 20, 21, 22, 23, 23, 24, 25, 26, 27, 28};
    struct tl_distill_texts texts;
    (void)state;
    cut(&texts, -1);
    assert_int_equal(texts.n_texts, 3);
    assert_int_equal(texts.n_ids, 15);
    assert_memory_equal(texts.ids, plain, sizeof(plain));
    assert_int_equal(texts.starts[1], 5);
    assert_int_equal(texts.starts[2], 9);
    assert_int_equal(texts.starts[3], 15);
    assert_int_equal(texts.longest, 6);
    assert_true(texts.where[8] == TL_DISTILL_NOWHERE && texts.where[7] == 17);
    assert_true(!texts.learnt[0] && texts.learnt[1] && texts.learnt[4] && !texts.learnt[5] && texts.learnt[8]);
    tl_distill_texts_done(&texts);
    cut(&texts, BOS);
    assert_int_equal(texts.n_ids, 18);
    assert_int_equal(texts.longest, 7);
    assert_int_equal(texts.ids[6], BOS);
    assert_true(texts.where[6] == TL_DISTILL_NOWHERE && texts.where[7] == 15);
    tl_distill_texts_done(&texts);
    cut(&texts, 10);                                  /* the first run begins with it already */
    assert_int_equal(texts.n_ids, 17);
    tl_distill_texts_done(&texts);
}

/* A teacher for which the token behind id t is t + 1 or t + 2, each with probability 1 / 2. */
static void write_teacher(const struct tl_distill_texts *texts)
{
    struct tl_teacher_facts facts = {.fingerprint = 7, .seed = 3, .draws = DRAWS, .vocab = VOCAB, .window = WINDOW + 1, .stride = WINDOW + 1,
                                     .ids = texts->ids, .starts = texts->starts, .n_texts = texts->n_texts};
    struct tl_teacher *teacher;
    const struct tl_kernel *kernel = tl_kernel_best();
    assert_int_equal(tl_teacher_open(path, &facts, 0, &teacher), 0);
    for (uint64_t text = 0; text < texts->n_texts; text++)
        for (uint64_t i = texts->starts[text] + 1; i < texts->starts[text + 1]; i++) {
            float weights[VOCAB] = {0};
            uint32_t id = (uint32_t)texts->ids[i - 1];
            weights[(id + 1) % VOCAB] = weights[(id + 2) % VOCAB] = 1;
            tl_teacher_draw(teacher, kernel, 0, i, weights, 2, 0.25f);
            assert_int_equal(tl_teacher_put(teacher, 1), 0);
        }
    assert_int_equal(tl_teacher_commit(teacher), 0);
    tl_teacher_close(teacher, false);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/trill-draws-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

static void check_window(struct tl_distill_draws *draws, int w)
{
    struct tl_draws found[WINDOW];
    uint64_t n = 0, expected = 0;
    assert_int_equal(tl_distill_draws_at(draws, where[w], WINDOW, found), 0);
    for (int i = 0; i < WINDOW; i++) {
        expected += next[w][i] >= 0;
        assert_int_equal(found[i].n_ids > 0, next[w][i] >= 0);
        uint32_t sum = 0;
        for (uint32_t k = 0; k < found[i].n_ids; k++) {
            sum += found[i].counts[k];
            assert_in_range(found[i].ids[k], ids[w][i] + 1, ids[w][i] + 2);
        }
        assert_int_equal(sum, found[i].n_ids ? DRAWS : 0);
    }
    double entropy = tl_distill_draws_entropy(draws, next[w], WINDOW, &n);
    assert_int_equal(n, expected);
    assert_true(fabs(entropy - (double)n * log(2)) < 1e-5);
}

static void found_by_place(void **state)
{
    (void)state;
    for (int32_t bos = -1; bos <= BOS; bos += BOS + 1) {
        struct tl_distill_texts texts;
        struct tl_distill_draws *draws;
        cut(&texts, bos);
        write_teacher(&texts);
        assert_int_equal(tl_distill_draws_open(path, &texts, PLACES, VOCAB, NULL, &draws), 0);
        assert_int_equal(tl_distill_draws_facts(draws)->draws, DRAWS);
        check_window(draws, 0);
        check_window(draws, 1);
        tl_distill_draws_close(draws);
        tl_distill_texts_done(&texts);
    }
}

/* In any order, beyond the corpus, and again with more tokens than before. */
static void any_places(void **state)
{
    static const uint64_t places[] = {3, 2, 1, 99, TL_DISTILL_NOWHERE, 16, 17, 17, 30, 0};
    static const int32_t before[] = {13, 12, 11, -1, -1, 21, 22, 22, -1, 10};
    struct tl_distill_texts texts;
    struct tl_distill_draws *draws;
    struct tl_draws found[10];
    (void)state;
    cut(&texts, -1);
    write_teacher(&texts);
    assert_int_equal(tl_distill_draws_open(path, &texts, PLACES, VOCAB, NULL, &draws), 0);
    for (uint64_t n = 1; n <= 10; n++)
        assert_int_equal(tl_distill_draws_at(draws, places, n, found), 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(found[i].n_ids > 0, before[i] >= 0);
        if (found[i].n_ids)
            assert_in_range(found[i].ids[0], before[i] + 1, before[i] + 2);
    }
    tl_distill_draws_close(draws);
    tl_distill_texts_done(&texts);
}

/* What lies behind the student's rows is left out, and the others are shares of what is left. */
static void smaller_student(void **state)
{
    struct tl_distill_texts texts;
    struct tl_distill_draws *draws;
    struct tl_draws found[WINDOW];
    (void)state;
    cut(&texts, -1);
    write_teacher(&texts);
    assert_int_equal(tl_distill_draws_open(path, &texts, PLACES, 13, NULL, &draws), 0);
    assert_int_equal(tl_distill_draws_at(draws, where[0], WINDOW, found), 0);
    assert_int_equal(found[0].n_draws, DRAWS);
    assert_int_equal(found[1].n_ids, 1);
    assert_true(found[1].ids[0] == 12 && found[1].n_draws == found[1].counts[0] && found[1].n_draws < DRAWS);
    assert_true(found[2].n_ids == 0 && found[2].n_draws == 0);
    tl_distill_draws_close(draws);
    tl_distill_texts_done(&texts);
}

static void expect_refused(const struct tl_distill_texts *texts, const char *why)
{
    struct tl_distill_draws *draws = NULL;
    int status = tl_distill_draws_open(path, texts, PLACES, VOCAB, NULL, &draws);
    if (status != TL_E_FILE)
        fail_msg("%s: status %d", why, status);
    assert_non_null(strstr(tl_error_text(), path));
}

/* Any byte that changes is noticed, and any length but the right one. */
static void damaged(void **state)
{
    struct tl_distill_texts texts;
    char *bytes, why[64];
    size_t n;
    (void)state;
    cut(&texts, -1);
    write_teacher(&texts);
    assert_int_equal(tl_file_slurp(path, 1 << 20, &bytes, &n), 0);
    for (size_t i = 0; i < n + 3; i++) {
        FILE *file = fopen(path, "w");
        snprintf(why, sizeof(why), i < n ? "byte %zu" : "length %zu", i);
        size_t shorter = i < n ? n : i == n ? n - 1 : i == n + 1 ? 3 : n - 40;
        if (i < n)
            bytes[i] ^= 0x11;
        fwrite(bytes, 1, shorter, file);
        fclose(file);
        if (i < n)
            bytes[i] ^= 0x11;
        expect_refused(&texts, why);
    }
    texts.ids[2]++;
    FILE *file = fopen(path, "w");
    fwrite(bytes, 1, n, file);
    fclose(file);
    expect_refused(&texts, "other texts");
    tl_free(bytes);
    tl_distill_texts_done(&texts);
}

static void out_of_memory(void **state)
{
    struct tl_distill_texts texts;
    (void)state;
    cut(&texts, -1);
    write_teacher(&texts);
    for (long n = 0; n < 100; n++) {
        struct tl_distill_draws *draws = NULL;
        struct tl_draws found[WINDOW];
        tl_memory_fail_after(n);
        int status = tl_distill_draws_open(path, &texts, PLACES, VOCAB, NULL, &draws);
        if (status >= 0)
            status = tl_distill_draws_at(draws, where[0], WINDOW, found);
        tl_memory_fail_after(-1);
        tl_distill_draws_close(draws);
        if (status >= 0) {
            tl_distill_texts_done(&texts);
            return;
        }
        assert_int_equal(status, TL_E_NOMEM);
    }
    fail_msg("it never succeeded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_windows),
        cmocka_unit_test_setup_teardown(found_by_place, set_up, tear_down), cmocka_unit_test_setup_teardown(any_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(smaller_student, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged, set_up, tear_down), cmocka_unit_test_setup_teardown(out_of_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
