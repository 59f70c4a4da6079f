/* SPDX-License-Identifier: MIT */
/* Writes a qwen3moe model with random q4_0 weights, for timing what streams from the drive.
 *   make_model TOKENIZER.gguf OUT.gguf LAYERS [WIDTH EXPERTS USED FF HEADS KV_HEADS]
 * The tokenizer's metadata is copied. Without more: d 4096, 128 experts, 8 used, ff 1536, 32 heads, 4 KV heads of 128: the
 * 108 B geometry with 44 layers (61 GB), 1.4 GB a layer. Routing is near uniform. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "modelfile/writer.h"

struct shape { uint64_t layers, width, experts, used, ff, heads, kv_heads, vocab; };
enum { HEAD = 128, PIECE = 4 << 20 };
static uint64_t state = 88172645463325252u;
static uint8_t piece[PIECE];

static void check(int status)
{
    if (status >= 0)
        return;
    fprintf(stderr, "make_model: %s\n", tl_error_text());
    exit(1);
}

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

struct row { const char *name; enum tl_number_id number; uint32_t n_dims; uint64_t shape[3]; };

/* q4_0 with values of this standard deviation. */
static void write_q4(struct tl_writer *writer, uint64_t n_elems, double deviation)
{
    uint16_t scale = tl_f32_to_f16((float)(deviation / 4.6));
    uint64_t left = n_elems / 32 * 18;
    while (left) {
        uint64_t n = left < PIECE / 18 * 18 ? left : PIECE / 18 * 18;
        for (uint64_t i = 0; i + 8 <= PIECE; i += 8) {
            uint64_t bits = next_random();
            memcpy(piece + i, &bits, 8);
        }
        for (uint64_t i = 0; i < n; i += 18) {           /* codes mean -0.5 on average: signs make that cancel */
            uint16_t signed_scale = (uint16_t)(scale | (piece[i] & 1) << 15);
            memcpy(piece + i, &signed_scale, 2);
        }
        check(tl_writer_bytes(writer, piece, n));
        left -= n;
    }
}

static void write_f32(struct tl_writer *writer, uint64_t n_elems, float spread)
{
    float *values = malloc(n_elems * sizeof(float));
    for (uint64_t i = 0; i < n_elems; i++)
        values[i] = spread > 0 ? spread * ((float)(next_random() >> 40) * 0x1p-23f - 1) : 1;
    check(tl_writer_bytes(writer, values, n_elems * sizeof(float)));
    free(values);
}

static size_t list(const struct shape *s, struct row *rows)
{
    static char names[8192][48];
    size_t n = 0;
    uint64_t q = s->heads * HEAD, kv = s->kv_heads * HEAD, d = s->width, e = s->experts;
    rows[n++] = (struct row){"token_embd.weight", TL_NUMBER_Q4_0, 2, {s->vocab, d}};
    for (uint64_t l = 0; l < s->layers; l++) {
        const struct row layer[] = {
            {"attn_norm", TL_NUMBER_F32, 1, {d}}, {"attn_q", TL_NUMBER_Q4_0, 2, {q, d}}, {"attn_k", TL_NUMBER_Q4_0, 2, {kv, d}},
            {"attn_v", TL_NUMBER_Q4_0, 2, {kv, d}}, {"attn_output", TL_NUMBER_Q4_0, 2, {d, q}}, {"attn_q_norm", TL_NUMBER_F32, 1, {HEAD}},
            {"attn_k_norm", TL_NUMBER_F32, 1, {HEAD}}, {"ffn_norm", TL_NUMBER_F32, 1, {d}}, {"ffn_gate_inp", TL_NUMBER_F32, 2, {e, d}},
            {"ffn_gate_exps", TL_NUMBER_Q4_0, 3, {e, s->ff, d}}, {"ffn_up_exps", TL_NUMBER_Q4_0, 3, {e, s->ff, d}},
            {"ffn_down_exps", TL_NUMBER_Q4_0, 3, {e, d, s->ff}},
        };
        for (size_t i = 0; i < sizeof(layer) / sizeof(layer[0]); i++, n++) {
            rows[n] = layer[i];
            snprintf(names[n], sizeof(names[n]), "blk.%llu.%s.weight", (unsigned long long)l, layer[i].name);
            rows[n].name = names[n];
        }
    }
    rows[n++] = (struct row){"output_norm.weight", TL_NUMBER_F32, 1, {d}};
    rows[n++] = (struct row){"output.weight", TL_NUMBER_Q4_0, 2, {s->vocab, d}};
    return n;
}

static void write_metas(struct tl_writer *writer, const struct tl_modelfile *from, const struct shape *s)
{
    for (uint64_t i = 0; i < tl_modelfile_metas(from); i++)
        if (!strncmp(tl_modelfile_meta_at(from, i)->key, "tokenizer.", 10))
            check(tl_writer_meta(writer, tl_modelfile_meta_at(from, i)));
    check(tl_writer_string(writer, "general.architecture", "qwen3moe", 8));
    const struct { const char *key; uint64_t value; } values[] = {
        {"block_count", s->layers}, {"context_length", 40960}, {"embedding_length", s->width}, {"feed_forward_length", s->ff},
        {"attention.head_count", s->heads}, {"attention.head_count_kv", s->kv_heads}, {"attention.key_length", HEAD},
        {"attention.value_length", HEAD}, {"expert_count", s->experts}, {"expert_used_count", s->used}, {"expert_feed_forward_length", s->ff},
        {"rope.dimension_count", HEAD},
    };
    char key[80];
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        snprintf(key, sizeof(key), "qwen3moe.%s", values[i].key);
        check(tl_writer_u64(writer, key, values[i].value));
    }
    check(tl_writer_f64(writer, "qwen3moe.attention.layer_norm_rms_epsilon", 1e-6));
    check(tl_writer_f64(writer, "qwen3moe.rope.freq_base", 1e6));
}

int main(int argc, char **argv)
{
    struct shape s = {0, 4096, 128, 8, 1536, 32, 4, 32768};
    uint64_t *const given[] = {&s.layers, &s.width, &s.experts, &s.used, &s.ff, &s.heads, &s.kv_heads};
    struct tl_modelfile *from;
    struct tl_writer *writer;
    static struct row rows[8192];
    if (argc < 4 || argc > 10)
        return 2;
    for (int i = 3; i < argc; i++)
        *given[i - 3] = strtoull(argv[i], NULL, 10);
    check(tl_modelfile_open(argv[1], &from));
    const struct tl_meta *tokens = tl_modelfile_meta(from, "tokenizer.ggml.tokens");
    s.vocab = tokens ? tokens->count : s.vocab;
    check(tl_writer_open(argv[2], TL_MODELFILE_GGUF, &writer));
    write_metas(writer, from, &s);
    size_t n = list(&s, rows);
    for (size_t i = 0; i < n; i++)
        check(tl_writer_tensor(writer, rows[i].name, tl_number(rows[i].number), rows[i].n_dims, rows[i].shape));
    check(tl_writer_begin(writer));
    for (size_t i = 0; i < n; i++) {
        uint64_t elems = rows[i].shape[0] * (rows[i].n_dims > 1 ? rows[i].shape[1] : 1) * (rows[i].n_dims > 2 ? rows[i].shape[2] : 1);
        uint64_t cols = rows[i].shape[rows[i].n_dims - 1];
        if (rows[i].number == TL_NUMBER_F32)
            write_f32(writer, elems, rows[i].n_dims > 1 ? 0.05f : 0);
        else
            write_q4(writer, elems, i == 0 ? 4 : 1 / sqrt((double)cols));    /* the token outweighs its context: routing spreads */
    }
    check(tl_writer_commit(writer));
    tl_writer_close(writer);
    tl_modelfile_close(from);
    return 0;
}
