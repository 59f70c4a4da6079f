/* SPDX-License-Identifier: MIT */
/* The run of a command that writes a model anew, and its last line. */
#include "cli/written.h"

#include "base/amount.h"
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

void tl_written_tell_size(const struct tl_flat *report)
{
    char bytes[TL_AMOUNT_BYTES], source[TL_AMOUNT_BYTES];
    tl_output_note("%s of %s", tl_amount_of_bytes(tl_flat_number(report, "", "bytes"), bytes),
                   tl_amount_of_bytes(tl_flat_number(report, "", "source_bytes"), source));
}

static void tell_speed(const struct tl_flat *report)
{
    const char *limit = tl_flat_text(report, "", "limit");
    char read[TL_AMOUNT_BYTES], written[TL_AMOUNT_BYTES], peak[TL_AMOUNT_BYTES], rate[TL_AMOUNT_BYTES];
    tl_output_note("%s read, %s written in %.1f s, %s of memory", tl_amount_of_bytes(tl_flat_number(report, "", "read_bytes"), read),
                   tl_amount_of_bytes(tl_flat_number(report, "", "written_bytes"), written), tl_flat_number(report, "", "flow_seconds"),
                   tl_amount_of_bytes(tl_flat_number(report, "", "peak_bytes"), peak));
    if (*limit)
        tl_output_note("; %.0f %% of the limit, which is mostly the %s: encoding %.1f s, the drive %.1f s at %s",
                       100 * tl_flat_number(report, "", "limit_share"), limit, tl_flat_number(report, "", "encoder_limit_seconds"),
                       tl_flat_number(report, "", "drive_limit_seconds"), tl_amount_of_rate(tl_flat_number(report, "", "drive_bytes_per_s"), rate));
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
