/* SPDX-License-Identifier: MIT */
/* The run of a command that writes a model anew, and its last line. */
#include "cli/written.h"

#include "cli/account.h"
#include "cli/output.h"

int tl_written_carry_out(const struct tl_job_order *order, const char **model, const char *home, bool no_ledger)
{
    struct tl_setup setup = {.model = *model, .home = home, .no_ledger = no_ledger};
    struct trill_account *account = tl_account_open(order->kind, &setup);
    int r = tl_job_carry_out_on(order, model, home);
    tl_account_close(account, NULL, r);
    return r;
}

static void tell_speed(const struct tl_flat *report)
{
    const char *limit = tl_flat_text(report, "", "limit");
    double seconds = tl_flat_number(report, "", "flow_seconds"), read = tl_flat_number(report, "", "read_bytes");
    double written = tl_flat_number(report, "", "written_bytes");
    tl_output_note("%.3f GB read, %.3f GB written in %.1f s, %.0f MB of memory", read * 1e-9, written * 1e-9, seconds,
                   tl_flat_number(report, "", "peak_bytes") * 1e-6);
    if (*limit)
        tl_output_note("; %.0f %% of the limit, which is mostly the %s: encoding %.1f s, the drive %.1f s at %.2f GB/s",
                       100 * tl_flat_number(report, "", "limit_share"), limit, tl_flat_number(report, "", "encoder_limit_seconds"),
                       tl_flat_number(report, "", "drive_limit_seconds"), tl_flat_number(report, "", "drive_bytes_per_s") * 1e-9);
    tl_output_note("\n");
}

int tl_written_tell(const char *report, bool quiet, void (*line)(const struct tl_flat *report, const void *settings), const void *settings)
{
    struct tl_flat flat = {0};
    int r = tl_flat_read("report", report, &flat);
    tl_job_note_warnings(&flat);
    if (r >= 0 && !quiet) {
        line(&flat, settings);
        tell_speed(&flat);
    }
    tl_flat_done(&flat);
    return r;
}
