/* SPDX-License-Identifier: MIT */
/* Stored references: distances are right within their own noise, exact for small vocabularies and 0 for the same logits; what is
 * damaged, another's or malicious is not used; memory and drives that fail are statuses. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "compress/reference.h"
#include "compress/stats.h"

enum { SMALL = 300, LARGE = 4000, ROWS = 400, GROUP = 50 };

static char path[100];

static double uniform(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(*seed >> 11) / 9007199254740992.0;
}

/* A row of the reference, or one near it. */
static void make(uint32_t vocab, uint64_t index, double noise, float *logits)
{
    uint64_t seed = index * 977 + 1, other = index * 31 + 7;
    for (uint32_t i = 0; i < vocab; i++)
        logits[i] = (float)(6 * (uniform(&seed) + uniform(&seed) + uniform(&seed)) + noise * (uniform(&other) - 0.5));
}

/* With the weights that scoring gives. */
static struct tl_score_row row_of(uint32_t vocab, uint64_t index, const float *logits, float *weights)
{
    struct tl_score_row row = {.target = index, .logits = logits, .weights = weights, .most = logits[0]};
    for (uint32_t i = 0; i < vocab; i++)
        row.most = logits[i] > row.most ? logits[i] : row.most;
    for (uint32_t i = 0; i < vocab; i++)
        weights[i] = expf(logits[i] - row.most);
    return row;
}

static double exact_kl(uint32_t vocab, const float *p, const float *q)
{
    double sum_p = 0, sum_q = 0, kl = 0;
    for (uint32_t i = 0; i < vocab; i++) {
        sum_p += exp((double)p[i]);
        sum_q += exp((double)q[i]);
    }
    for (uint32_t i = 0; i < vocab; i++)
        kl += exp((double)p[i]) / sum_p * ((double)p[i] - (double)q[i] - log(sum_p) + log(sum_q));
    return kl;
}

static struct tl_reference_facts facts_of(uint32_t vocab) { return (struct tl_reference_facts){.model = {1}, .text = {2}, .vocab = vocab, .window = 8, .stride = 8}; }

static int store(uint32_t vocab)
{
    struct tl_reference_facts facts = facts_of(vocab);
    struct tl_reference *reference = NULL;
    TL_AUTO float *logits = tl_alloc(vocab, sizeof(*logits)), *weights = tl_alloc(vocab, sizeof(*weights));
    int status = logits && weights ? tl_reference_create(path, &facts, &reference) : TL_E_NOMEM;
    for (uint64_t i = 0; i < ROWS && status >= 0; i++) {
        make(vocab, i, 0, logits);
        struct tl_score_row row = row_of(vocab, i, logits, weights);
        tl_reference_take(reference, (uint32_t)(i % GROUP), (int32_t)(i % vocab), &row);
        if (i % GROUP == GROUP - 1)
            status = tl_reference_put(reference, GROUP);
    }
    if (status >= 0)
        status = tl_reference_commit(reference);
    tl_reference_close(reference);
    return status;
}

/* Means over all rows: what was found, what is true. */
static void compare(const struct tl_reference *reference, uint32_t vocab, double noise, struct tl_tally *found, struct tl_tally *off)
{
    float *p = malloc(vocab * sizeof(*p)), *q = malloc(vocab * sizeof(*q)), *weights = malloc(vocab * sizeof(*weights));
    for (uint64_t i = 0; i < ROWS; i++) {
        struct tl_compared compared;
        make(vocab, i, 0, p);
        make(vocab, i, noise, q);
        struct tl_score_row row = row_of(vocab, i, q, weights);
        assert_int_equal(tl_reference_compare(reference, i, (int32_t)(i % vocab), &row, &compared), 0);
        assert_true(compared.kl >= -1e-6);
        tl_tally_add(found, compared.kl);
        tl_tally_add(off, compared.kl - exact_kl(vocab, p, q));
    }
    free(p);
    free(q);
    free(weights);
}

static const struct { uint32_t vocab; double noise, bound; } cases[] = {
    {SMALL, 0.5, 2e-6}, {SMALL, 8, 2e-5}, {LARGE, 0.5, 0}, {LARGE, 3, 0}, {LARGE, 8, 0}, {TL_REFERENCE_WHOLE, 2, 5e-6}, {TL_REFERENCE_WHOLE + 1, 2, 0},
};

static void distances(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tl_reference_facts facts = facts_of(cases[i].vocab);
        struct tl_reference *reference;
        struct tl_tally found = {0}, off = {0}, same = {0}, ignored = {0};
        assert_int_equal(store(cases[i].vocab), 0);
        assert_int_equal(tl_reference_open(path, &facts, NULL, &reference), 1);
        assert_int_equal(tl_reference_rows(reference), ROWS);
        compare(reference, cases[i].vocab, cases[i].noise, &found, &off);
        compare(reference, cases[i].vocab, 0, &same, &ignored);
        struct tl_eval_mean mean = tl_tally_mean(&off), kl = tl_tally_mean(&found);
        if (cases[i].bound > 0 ? fabs(mean.mean) > cases[i].bound : fabs(mean.mean) > 4 * mean.se + 1e-6)
            fail_msg("vocabulary %u, noise %g: KL %g is off by %g, standard error %g", cases[i].vocab, cases[i].noise, kl.mean, mean.mean, mean.se);
        assert_true(mean.se < 0.75 * kl.se);                     /* the noise is not what the error is made of */
        assert_true(same.sum == 0 && same.squares == 0);
        tl_reference_close(reference);
    }
    unlink(path);
}

static void others(void **state)
{
    struct tl_reference_facts facts = facts_of(SMALL), other = facts;
    struct tl_reference *reference;
    (void)state;
    unlink(path);
    assert_int_equal(tl_reference_open(path, &facts, NULL, &reference), 0);
    assert_int_equal(store(SMALL), 0);
    other.model[5] = 1;
    assert_int_equal(tl_reference_open(path, &other, NULL, &reference), 0);
    other = facts;
    other.window = 9;
    assert_int_equal(tl_reference_open(path, &other, NULL, &reference), 0);
    unlink(path);
}

static void write_back(const char *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
}

/* Every kind of damage: the file is as good as none. */
static void damage(void **state)
{
    struct tl_reference_facts facts = facts_of(SMALL);
    struct tl_reference *reference;
    char *bytes;
    size_t n;
    (void)state;
    assert_int_equal(store(SMALL), 0);
    assert_int_equal(tl_file_slurp(path, 1 << 24, &bytes, &n), 0);
    for (size_t at = 0; at < n; at += at < 200 ? 1 : n / 37) {
        bytes[at] ^= 4;
        write_back(bytes, n);
        bytes[at] ^= 4;
        assert_int_equal(tl_reference_open(path, &facts, NULL, &reference), 0);
    }
    for (size_t cut = 0; cut < n; cut += n / 23) {
        write_back(bytes, cut);
        assert_int_equal(tl_reference_open(path, &facts, NULL, &reference), 0);
    }
    tl_free(bytes);
    unlink(path);
}

/* A checksum that is right does not make ids right. */
static void malice(void **state)
{
    struct tl_reference_facts facts = facts_of(SMALL);
    struct tl_reference *reference;
    struct tl_compared compared;
    float logits[SMALL], weights[SMALL];
    char *bytes;
    size_t n;
    (void)state;
    assert_int_equal(store(SMALL), 0);
    assert_int_equal(tl_file_slurp(path, 1 << 24, &bytes, &n), 0);
    memset(bytes + 104 + 16, 0x7f, 4);
    tl_sha256_of(bytes, n - TL_SHA256_BYTES, (uint8_t *)bytes + n - TL_SHA256_BYTES);
    write_back(bytes, n);
    tl_free(bytes);
    assert_int_equal(tl_reference_open(path, &facts, NULL, &reference), 1);
    make(SMALL, 0, 0, logits);
    struct tl_score_row row = row_of(SMALL, 0, logits, weights);
    assert_int_equal(tl_reference_compare(reference, 0, 0, &row, &compared), TL_E_FILE);
    assert_int_equal(tl_reference_compare(reference, 1, 0, &row, &compared), TL_E_FILE);         /* of another token */
    assert_int_equal(tl_reference_compare(reference, ROWS, 0, &row, &compared), TL_E_FILE);
    tl_reference_close(reference);
    unlink(path);
}

static void failures(void **state)
{
    struct tl_reference_facts facts = facts_of(SMALL);
    struct tl_reference *reference;
    (void)state;
    for (int what = 0; what < 2; what++)
        for (long k = 0;; k++) {
            (what ? tl_file_fail_after : tl_memory_fail_after)(k);
            int status = store(SMALL), opened = status < 0 ? 0 : tl_reference_open(path, &facts, NULL, &reference);
            tl_file_fail_after(-1);
            tl_memory_fail_after(-1);
            if (opened != 1 && access(path, F_OK) == 0)          /* what is there is whole */
                assert_int_equal(tl_reference_open(path, &facts, NULL, &reference), 1);
            if (opened == 1 || access(path, F_OK) == 0)
                tl_reference_close(reference);
            unlink(path);
            if (status >= 0 && opened == 1)
                break;
        }
}

/* Who comes second leaves the first alone. */
static void two_at_once(void **state)
{
    (void)state;
    struct tl_reference_facts facts = facts_of(SMALL);
    struct tl_reference *first, *second;
    assert_int_equal(tl_reference_create(path, &facts, &first), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tl_reference_create(path, &facts, &second), TL_E_USAGE);
        assert_non_null(strstr(tl_error_text(), "another process is writing it"));
    }
    tl_reference_close(first);
    assert_int_equal(store(SMALL), 0);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(distances), cmocka_unit_test(others), cmocka_unit_test(damage), cmocka_unit_test(malice),
                                       cmocka_unit_test(failures), cmocka_unit_test(two_at_once)};
    snprintf(path, sizeof(path), "/tmp/trill-reference-%ld", (long)getpid());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
