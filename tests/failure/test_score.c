/* SPDX-License-Identifier: MIT */
/* Scoring that is killed at many moments, cancelled, or whose drive fails at the N-th read or write: what goes on from the
 * checkpoint has the same bits in every file; a damaged or foreign checkpoint is refused with a sentence. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/score.h"
#include "folder.h"
#include "killed.h"

enum { IDS = 300, WINDOW = 25, DRAWS = 5, FILES = 4, FINISHED = 0, RESUMED = 3 };
static const char model_path[] = "tests/golden/glm4_moe";
static const uint64_t starts[3] = { 0, 130, IDS };

struct place { char file[FILES][64], checkpoint[64]; };

static void name_place(struct place *place, const char *word)
{
    for (int i = 0; i < FILES; i++)
        snprintf(place->file[i], sizeof(place->file[i]), "/tmp/trill-%s-%ld-%d", word, (long)getpid(), i);
    snprintf(place->checkpoint, sizeof(place->checkpoint), "/tmp/trill-%s-%ld.ck", word, (long)getpid());
}

static void clear_place(const struct place *place)
{
    char part[80];
    for (int i = 0; i < FILES; i++)
        unlink(place->file[i]);
    unlink(place->checkpoint);
    snprintf(part, sizeof(part), "%s.part", place->file[0]);
    unlink(part);
}

static void make_ids(int32_t *ids, int32_t first)
{
    for (int i = 0; i < IDS; i++)
        ids[i] = 5 + (first + i * 37 + i * i) % 200;
}

/* streamed: neither the experts nor the rest fit in memory. */
static struct tl_engine *open_engine(bool streamed)
{
    struct tl_engine *engine;
    struct tl_engine_options options = { .threads = 2, .chunk = 75, .context = WINDOW, .frames = streamed ? 4 : 0,
                                         .trunk_bytes = streamed, .score_tokens = IDS,
                                         .score_taps = TL_TAP_ROUTER | TL_TAP_EXPERTS | TL_TAP_MOMENTS };
    if (tl_engine_open(model_path, &options, &engine) < 0)
        fail_msg("%s", tl_error_text());
    return engine;
}

static int n_warnings;

static void warn(void *context, const char *text)
{
    (void)context;
    assert_true(strlen(text) > 0);
    n_warnings++;
}

static int score(struct tl_engine *engine, const struct place *place, int32_t first, struct tl_progress *progress, struct tl_scored *scored)
{
    int32_t ids[IDS];
    make_ids(ids, first);
    struct tl_score how = {
        .window = WINDOW, .stride = 20, .starts = starts, .n_texts = 2, .teacher = place->file[0], .router = place->file[1],
        .experts = place->file[2], .moments = place->file[3], .checkpoint = place->checkpoint, .draws = DRAWS, .seed = 1,
        .progress = progress, .warn = warn };
    return tl_score(engine, ids, IDS, &how, NULL, scored);
}

static void compare(const struct place *a, const struct place *b, const char *when, long number)
{
    for (int i = 0; i < FILES; i++) {
        char *x = NULL, *y = NULL;
        size_t n_x = 0, n_y = 0;
        if (tl_file_slurp(a->file[i], 1 << 24, &x, &n_x) < 0 || tl_file_slurp(b->file[i], 1 << 24, &y, &n_y) < 0)
            fail_msg("%s %ld: %s", when, number, tl_error_text());
        if (n_x != n_y || memcmp(x, y, n_x) != 0)
            fail_msg("%s %ld: file %d has other bytes", when, number, i);
        tl_free(x);
        tl_free(y);
    }
    if (tl_file_exists(b->checkpoint))
        fail_msg("%s %ld: the checkpoint is still there", when, number);
}

static uint64_t largest_file(const struct place *place)
{
    uint64_t most = 0;
    for (int i = 0; i < FILES; i++) {
        struct stat facts;
        assert_int_equal(stat(place->file[i], &facts), 0);
        most = (uint64_t)facts.st_size > most ? (uint64_t)facts.st_size : most;
    }
    return most;
}

/* --- kill -9 ------------------------------------------------------------------------------------------------------ */

static void child(const struct place *place, bool streamed)
{
    struct tl_scored scored;
    struct tl_engine *engine = open_engine(streamed);
    int status = score(engine, place, 0, NULL, &scored);
    _exit(status < 0 ? 1 : scored.resumed ? RESUMED : FINISHED);
}

/* Exit status, or -1 where it was killed, as one of its files would have more bytes. */
static int run_child(const struct place *place, bool streamed, uint64_t n_bytes)
{
    int state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        die_beyond(n_bytes);
        child(place, streamed);
    }
    waitpid(pid, &state, 0);
    return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

static void test_kill(void **state)
{
    struct place expected, place;
    int resumed = 0, killed = 0;
    (void)state;
    name_place(&expected, "whole");
    name_place(&place, "killed");
    clear_place(&expected);
    assert_int_equal(run_child(&expected, false, RLIM_INFINITY), FINISHED);
    uint64_t largest = largest_file(&expected);
    const long rounds = getenv("TRILL_FAST") ? 2 : 8;
    for (long round = 0; round < rounds; round++) {
        int status = -1;
        clear_place(&place);
        for (uint64_t n_bytes = 1 + (uint64_t)round * largest / 100; status < 0; n_bytes += largest / 9, killed++)       /* each goes on where the last one was killed */
            status = run_child(&place, round % 2, n_bytes);
        if (status != FINISHED && status != RESUMED)
            fail_msg("round %ld: it ends with %d", round, status);
        resumed += status == RESUMED;
        compare(&expected, &place, "round", round);
    }
    print_message("%d runs, %d of the last ones went on from a checkpoint\n", killed, resumed);
    assert_true(resumed > 0);
    clear_place(&expected);
    clear_place(&place);
}

/* --- failing reads and writes ------------------------------------------------------------------------------------- */

static void test_each_access_fails(void **state)
{
    struct place expected, place;
    struct tl_scored scored;
    int failed = 0, quiet = 0;
    (void)state;
    name_place(&expected, "whole");
    name_place(&place, "failing");
    clear_place(&expected);
    struct tl_engine *engine = open_engine(false);
    assert_int_equal(score(engine, &expected, 0, NULL, &scored), 0);
    for (long n = 0; n < 2000 && quiet < 20; n++) {
        clear_place(&place);
        n_warnings = 0;
        tl_file_fail_after(n);
        int status = score(engine, &place, 0, NULL, &scored);
        tl_file_fail_after(-1);
        quiet = status < 0 || n_warnings ? 0 : quiet + 1;
        failed += status < 0;
        if (status < 0) {
            assert_true(strlen(tl_error_text()) > 0);
            if (score(engine, &place, 0, NULL, &scored) < 0)
                fail_msg("access %ld: %s", n, tl_error_text());
        }
        compare(&expected, &place, "access", n);
    }
    print_message("%d failing accesses end the run\n", failed);
    assert_true(failed > 0 && quiet == 20);
    tl_engine_close(engine);
    clear_place(&expected);
    clear_place(&place);
}

/* --- damaged checkpoints ------------------------------------------------------------------------------------------ */

/* What a run leaves that ends because an access fails. */
static void make_checkpoint(struct tl_engine *engine, const struct place *place)
{
    struct tl_scored scored;
    for (long n = 60; !tl_file_exists(place->checkpoint); n++) {
        clear_place(place);
        tl_file_fail_after(n);
        score(engine, place, 0, NULL, &scored);
        tl_file_fail_after(-1);
        assert_true(n < 200);
    }
}

static void test_damaged(void **state)
{
    struct place expected, place;
    struct tl_scored scored, whole;
    char *bytes;
    size_t n_bytes;
    (void)state;
    name_place(&expected, "whole");
    name_place(&place, "damaged");
    clear_place(&expected);
    clear_place(&place);
    struct tl_engine *engine = open_engine(false);
    assert_int_equal(score(engine, &expected, 0, NULL, &whole), 0);
    make_checkpoint(engine, &place);
    assert_int_equal(tl_file_slurp(place.checkpoint, 1 << 24, &bytes, &n_bytes), 0);
    assert_int_equal(score(engine, &place, 1, NULL, &scored), TL_E_USAGE);       /* another text */
    for (size_t at = 0; at < n_bytes; at += at < 200 ? 1 : n_bytes / 40) {
        bytes[at] ^= 0x40;
        make_file(place.checkpoint, bytes, n_bytes);
        if (score(engine, &place, 0, NULL, &scored) >= 0)
            fail_msg("byte %zu of the checkpoint is damaged, and nobody says so", at);
        bytes[at] ^= 0x40;
    }
    for (size_t n = 0; n < n_bytes; n += 1 + n_bytes / 30) {
        make_file(place.checkpoint, bytes, n);
        assert_true(score(engine, &place, 0, NULL, &scored) < 0);
    }
    tl_engine_close(engine);
    for (int streamed = 0; streamed < 2; streamed++) {       /* the second finds the teacher's file in its place already */
        engine = open_engine(streamed);
        make_file(place.checkpoint, bytes, n_bytes);
        if (score(engine, &place, 0, NULL, &scored) < 0)
            fail_msg("%s", tl_error_text());
        assert_true(scored.resumed > 0 && scored.tokens == whole.tokens && scored.nll_sum == whole.nll_sum);
        compare(&expected, &place, "whole again", streamed);
        tl_engine_close(engine);
    }
    tl_free(bytes);
    clear_place(&expected);
    clear_place(&place);
}

/* --- what cannot be ----------------------------------------------------------------------------------------------- */

static void test_usage(void **state)
{
    int32_t ids[IDS];
    struct tl_scored scored;
    struct tl_engine *plain, *sweeps = open_engine(false);
    struct tl_engine_options options = { .context = WINDOW, .score_tokens = IDS };
    (void)state;
    make_ids(ids, 0);
    const struct { uint32_t window, stride, draws; const char *teacher, *router; } rows[] = {
        { 1, 1, 1, NULL, NULL }, { WINDOW + 1, 1, 1, NULL, NULL }, { 10, 11, 1, NULL, NULL }, { 10, 0, 1, NULL, NULL },
        { 10, 10, 0, "/tmp/trill-none", NULL }, { 10, 10, 256, "/tmp/trill-none", NULL } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tl_score how = { .window = rows[i].window, .stride = rows[i].stride, .draws = rows[i].draws, .teacher = rows[i].teacher };
        assert_int_equal(tl_score(sweeps, ids, IDS, &how, NULL, &scored), TL_E_USAGE);
    }
    struct tl_score nowhere = { .window = 10, .stride = 10, .draws = 3, .teacher = "/nowhere/at/all" };
    assert_int_equal(tl_score(sweeps, ids, IDS, &nowhere, NULL, &scored), TL_E_IO);
    assert_int_equal(tl_engine_open(model_path, &options, &plain), 0);
    struct tl_score router = { .window = 10, .stride = 10, .router = "/tmp/trill-none" };
    assert_int_equal(tl_score(plain, ids, IDS, &router, NULL, &scored), TL_E_USAGE);     /* no room was laid out for it */
    tl_engine_close(plain);
    ids[200] = 1 << 30;
    struct tl_score good = { .window = 10, .stride = 10 };
    assert_int_equal(tl_score(sweeps, ids, IDS, &good, NULL, &scored), TL_E_USAGE);
    ids[200] = 5;
    ids[29] = 1 << 30;                   /* of no other use than as a target */
    assert_int_equal(tl_score(sweeps, ids, 30, &good, NULL, &scored), TL_E_USAGE);
    assert_int_equal(tl_score(sweeps, ids, 1, &good, NULL, &scored), 0);
    assert_int_equal(scored.tokens, 0);
    tl_engine_close(sweeps);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_kill), cmocka_unit_test(test_each_access_fails), cmocka_unit_test(test_damaged),
                                        cmocka_unit_test(test_usage) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
