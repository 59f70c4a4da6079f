/* SPDX-License-Identifier: MIT */
/* Vector operations, the scalar truth. Element by element they follow math.h; sums and maxima run over 16 strided
 * partials (element i belongs to partial i mod 16, in order of i) that the fixed tree folds. */
#include "kernel/fill.h"

#include <math.h>

#include "kernel/ref/lanes.h"
#include "kernel/math.h"

static float ref_sum(const float *x, size_t n)
{
    float partial[16] = { 0 };
    for (size_t i = 0; i < n; i++)
        partial[i % 16] += x[i];
    return tl_tree16(partial);
}

/* A new value counts only where it is greater, so that NaN never does. Zeros of both signs and flushed subnormals are
 * equal, and which of them stays would depend on the instructions: adding 0 makes +0 of all. */
static float ref_max(const float *x, size_t n)
{
    float partial[16];
    for (int i = 0; i < 16; i++)
        partial[i] = -__builtin_inff();
    for (size_t i = 0; i < n; i++)
        partial[i % 16] = x[i] > partial[i % 16] ? x[i] : partial[i % 16];
    for (int width = 8; width >= 1; width /= 2)
        for (int i = 0; i < width; i++)
            partial[i] = partial[i + width] > partial[i] ? partial[i + width] : partial[i];
    return partial[0] + 0.0f;
}

static void ref_rms_norm(const float *x, const float *weight, size_t n, float epsilon, float *out)
{
    float partial[16] = { 0 };
    for (size_t i = 0; i < n; i++)
        partial[i % 16] = fmaf(x[i], x[i], partial[i % 16]);
    float r = 1.0f / sqrtf(tl_tree16(partial) / (float)n + epsilon);
    for (size_t i = 0; i < n; i++)
        out[i] = weight ? x[i] * r * weight[i] : x[i] * r;
}

static void ref_add(const float *x, const float *y, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] + y[i];
}

static void ref_scale(const float *x, float s, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] * s;
}

static void ref_exp(const float *x, float minus, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = tl_exp(x[i] - minus);
}

static void ref_silu_mul(const float *gate, const float *up, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = lanes_silu(lanes_set(gate[i])).v * up[i];
}

static void ref_gelu_mul(const float *gate, const float *up, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = lanes_gelu(lanes_set(gate[i])).v * up[i];
}

static void ref_clamped_mul(const float *gate, const float *up, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = lanes_clamped(lanes_set(gate[i]), lanes_set(up[i])).v;
}

static void ref_sigmoid_mul(const float *gate, const float *up, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = lanes_sigmoid_mul(lanes_set(gate[i]), lanes_set(up[i])).v;
}

static void ref_conv_silu(const float *const *taps, const float *weight, uint32_t n_taps, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        float sum = 0.0f;
        for (uint32_t t = 0; t < n_taps; t++)
            sum = fmaf(weight[t * n + i], taps[t][i], sum);
        out[i] = lanes_silu(lanes_set(sum)).v;
    }
}

static void ref_decay(const float *x, const float *bias, const float *rate, bool logarithm, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = lanes_decay(lanes_set(x[i] + bias[i]), lanes_set(logarithm ? 0.0f - tl_exp(rate[i]) : rate[i])).v;
}

static void ref_add_scaled(const float *x, float s, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = fmaf(x[i], s, out[i]);
}

static void ref_softcap(const float *x, float cap, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = lanes_softcap(lanes_set(x[i]), lanes_set(cap)).v;
}

static void ref_rope(float *head, uint32_t n_rot, const float *table, bool halves)
{
    uint32_t pairs = n_rot / 2;
    for (uint32_t i = 0; i < pairs; i++) {
        float *first = head + (halves ? i : 2 * i), *second = halves ? first + pairs : first + 1;
        float a = *first, b = *second, cosine = table[2 * i], sine = table[2 * i + 1];
        *first = fmaf(a, cosine, -(b * sine));
        *second = fmaf(b, cosine, a * sine);
    }
}

void tl_kernel_fill_ref_vector(struct tl_kernel *kernel)
{
    kernel->sum = ref_sum;
    kernel->max = ref_max;
    kernel->rms_norm = ref_rms_norm;
    kernel->add = ref_add;
    kernel->scale = ref_scale;
    kernel->add_scaled = ref_add_scaled;
    kernel->exp = ref_exp;
    kernel->silu_mul = ref_silu_mul;
    kernel->gelu_mul = ref_gelu_mul;
    kernel->clamped_mul = ref_clamped_mul;
    kernel->sigmoid_mul = ref_sigmoid_mul;
    kernel->conv_silu = ref_conv_silu;
    kernel->decay = ref_decay;
    kernel->softcap = ref_softcap;
    kernel->rope = ref_rope;
    kernel->attend = tl_attend_ref;
    kernel->delta = tl_delta_ref;
}
