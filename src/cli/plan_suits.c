/* SPDX-License-Identifier: MIT */
/* What suits this machine, in at most 100 columns: a table for each pace, then what cannot be had and why. */
#include "cli/plan_suits.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "base/array.h"
#include "cli/plan_report.h"

struct page { const struct tl_flat *report; struct tl_buffer *out; char prefix[40]; };

static double number(const struct page *p, const char *path) { return tl_flat_number(p->report, p->prefix, path); }
static const char *text(const struct page *p, const char *path) { return tl_flat_text(p->report, p->prefix, path); }

#define LINE(...) tl_buffer_printf(p->out, __VA_ARGS__)
#define AMOUNT(kind, value) tl_amount_of_##kind(value, (char[TL_AMOUNT_BYTES]){0})

static bool seek(struct page *p, const char *list, size_t i)
{
    snprintf(p->prefix, sizeof p->prefix, "%s.%zu.", list, i);
    return tl_flat_has(p->report, p->prefix, "model");
}

/* "34.7 B" */
static const char *billions(double count, char *into)
{
    snprintf(into, TL_AMOUNT_BYTES, count >= 999.5e9 ? "%.2f T" : count >= 9.95e9 ? "%.0f B" : count >= 0.995e9 ? "%.1f B" : "%.0f M",
             count / (count >= 999.5e9 ? 1e12 : count >= 0.995e9 ? 1e9 : 1e6));
    return into;
}
#define BILLIONS(value) billions(value, (char[TL_AMOUNT_BYTES]){0})

/* What twice as much would bring, where it brings a tenth or more. */
static const char *gain(double now, double then, char *into)
{
    snprintf(into, TL_AMOUNT_BYTES, "%s", "-");
    if (then >= 1.1 * now)
        tl_amount_of_number(then, into);
    return into;
}
#define GAIN(now, then) gain(now, then, (char[TL_AMOUNT_BYTES]){0})

static void tell_row(struct page *p)
{
    double rate = number(p, "decode_tokens_per_s"), sweep = number(p, "score_tokens_per_s");
    LINE("  %-18s %7s %7s  %-8s %8s %9s %9s %9s %9s\n", text(p, "model"), BILLIONS(number(p, "parameters")), BILLIONS(number(p, "active_parameters")),
         text(p, "format"), AMOUNT(bytes, number(p, "weight_bytes")), AMOUNT(number, rate), GAIN(rate, number(p, "twice_ram_tokens_per_s")),
         GAIN(rate, number(p, "twice_drive_tokens_per_s")), sweep > 0 ? AMOUNT(number, sweep) : "-");
}

static void tell_pace(struct page *p, const char *pace, bool on_disk, const char *heading)
{
    size_t n = 0;
    for (size_t i = 0; seek(p, "suits", i); i++) {
        if ((number(p, "on_disk") > 0) != on_disk || (on_disk && strcmp(text(p, "pace"), pace) != 0))
            continue;
        if (!n++)
            LINE("\n%s\n", heading);
        tell_row(p);
    }
}

/* --- what would change -------------------------------------------------------------------------------------------- */

static const double paces[] = {8, 0.5};

static bool rises(double now, double then)
{
    for (size_t i = 0; i < TL_COUNT(paces); i++)
        if (now < paces[i] && then >= paces[i])
            return true;
    return false;
}

/* Those that another pace would be reached by. */
static void tell_rises(struct page *p, const char *what, const char *path)
{
    struct tl_buffer words;
    size_t n = 0;
    tl_buffer_init(&words, 0);
    tl_buffer_printf(&words, "%s brings", what);
    for (size_t i = 0; seek(p, "suits", i); i++)
        if (rises(number(p, "decode_tokens_per_s"), number(p, path)))
            tl_buffer_printf(&words, "%s %s to %s", n++ ? "," : "", text(p, "model"), AMOUNT(number, number(p, path)));
    tl_buffer_printf(&words, n ? " tokens a second." : " none to another pace.");
    tl_plan_wrap(words.data ? words.data : "", 2, p->out);
    tl_buffer_done(&words);
}

static void tell_disk(struct page *p)
{
    double least = 0, most = 0;
    char small[64] = "", large[64] = "";
    size_t n = 0;
    for (size_t i = 0; seek(p, "suits", i); i++) {
        double bytes = number(p, "weight_bytes");
        if (number(p, "on_disk") > 0)
            continue;
        if (!n || bytes < least)
            snprintf(small, sizeof small, "%s", text(p, "model")), least = bytes;
        if (!n || bytes > most)
            snprintf(large, sizeof large, "%s", text(p, "model")), most = bytes;
        n++;
    }
    if (n)
        LINE("  A larger disk holds %zu more: from %s (%s) to %s (%s).\n", n, AMOUNT(bytes, least), small, AMOUNT(bytes, most), large);
}

static void tell_changes(struct page *p)
{
    LINE("\nWhat would change\n");
    tell_rises(p, "Twice the memory", "twice_ram_tokens_per_s");
    tell_rises(p, "Twice the drive's speed", "twice_drive_tokens_per_s");
    tell_disk(p);
}

static void tell_licences(struct page *p)
{
    size_t column = 0;
    LINE("\nLicences: ");
    column = 10;
    for (size_t i = 0; seek(p, "suits", i); i++) {
        char words[96];
        int n = snprintf(words, sizeof words, "%s%s %s", i ? ", " : "", text(p, "model"), text(p, "licence"));
        if (column + (size_t)n > 98) {
            LINE("%s\n  %s", i ? "," : "", words + (i ? 2 : 0));
            column = (size_t)n;
        } else {
            LINE("%s", words);
            column += (size_t)n;
        }
    }
    LINE(".\n");
}

static void tell_left_out(struct page *p)
{
    for (size_t i = 0; seek(p, "left_out", i); i++)
        LINE("%s  %-18s %.76s\n", i ? "" : "\nLeft out\n", text(p, "model"), text(p, "why"));
}

void tl_plan_suits(const struct tl_flat *report, struct tl_buffer *out)
{
    struct page page = {.report = report, .out = out}, *p = &page;
    LINE("What suits %.50s: %s of memory (%s), %s free on disk,\na drive of %s.\n", text(p, "machine.name"), text(p, "machine.facts.ram.text"),
         text(p, "machine.facts.memory.text"), text(p, "machine.facts.disk.text"), text(p, "machine.facts.drive.text"));
    LINE("Each in the widest format that stays in memory and keeps pace with reading, else the narrowest.\n");
    LINE("Best first: by the square root of all parameters times those used for a token, which is about\n"
         "the size of a dense model that knows as much.\n");
    LINE("\n  %-18s %7s %7s  %-8s %8s %9s %9s %9s %9s\n", "", "all", "used", "", "", "tokens/s", "with 2x", "with 2x", "tokens/s");
    LINE("  %-18s %7s %7s  %-8s %8s %9s %9s %9s %9s\n", "model", "params", "a token", "format", "on disk", "writing", "memory", "drive", "reading");
    tell_pace(p, "talk", true, "To talk to: 8 tokens a second and more");
    tell_pace(p, "patience", true, "With patience: an answer within minutes");
    tell_pace(p, "night", true, "Overnight: for jobs that run by themselves, and for reading");
    tell_pace(p, "", false, "With a larger disk");
    tell_changes(p);
    tell_left_out(p);
    tell_licences(p);
    LINE("\nReading: a million tokens, scored in sweeps over the weights. `trill plan MODEL` tells more of one,\n"
         "`trill plan A --like B,C` sets several side by side.\n");
    if (strcmp(tl_flat_text(report, "", "machine.facts.drive.source"), "usual") == 0)
        LINE("Memory and drive are usual values, which nobody has measured: `trill doctor` does.\n");
}
