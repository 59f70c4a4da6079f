/* SPDX-License-Identifier: MIT */
/* Draws progress. A line is written in one piece, so that what else comes to stderr stays readable. */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/amount.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "cli/output.h"

enum { CELLS = 30, LONG_STAGE = 20 };        /* a long stage leaves less room for its bar */
#define BEGIN_AFTER_NS UINT64_C(500000000)
#define BAR_EVERY_NS   UINT64_C(100000000)
#define LINE_EVERY_NS  UINT64_C(10000000000)

static void put_amount(struct tl_buffer *text, const struct trill_progress *p, uint64_t n)
{
    char amount[TL_AMOUNT_BYTES];
    if (strcmp(p->unit, "bytes") == 0)
        tl_buffer_printf(text, "%s", tl_amount_of_bytes((double)n, amount));
    else
        tl_buffer_printf(text, "%" PRIu64 " %s", n, p->unit);
}

/* "1.25 GB of 55.0 GB", "310 of 8192 tokens", "310 tokens". */
static void put_amounts(struct tl_buffer *text, const struct trill_progress *p)
{
    if (p->total && strcmp(p->unit, "bytes") != 0)
        tl_buffer_printf(text, "%" PRIu64, p->done);
    else
        put_amount(text, p, p->done);
    if (p->total) {
        tl_buffer_printf(text, " of ");
        put_amount(text, p, p->total);
    }
}

static void put_left(struct tl_buffer *text, double seconds)
{
    if (seconds < 0)
        return;
    uint64_t s = (uint64_t)(seconds + 0.5);
    if (s >= 3600)
        tl_buffer_printf(text, ", %" PRIu64 " h %02" PRIu64 " min left", s / 3600, s / 60 % 60);
    else if (s >= 60)
        tl_buffer_printf(text, ", %" PRIu64 " min %02" PRIu64 " s left", s / 60, s % 60);
    else
        tl_buffer_printf(text, ", %" PRIu64 " s left", s);
}

/* Of bytes, the mean of the stage so far. */
static void put_rate(struct tl_buffer *text, const struct tl_progress_bar *bar, const struct trill_progress *p, uint64_t now_ns)
{
    char rate[TL_AMOUNT_BYTES];
    double seconds = (double)(now_ns - bar->stage_ns) * 1e-9;
    if (strcmp(p->unit, "bytes") == 0 && seconds > 0.25 && p->done > bar->stage_done)
        tl_buffer_printf(text, ", %s", tl_amount_of_rate((double)(p->done - bar->stage_done) / seconds, rate));
}

static void put_cells(struct tl_buffer *text, const struct trill_progress *p)
{
    double share = p->done < p->total ? (double)p->done / (double)p->total : 1;
    int cells = strlen(p->stage) > LONG_STAGE ? CELLS / 3 : CELLS, full = (int)(share * cells + 0.5);
    tl_buffer_printf(text, "[%.*s%*s] %3.0f %% of ", full, "##############################", cells - full, "", 100 * share);
    put_amount(text, p, p->total);
}

void tl_progress_draw(struct tl_progress_bar *bar, const struct trill_progress *progress)
{
    uint64_t now_ns = tl_clock_ns();
    if (bar->quiet)
        return;
    if (!bar->terminal) {
        bar->terminal = isatty(STDERR_FILENO) ? 1 : -1;
        bar->began_ns = now_ns;
        bar->told_ns = bar->terminal > 0 ? 0 : now_ns;
    }
    if (progress->stage != bar->stage) {
        bar->stage = progress->stage;
        bar->stage_ns = now_ns;
        bar->stage_done = progress->done;
    }
    if (now_ns - bar->began_ns < BEGIN_AFTER_NS || now_ns - bar->told_ns < (bar->terminal > 0 ? BAR_EVERY_NS : LINE_EVERY_NS))
        return;
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    tl_buffer_printf(&text, "%s%s%s ", bar->terminal > 0 ? "\r\033[K" : "", progress->stage, bar->terminal > 0 ? "" : ":");
    if (bar->terminal > 0 && progress->total)
        put_cells(&text, progress);
    else
        put_amounts(&text, progress);
    put_rate(&text, bar, progress, now_ns);
    put_left(&text, progress->seconds_left);
    if (text.status >= 0)
        tl_output_note("%s%s", text.data, bar->terminal > 0 ? "" : "\n");
    fflush(stderr);
    tl_buffer_done(&text);
    bar->told_ns = now_ns;
    bar->drawn = bar->terminal > 0;
}

void tl_progress_erase(struct tl_progress_bar *bar)
{
    if (bar->drawn)
        tl_output_note("\r\033[K");
    bar->drawn = false;
}
