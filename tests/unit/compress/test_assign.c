/* SPDX-License-Identifier: MIT */
/* Formats within a size: on a golden model the size is kept and used, more room never leaves more error, what a scheme fixed stays, and so does what is small enough,
 * threads change nothing, and sizes that no choice gives are refused with both ends. */
#include <math.h>
#include <string.h>

#include "compress/assign.h"
#include "compress/quantize.h"
#include "folder.h"
#include "model_at_hand.h"

static int assign(struct at_hand *h, double bits, uint64_t size_bytes, uint32_t threads)
{
    struct tl_pool *pool = NULL;
    struct tl_progress progress = {0};
    uint64_t *n_elems = tl_alloc(h->n, sizeof(*n_elems));
    assert_non_null(n_elems);
    for (uint64_t i = 0; i < h->n; i++)
        n_elems[i] = tl_modelfile_tensor(h->file, i)->n_elems;
    must(tl_pool_new(threads, &pool));
    uint64_t around = tl_modelfile_bytes(h->file);
    for (uint64_t i = 0; i < h->n; i++)
        around -= tl_modelfile_tensor(h->file, i)->n_bytes;
    int r = tl_assign(&(struct tl_assign){.file = h->file, .places = h->places, .n_elems = n_elems, .n_layers = 2, .pool = pool, .bits = bits,
                                          .size_bytes = size_bytes, .around_bytes = around, .progress = &progress},
                      h->numbers);
    tl_free(n_elems);
    tl_pool_free(pool);
    return r;
}

static uint64_t stored(const struct at_hand *h)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < h->n; i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(h->file, i);
        uint64_t n_bytes = tensor->n_bytes;
        if (h->numbers[i])
            assert_true(tl_number_bytes(h->numbers[i], tensor->n_elems, &n_bytes));
        sum += n_bytes;
    }
    return sum;
}

static uint64_t elems(const struct at_hand *h)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < h->n; i++)
        sum += tl_modelfile_tensor(h->file, i)->n_elems;
    return sum;
}

static void clear(struct at_hand *h) { memset(h->numbers, 0, h->n * sizeof(*h->numbers)); }

/* Squared error over all matrices, each relative to its own values: what is made least, but for the weights of roles. */
static double lost(const struct at_hand *h)
{
    double sum = 0;
    for (uint64_t i = 0; i < h->n; i++) {
        const struct tl_tensor *t = tl_modelfile_tensor(h->file, i);
        uint64_t n_bytes;
        double error = 0, power = 0;
        if (!h->numbers[i] || h->numbers[i] == t->number)
            continue;
        assert_true(tl_number_bytes(h->numbers[i], t->n_elems, &n_bytes));
        float *values = tl_alloc(t->n_elems, sizeof(float)), *back = tl_alloc(t->n_elems, sizeof(float));
        uint8_t *bytes = tl_alloc(n_bytes, 1);
        assert_true(values && back && bytes);
        must(tl_modelfile_read(h->file, t, 0, values, t->n_bytes));
        uint64_t cols = t->shape[t->n_dims - 1], row = n_bytes / (t->n_elems / cols);
        for (uint64_t r = 0; r < t->n_elems / cols; r++)
            if (h->numbers[i]->fit)
                h->numbers[i]->fit(values + r * cols, NULL, cols, bytes + r * row);
            else
                h->numbers[i]->encode(values + r * cols, cols, bytes + r * row);
        tl_number_decode(h->numbers[i], bytes, t->n_elems, back);
        for (uint64_t k = 0; k < t->n_elems; k++) {
            error += ((double)back[k] - (double)values[k]) * ((double)back[k] - (double)values[k]);
            power += (double)values[k] * (double)values[k];
        }
        sum += error / power;
        tl_free(values);
        tl_free(back);
        tl_free(bytes);
    }
    return sum;
}

static const char *const models[] = {"llama", "qwen3_moe", "gemma3", "deepseek_v3", "qwen3_next"};

static void within(void **state)
{
    (void)state;
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        struct at_hand h;
        double last = INFINITY;
        uint64_t last_bytes = 0;
        at_hand_open(&h, golden_file("%s/model.gguf", models[m]));
        for (double bits = 6; bits <= 24; bits += 1) {
            clear(&h);
            if (assign(&h, bits, 0, 1) < 0) {
                assert_true(last_bytes == 0);                        /* only below the least */
                continue;
            }
            uint64_t bytes = stored(&h);
            double now = lost(&h);
            assert_true((double)bytes * 8 <= bits * (double)elems(&h));
            assert_true(bytes >= last_bytes);
            if (now > last * 2 + 1e-9)
                fail_msg("%s: %g bits leave an error of %g, one bit less %g", models[m], bits, now, last);
            last = now;
            last_bytes = bytes;
        }
        assert_true(last_bytes > 0 && last < 0.01);
        at_hand_close(&h);
    }
}

static void ends(void **state)
{
    (void)state;
    struct at_hand h;
    at_hand_open(&h, golden_file("llama/model.gguf"));
    assert_int_equal(assign(&h, 1, 0, 1), TL_E_USAGE);
    assert_non_null(strstr(tl_error_text(), "are too few"));
    assert_non_null(strstr(tl_error_text(), "--importance"));
    assert_int_equal(assign(&h, 0, 100, 1), TL_E_USAGE);
    must(assign(&h, 7.5, 0, 1));
    assert_int_equal(h.numbers[at_hand_index(&h, "blk.0.ffn_down.weight")]->id, TL_NUMBER_F16);  /* no blocks have 56 columns */
    clear(&h);
    must(assign(&h, 32, 0, 1));                                      /* nothing needs to be lost */
    for (uint64_t i = 0; i < h.n; i++)
        assert_true(!h.numbers[i] || h.numbers[i] == tl_modelfile_tensor(h.file, i)->number);
    assert_null(h.numbers[at_hand_index(&h, "blk.0.attn_norm.weight")]);
    at_hand_close(&h);
}

/* What is in few bits already stays as it is where the size allows it: another format could only lose, whatever its bits. */
static void keeps_own(void **state)
{
    (void)state;
    struct at_hand h;
    struct tl_quantize_report report;
    const struct tl_quantize_how how = {.input = golden_file("llama/model.gguf"), .output = in_folder("few.gguf"), .scheme = "* iq4_nl", .threads = 1};
    must(tl_quantize(&how, NULL, &report));
    at_hand_open(&h, in_folder("few.gguf"));
    must(assign(&h, report.bits + 1e-6, 0, 1));
    for (uint64_t i = 0; i < h.n; i++)
        assert_true(!h.numbers[i] || h.numbers[i] == tl_modelfile_tensor(h.file, i)->number);
    at_hand_close(&h);
}

/* A size is that of the file, header and metadata included. */
static void of_file(void **state)
{
    (void)state;
    struct at_hand h;
    uint64_t sum = 0;
    at_hand_open(&h, golden_file("llama/model.gguf"));
    for (uint64_t i = 0; i < h.n; i++)
        sum += tl_modelfile_tensor(h.file, i)->n_bytes;
    uint64_t around = tl_modelfile_bytes(h.file) - sum, least = 0;
    must(assign(&h, 8, 0, 1));
    least = stored(&h);
    clear(&h);
    must(assign(&h, 0, least + around, 1));
    assert_true(stored(&h) <= least && (double)stored(&h) > 0.8 * (double)least);
    at_hand_close(&h);
}

static void keeps_fixed(void **state)
{
    (void)state;
    struct at_hand h;
    at_hand_open(&h, golden_file("llama/model.gguf"));
    uint64_t at = at_hand_index(&h, "output.weight");
    h.numbers[at] = tl_number(TL_NUMBER_BF16);
    must(assign(&h, 12, 0, 1));
    assert_int_equal(h.numbers[at]->id, TL_NUMBER_BF16);
    assert_true((double)stored(&h) * 8 <= 12 * (double)elems(&h));
    at_hand_close(&h);
}

static void threads(void **state)
{
    (void)state;
    struct at_hand one, two;
    at_hand_open(&one, golden_file("qwen3_moe/model.gguf"));
    at_hand_open(&two, golden_file("qwen3_moe/model.gguf"));
    must(assign(&one, 9, 0, 1));
    must(assign(&two, 9, 0, 2));
    assert_memory_equal(one.numbers, two.numbers, one.n * sizeof(*one.numbers));
    at_hand_close(&one);
    at_hand_close(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(within), cmocka_unit_test(ends), cmocka_unit_test(keeps_own), cmocka_unit_test(of_file), cmocka_unit_test(keeps_fixed),
                                       cmocka_unit_test(threads)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
