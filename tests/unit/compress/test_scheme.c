/* SPDX-License-Identifier: MIT */
/* Schemes: what lines do to the tensors of golden models, which lines are refused with which sentence, that formats give way where
 * rows have no whole blocks of them, and that a scheme that is written says the same when it is read. */
#include <string.h>

#include "compress/scheme.h"
#include "model_at_hand.h"

static void read_scheme(const char *text, struct tl_scheme **ret_scheme) { must(tl_scheme_new("f", text, strlen(text), ret_scheme)); }

static void apply(struct at_hand *h, const char *text, bool force)
{
    struct tl_scheme *scheme;
    memset(h->numbers, 0, h->n * sizeof(*h->numbers));
    read_scheme(text, &scheme);
    must(tl_scheme_apply(scheme, h->file, h->places, tl_model_geometry(h->model)->n_layers, force, h->numbers));
    tl_scheme_free(scheme);
}

/* What becomes of a tensor; NULL: no line matches it. */
static const struct { const char *model, *text, *tensor, *format; } rows[] = {
    {"llama", "q4_0", "blk.0.attn_q.weight", "q4_0"},
    {"llama", "* q4_0", "output.weight", "q4_0"},
    {"llama", "q4_0", "blk.0.attn_norm.weight", NULL},
    {"llama", "q4_0", "rope_freqs.weight", NULL},
    {"llama", "q4_0", "blk.0.ffn_down.weight", "f32"},                            /* 56 columns */
    {"llama", "q3_k", "blk.0.attn_q.weight", "iq4_nl"},                           /* 32 columns */
    {"llama", "q6_k", "blk.0.attn_q.weight", "q8_0"},
    {"llama", "f16", "blk.0.ffn_down.weight", "f16"},
    {"llama", "* q4_0\nattention q8_0", "blk.1.attn_v.weight", "q8_0"},
    {"llama", "* q4_0\nattention q8_0", "blk.1.ffn_up.weight", "q4_0"},
    {"llama", "attention q8_0\n* q4_0", "blk.1.attn_v.weight", "q4_0"},           /* the last decides */
    {"llama", "attention 1 q8_0", "blk.1.attn_v.weight", "q8_0"},
    {"llama", "attention 1 q8_0", "blk.0.attn_v.weight", NULL},
    {"llama", "attention -1 q8_0", "blk.1.attn_v.weight", "q8_0"},
    {"llama", "attention -1 q8_0", "blk.0.attn_v.weight", NULL},
    {"llama", "attention 0-1 q8_0", "blk.0.attn_v.weight", "q8_0"},
    {"llama", "attention -2--1 q8_0", "blk.0.attn_v.weight", "q8_0"},
    {"llama", "* -9-1 q8_0", "blk.0.attn_v.weight", "q8_0"},
    {"llama", "* -9-1 q8_0", "output.weight", NULL},                              /* of no layer */
    {"llama", "attention 5,0 q8_0", "blk.0.attn_v.weight", "q8_0"},
    {"llama", "* q4_0\n*.attn_k.* keep", "blk.0.attn_k.weight", "f32"},
    {"llama", "* q4_0\nblk.?.ffn_up.weight 1 bf16", "blk.1.ffn_up.weight", "bf16"},
    {"llama", "* q4_0\nblk.?.ffn_up.weight 1 bf16", "blk.0.ffn_up.weight", "q4_0"},
    {"llama", "embedding q8_0", "token_embd.weight", "q8_0"},
    {"llama", "head q8_0 # more words\n\n  # none\n", "output.weight", "q8_0"},
    {"llama", "output_norm.weight bf16", "output_norm.weight", "bf16"},           /* named, so rounded */
    {"qwen3_moe", "q4_0", "blk.0.ffn_gate_inp.weight", NULL},
    {"qwen3_moe", "q4_0", "blk.0.ffn_gate_exps.weight", "q4_0"},
    {"qwen3_moe", "router f16", "blk.0.ffn_gate_inp.weight", "f16"},
    {"qwen3_moe", "experts 1 q8_0", "blk.1.ffn_up_exps.weight", "q8_0"},
    {"deepseek_v3", "shared q8_0", "blk.1.ffn_gate_shexp.weight", "q8_0"},
    {"gpt_oss-mxfp4", "q8_0", "blk.0.ffn_gate_exps.weight", NULL},                /* as its vendor trained it */
};

static void lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct at_hand h;
        at_hand_open(&h, golden_file("%s/model.gguf", rows[i].model));
        apply(&h, rows[i].text, false);
        const struct tl_number *number = h.numbers[at_hand_index(&h, rows[i].tensor)];
        if (!number != !rows[i].format || (number && strcmp(number->name, rows[i].format) != 0))
            fail_msg("%s, \"%s\": %s becomes %s, expected %s", rows[i].model, rows[i].text, rows[i].tensor, number ? number->name : "what it was",
                     rows[i].format ? rows[i].format : "what it was");
        at_hand_close(&h);
    }
}

static void native(void **state)
{
    (void)state;
    struct at_hand h;
    at_hand_open(&h, golden_file("gpt_oss-mxfp4/model.gguf"));
    apply(&h, "q8_0", true);
    assert_string_equal(h.numbers[at_hand_index(&h, "blk.0.ffn_gate_exps.weight")]->name, "q8_0");
    at_hand_close(&h);
}

static const struct { const char *text, *sentence; } bad[] = {
    {"", "f: no line says a format"},
    {"# q4_0\n\n", "f: no line says a format"},
    {"q4_9", "f:1: \"q4_9\" is no number format"},
    {"* q4_0\nattention 3", "f:2: \"3\" is no number format"},
    {"atention q4_0", "f:1: \"atention\" is no part of a model"},
    {"a b c d", "f:1: expected WHAT [LAYERS] FORMAT"},
    {"attention x q4_0", "f:1: layers \"x\""},
    {"attention 1- q4_0", "has a first and a last"},
    {"attention 1,,2 q4_0", "f:1: layers"},
    {"attention 1;2 q4_0", "f:1: layers"},
    {"attention 0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0 q4_0", "f:1: layers"},
    {"attention 99999999999999999999 q4_0", "f:1: layers"},
};

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tl_scheme *scheme = NULL;
        assert_int_equal(tl_scheme_new("f", bad[i].text, strlen(bad[i].text), &scheme), TL_E_USAGE);
        assert_null(scheme);
        if (!strstr(tl_error_text(), bad[i].sentence))
            fail_msg("\"%s\": \"%s\" has no \"%s\"", bad[i].text, tl_error_text(), bad[i].sentence);
    }
}

/* A recipe that says nothing about this model is a mistake in it. */
static void matches_nothing(void **state)
{
    static const char *const texts[] = {"* q4_0\nexperts q8_0", "* q4_0\nblk.7.* q8_0", "* q4_0\nattention 2 q8_0", "* q4_0\nattention -3 q8_0", "* q4_0\n*.none q8_0"};
    (void)state;
    struct at_hand h;
    at_hand_open(&h, golden_file("llama/model.gguf"));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct tl_scheme *scheme;
        read_scheme(texts[i], &scheme);
        assert_int_equal(tl_scheme_apply(scheme, h.file, h.places, 2, false, h.numbers), TL_E_USAGE);
        assert_non_null(strstr(tl_error_text(), "f:2: "));
        assert_non_null(strstr(tl_error_text(), "matches no tensor of"));
        tl_scheme_free(scheme);
    }
    at_hand_close(&h);
}

/* Nor has a part without matrices anything that a line about it could mean. */
static void norms(void **state)
{
    (void)state;
    struct at_hand h;
    struct tl_scheme *scheme;
    at_hand_open(&h, golden_file("llama/model.gguf"));
    read_scheme("* q4_0\nnorms f16", &scheme);
    assert_int_equal(tl_scheme_apply(scheme, h.file, h.places, 2, false, h.numbers), TL_E_USAGE);
    assert_non_null(strstr(tl_error_text(), "f:2: \"norms\" are vectors alone, such as "));
    assert_non_null(strstr(tl_error_text(), "norm.weight of "));
    tl_scheme_free(scheme);
    at_hand_close(&h);
}

/* Every format has one that takes its place in rows of 32, and none becomes narrower than it was. */
static void gives_way(void **state)
{
    (void)state;
    for (int i = 0; i < TL_NUMBERS; i++) {
        const struct tl_number *number = tl_number((enum tl_number_id)i);
        struct tl_tensor tensor = {.n_dims = 2, .shape = {4, 96}, .number = tl_number(TL_NUMBER_F32)};
        const struct tl_number *got = tl_scheme_fitting(&tensor, number);
        assert_int_equal(96 % got->block_elems, 0);
        if (96 % number->block_elems == 0)
            assert_ptr_equal(got, number);
        else if (number->gguf_type >= 0)
            assert_true(got->block_elems == 32 && (double)got->block_bytes / 32 >= (double)number->block_bytes / number->block_elems);
        tensor.shape[1] = 33;
        assert_ptr_equal(tl_scheme_fitting(&tensor, number), number->block_elems == 1 ? number : tensor.number);
    }
}

static const struct tl_number *becomes(const struct at_hand *h, const struct tl_number *const *numbers, uint64_t i)
{
    return numbers[i] ? numbers[i] : tl_modelfile_tensor(h->file, i)->number;
}

/* Also of tensors that no line is about, which stay, and of vectors that are named. */
static void written_again(void **state)
{
    static const char *const texts[] = {"* q4_0\nattention 0 q8_0\nhead bf16", "attention q8_0", "*.weight f16", "* keep\noutput_norm.weight bf16", "q6_k"};
    (void)state;
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
        struct at_hand h;
        const struct tl_number *before[64];
        char *text = NULL;
        at_hand_open(&h, golden_file("llama/model.gguf"));
        apply(&h, texts[t], false);
        assert_true(h.n <= 64);
        memcpy(before, h.numbers, h.n * sizeof(*before));
        must(tl_scheme_write(h.file, h.places, h.numbers, &text));
        apply(&h, text, false);
        for (uint64_t i = 0; i < h.n; i++)
            if (becomes(&h, before, i) != becomes(&h, h.numbers, i))
                fail_msg("\"%s\" is written as \"%s\", which says another thing of %s", texts[t], text, tl_modelfile_tensor(h.file, i)->name);
        tl_free(text);
        at_hand_close(&h);
    }
}

static void not_stored(void **state)
{
    static const struct { const char *path, *format, *sentence; } stores[] = {
        {"llama/model.gguf", "int4_g32", "f:1: GGUF stores no int4_g32"},
        {"llama/model.gguf", "fp8_b128", "f:1: GGUF stores no fp8_b128"},
        {"llama", "q4_0", "f:1: safetensors stores no q4_0: an output that ends in .gguf does"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++) {
        struct at_hand h;
        struct tl_scheme *scheme;
        at_hand_open(&h, golden_file("%s", stores[i].path));
        read_scheme(stores[i].format, &scheme);
        assert_int_equal(tl_scheme_apply(scheme, h.file, h.places, 2, false, h.numbers), TL_E_USAGE);
        assert_string_equal(tl_error_text(), stores[i].sentence);
        tl_scheme_free(scheme);
        at_hand_close(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines), cmocka_unit_test(native), cmocka_unit_test(refused), cmocka_unit_test(matches_nothing), cmocka_unit_test(norms),
                                       cmocka_unit_test(gives_way), cmocka_unit_test(written_again), cmocka_unit_test(not_stored)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
