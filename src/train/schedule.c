/* SPDX-License-Identifier: MIT */
/* The shapes behind the warm-up: each falls from 1 to `least` at the last step, or stays. Steps here count from the end of
 * the warm-up. Cosine: Loshchilov and Hutter 2017; warm-up, stable, decay: Hu et al. 2024. */
#include "train/schedule.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

static double share_cosine(double least, double decay_share, uint64_t step, uint64_t steps)
{
    (void)decay_share;
    return least + (1 - least) * 0.5 * (1 + cos(3.14159265358979323846 * (double)(step + 1) / (double)steps));
}

static double share_wsd(double least, double decay_share, uint64_t step, uint64_t steps)
{
    uint64_t falling = (uint64_t)(decay_share * (double)steps + 0.5);
    if (falling == 0 || step + falling < steps)
        return 1;
    return 1 - (1 - least) * (double)(step + falling + 1 - steps) / (double)falling;
}

static double share_constant(double least, double decay_share, uint64_t step, uint64_t steps)
{
    (void)least, (void)decay_share, (void)step, (void)steps;
    return 1;
}

const struct tl_schedule_row tl_schedules[TL_SCHEDULES] = {
#define SCHEDULE(id, name, meaning) {#name, meaning, share_##name},
#include "train/schedules.def"
#undef SCHEDULE
};

double tl_schedule_rate(const struct tl_schedule *s, uint64_t step)
{
    if (step < s->warmup)
        return s->peak * (double)(step + 1) / (double)s->warmup;
    if (s->steps <= s->warmup)
        return s->peak;
    uint64_t last = s->steps - 1;
    step = step < last ? step : last;
    return s->peak * tl_schedules[s->kind].share(s->least, s->decay_share, step - s->warmup, s->steps - s->warmup);
}

int tl_schedule_find(const char *name, enum tl_schedule_kind *ret_kind)
{
    for (int i = 0; i < TL_SCHEDULES; i++)
        if (strcmp(tl_schedules[i].name, name) == 0) {
            *ret_kind = (enum tl_schedule_kind)i;
            return 0;
        }
    return tl_fail(TL_E_USAGE, "unknown schedule \"%.40s\" (there are:%s)", name, ""
#define SCHEDULE(id, word, meaning) " " #word
#include "train/schedules.def"
#undef SCHEDULE
    );
}
