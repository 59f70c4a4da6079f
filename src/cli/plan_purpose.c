/* SPDX-License-Identifier: MIT */
/* What jobs cost, and what others charge for tokens. */
#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "cli/plan_suits.h"

struct page { const struct tl_flat *report; struct tl_buffer *out; char prefix[80]; };

static double number(const struct page *p, const char *path) { return tl_flat_number(p->report, p->prefix, path); }
static const char *text(const struct page *p, const char *path) { return tl_flat_text(p->report, p->prefix, path); }

static double part(const struct page *p, const char *object, const char *what)
{
    char path[48];
    snprintf(path, sizeof path, "%s.%s", object, what);
    return number(p, path);
}

#define LINE(...) tl_buffer_printf(p->out, __VA_ARGS__)
#define AMOUNT(kind, value) tl_amount_of_##kind(value, (char[TL_AMOUNT_BYTES]){0})

static void tell_part(const struct page *p, const char *object, const char *label)
{
    char range[64], bound[40];
    snprintf(bound, sizeof bound, "%s.bound", object);
    snprintf(range, sizeof range, "%s - %s", AMOUNT(seconds, part(p, object, "low_seconds")), AMOUNT(seconds, part(p, object, "high_seconds")));
    LINE("  %-10s %10s  %-22s %9s kWh %9s %9s CO2  %s\n", label, AMOUNT(seconds, part(p, object, "seconds")), range, AMOUNT(number, part(p, object, "kwh")),
         AMOUNT(number, part(p, object, "price")), AMOUNT(grams, part(p, object, "grams_co2e")), text(p, bound));
}

static void tell_student(const struct page *p)
{
    double student = number(p, "student_parameters");
    LINE("  The student: %s parameters, %s of memory to train it.\n", AMOUNT(count, student), AMOUNT(bytes, number(p, "training_bytes")));
    LINE("  Trained from nothing it comes to a loss of %.3f nats a token, by a scaling law with floor %.3f.\n", number(p, "loss.predicted"),
         number(p, "loss.floor"));
    if (number(p, "loss.best_for_same_operations") < number(p, "loss.predicted") - 0.005)
        LINE("  The same operations make %.3f of %s parameters and %s tokens.\n", number(p, "loss.best_for_same_operations"),
             AMOUNT(count, number(p, "loss.best_parameters")), AMOUNT(count, number(p, "loss.best_tokens")));
    if (strcmp(text(p, "job"), "distill") == 0)
        LINE("  A teacher's probabilities usually make it better than that, with fewer tokens.\n");
}

static bool seek(struct page *p, const char *prefix, const char *list, size_t i, const char *key)
{
    snprintf(p->prefix, sizeof p->prefix, "%s%s.%zu.", prefix, list, i);
    return tl_flat_has(p->report, p->prefix, key);
}

void tl_plan_purposes(const struct tl_flat *report, const char *prefix, struct tl_buffer *out)
{
    struct page page = {.report = report, .out = out}, *p = &page;
    for (size_t i = 0; seek(p, prefix, "for", i, "text"); i++) {
        LINE("\nFOR  \"%.60s\"\n", text(p, "text"));
        if (tl_flat_has(report, p->prefix, "error")) {
            LINE("  %.94s\n", text(p, "error"));
            continue;
        }
        LINE("  %s: %s tokens", text(p, "meaning"), AMOUNT(count, number(p, "tokens")));
        if (number(p, "requests") > 0)
            LINE(", %s requests", AMOUNT(count, number(p, "requests")));
        LINE("\n");
        if (tl_flat_has(report, p->prefix, "teacher.seconds"))
            tell_part(p, "teacher", "teacher");
        if (tl_flat_has(report, p->prefix, "training.seconds"))
            tell_part(p, "training", "training");
        tell_part(p, "total", "in all");
        if (number(p, "student_parameters") > 0)
            tell_student(p);
    }
}

/* Those of the same model, then some of those whose weights nobody has. */
void tl_plan_prices(const struct tl_flat *report, const char *prefix, struct tl_buffer *out)
{
    enum { MOST = 5 };
    struct page page = {.report = report, .out = out}, *p = &page;
    size_t n = 0;
    for (size_t i = 0; seek(p, prefix, "prices", i, "name") && n < MOST; i++) {
        bool same = number(p, "same_model") > 0;
        if (!same && number(p, "open_weights") > 0)
            continue;
        if (!n++)
            LINE("  What others charge for a million tokens, in dollars: read, written\n");
        LINE("    %-20s %8s %8s   %s, seen %s%s\n", text(p, "name"), AMOUNT(number, number(p, "read_dollars_per_million")),
             AMOUNT(number, number(p, "written_dollars_per_million")), text(p, "vendor"), text(p, "seen"), same ? "; the same model" : "");
    }
}
