/* SPDX-License-Identifier: MIT */
/* How the rate of learning runs over the steps, one row of schedules.def a kind. All warm up first: step i of the warm-up has
 * (i + 1) / warmup of the peak. */
#ifndef TL_TRAIN_SCHEDULE_H
#define TL_TRAIN_SCHEDULE_H

#include <stdint.h>

enum tl_schedule_kind {
#define SCHEDULE(id, name, meaning) TL_SCHEDULE_##id,
#include "train/schedules.def"
#undef SCHEDULE
    TL_SCHEDULES
};

struct tl_schedule_row { const char *name, *meaning; double (*share)(double least, double decay_share, uint64_t step, uint64_t steps); };
extern const struct tl_schedule_row tl_schedules[TL_SCHEDULES];

/* least: share of the peak that the last step has; decay_share: of the steps behind the warm-up, over which wsd falls. */
struct tl_schedule { enum tl_schedule_kind kind; double peak, least, decay_share; uint64_t warmup, steps; };

double tl_schedule_rate(const struct tl_schedule *schedule, uint64_t step);          /* of step 0 .. steps - 1 */
int tl_schedule_find(const char *name, enum tl_schedule_kind *ret_kind);             /* TL_E_USAGE names those that there are */

#endif
