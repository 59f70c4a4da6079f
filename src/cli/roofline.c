/* SPDX-License-Identifier: MIT */
/* Two limits and the larger of them. A multiply and an add are two operations, as in struct trill_peaks. */
#include "cli/roofline.h"

#include <string.h>
#include <strings.h>

/* Operations a second of the numbers that this model's products are made of. */
static double arithmetic_of(const struct trill_model_figures *figures, const struct trill_peaks *peaks)
{
    if (strcmp(figures->activations, "f32") == 0 || strcasecmp(figures->format, "f32") == 0)
        return peaks->f32_flops;
    if (strcasecmp(figures->format, "bf16") == 0 || strcasecmp(figures->format, "f16") == 0)
        return peaks->bf16_flops;
    return peaks->int8_ops_per_s;
}

static struct tl_roofline limit(const struct trill_model_figures *figures, const struct trill_peaks *peaks, double bytes,
                                double operations)
{
    double rate = arithmetic_of(figures, peaks);
    if (peaks->memory_bytes_per_s <= 0 || rate <= 0)
        return (struct tl_roofline){0, bytes * 10 > operations ? "memory" : "arithmetic"};
    double memory_s = bytes / peaks->memory_bytes_per_s, arithmetic_s = operations / rate;
    if (memory_s >= arithmetic_s)
        return (struct tl_roofline){memory_s, "memory"};
    return (struct tl_roofline){arithmetic_s, "arithmetic"};
}

struct tl_roofline tl_roofline_prefill(const struct trill_model_figures *figures, const struct trill_peaks *peaks,
                                       uint32_t tokens, uint32_t chunk)
{
    double table = (double)figures->vocabulary * figures->width;     /* rows of the embedding are looked up, not multiplied */
    double active = (double)figures->active_parameters;
    double a_token = active > table ? active - table : active;
    double passes = (double)((tokens + chunk - 1) / chunk);
    return limit(figures, peaks, passes * (double)figures->bytes_per_token, 2 * (a_token * tokens + table));
}

struct tl_roofline tl_roofline_decode(const struct trill_model_figures *figures, const struct trill_peaks *peaks,
                                      uint32_t tokens)
{
    return limit(figures, peaks, (double)tokens * (double)figures->bytes_per_token,
                 2.0 * (double)figures->active_parameters * tokens);
}

struct tl_roofline tl_roofline_streamed(struct tl_roofline limit, double missed_bytes, double drive_bytes_per_s)
{
    double seconds = drive_bytes_per_s > 0 ? missed_bytes / drive_bytes_per_s : 0;
    return seconds > limit.seconds ? (struct tl_roofline){seconds, "drive"} : limit;
}
