/* SPDX-License-Identifier: MIT */
/* The stage that long work is in. The watcher is called at most ten times a second, so that a stage may move with every
 * small step of its work. */
#include "base/progress.h"

#include <stddef.h>

#include "base/clock.h"
#include "base/error.h"

#define TELL_EVERY_NS UINT64_C(100000000)
#define FORECAST_AFTER_NS UINT64_C(1000000000)

int tl_progress_check(const struct tl_progress *progress)
{
    return progress && progress->cancel && *progress->cancel ? tl_fail(TL_E_CANCEL, "interrupted") : 0;
}

static void tell(struct tl_progress *progress, uint64_t now_ns)
{
    progress->told_ns = now_ns;
    if (progress->watch)
        progress->watch(progress->context, progress);
}

int tl_progress_begin(struct tl_progress *progress, const char *stage, uint64_t done, uint64_t total, const char *unit)
{
    if (!progress)
        return 0;
    progress->stage = stage;
    progress->unit = unit;
    progress->done = progress->first_done = done;
    progress->total = total;
    progress->left_seconds = 0;
    progress->began_ns = tl_clock_ns();
    tell(progress, progress->began_ns);
    return tl_progress_check(progress);
}

int tl_progress_move(struct tl_progress *progress, uint64_t done)
{
    if (!progress)
        return 0;
    uint64_t now_ns = tl_clock_ns();
    progress->done = done;
    if (now_ns - progress->told_ns >= TELL_EVERY_NS || (done == progress->total && done))
        tell(progress, now_ns);
    return tl_progress_check(progress);
}

double tl_progress_seconds_left(const struct tl_progress *progress)
{
    uint64_t passed_ns = progress->told_ns - progress->began_ns, moved = progress->done - progress->first_done;
    if (progress->total && progress->done == progress->total)
        return 0;
    if (progress->left_seconds > 0)
        return progress->left_seconds;
    if (progress->total == 0 || progress->done > progress->total || progress->done < progress->first_done)
        return -1;
    if (passed_ns < FORECAST_AFTER_NS || moved == 0)
        return -1;
    return (double)passed_ns * 1e-9 * (double)(progress->total - progress->done) / (double)moved;
}
