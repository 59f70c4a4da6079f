/* SPDX-License-Identifier: MIT */
/* One plan as a page: the model, memory, speed, cost, and what was taken for granted. Every number has its unit; every speed
 * its limit, and the fact behind that with its source. */
#include "cli/plan_report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/plan_suits.h"
#include "cli/svg.h"

struct page { const struct tl_flat *plan; const char *prefix; struct tl_buffer *out; };

static double number(const struct page *p, const char *path) { return tl_flat_number(p->plan, p->prefix, path); }
static const char *text(const struct page *p, const char *path) { return tl_flat_text(p->plan, p->prefix, path); }

static double work_number(const struct page *p, const char *work, const char *what)
{
    char path[80];
    snprintf(path, sizeof path, "speed.%s.%s", work, what);
    return number(p, path);
}

static const char *work_text(const struct page *p, const char *work, const char *what)
{
    char path[80];
    snprintf(path, sizeof path, "speed.%s.%s", work, what);
    return text(p, path);
}

#define LINE(...) tl_buffer_printf(p->out, __VA_ARGS__)
#define AMOUNT(kind, value) tl_amount_of_##kind(value, (char[TL_AMOUNT_BYTES]){0})

/* --- the model ---------------------------------------------------------------------------------------------------- */

static void tell_head(const struct page *p)
{
    const char *name = text(p, "model"), *slash = strrchr(name, '/'), *licence = text(p, "licence");
    double all = number(p, "parameters"), active = number(p, "active_parameters");
    LINE("%.60s: %s parameters", slash && slash[1] ? slash + 1 : name, AMOUNT(count, all));
    if (active < 0.95 * all)
        LINE(", %s of them used for a token", AMOUNT(count, active));
    LINE("\n%s, %.0f layers of width %.0f, %s", text(p, "architecture"), number(p, "layers"), number(p, "width"),
         strcmp(text(p, "source"), "geometry") == 0 ? "planned without a file" : "planned from the headers of its file");
    LINE(*licence ? "; licence: %s\n" : "\n", licence);
    if (number(p, "assumed") > 0)
        LINE("An assumed geometry: its maker has published none.\n");
    if (number(p, "runs") == 0)
        LINE("trill plans models of this architecture, and does not run them yet.\n");
}

static void tell_parts(const struct page *p)
{
    const struct tl_flat_row *row;
    const char *part;
    double all = number(p, "weight_bytes");
    for (uint64_t at = 0; (row = tl_flat_next(p->plan, p->prefix, "bytes_by_role", &at, &part));) {
        LINE("    %-18s %10s %5.1f %%", part, AMOUNT(bytes, row->number), all > 0 ? 100 * row->number / all : 0);
        if (strcmp(part, "experts") == 0)
            LINE("   %s of %s; each token uses %.0f in %.0f layers", AMOUNT(count, number(p, "experts")),
                 AMOUNT(bytes, number(p, "expert_bytes")), number(p, "experts_used"), number(p, "expert_layers"));
        LINE("\n");
    }
}

static void tell_model(const struct page *p)
{
    const struct tl_flat_row *row;
    const char *format;
    int n = 0;
    LINE("\nMODEL\n  %-20s %10s  ", "weights", AMOUNT(bytes, number(p, "weight_bytes")));
    for (uint64_t at = 0; (row = tl_flat_next(p->plan, p->prefix, "bytes_by_format", &at, &format));)
        if (row->number >= 0.01 * number(p, "weight_bytes"))
            LINE("%s%s in %s", n++ ? ", " : "", AMOUNT(bytes, row->number), format);
    LINE("\n");
    tell_parts(p);
    LINE("  %-20s %10s  of weights are computed with for each token\n", "a token", AMOUNT(bytes, number(p, "weight_bytes_per_token")));
    LINE("  %-20s %10s  of keys and values for each token of the context (%s)\n", "", AMOUNT(bytes, number(p, "kv_bytes_per_token")), text(p, "kv"));
    if (number(p, "state_bytes") > 0)
        LINE("  %-20s %10s  of state that does not grow with it\n", "", AMOUNT(bytes, number(p, "state_bytes")));
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

static const char *source_of(const struct page *p, const char *fact)
{
    char path[80];
    snprintf(path, sizeof path, "machine.facts.%s.source", fact);
    return text(p, path);
}

static double fact(const struct page *p, const char *name)
{
    char path[80];
    snprintf(path, sizeof path, "machine.facts.%s.value", name);
    return number(p, path);
}

static void tell_held(const struct page *p)
{
    const char *held = text(p, "held");
    double experts = number(p, "experts"), frames = number(p, "expert_frames"), passing = number(p, "passing_bytes");
    LINE("  %-20s %10s  ", "weights kept", AMOUNT(bytes, number(p, "memory.weights")));
    if (strcmp(held, "resident") == 0) {
        LINE("all of them: nothing is read again\n");
        return;
    }
    if (frames > 0)
        LINE("%s of %s experts fit: %s%.0f %% of those needed\n", AMOUNT(count, frames), AMOUNT(count, experts),
             number(p, "expected_hits") < 0.01 ? "less than " : "", fmax(1, 100 * number(p, "expected_hits")));
    if (passing > 0)
        LINE("%*s%s of the other weights pass through memory in every step\n", frames > 0 ? 35 : 0, "", AMOUNT(bytes, passing));
    LINE("  %-20s %10s  with so much memory all of them would be\n", "", AMOUNT(bytes, number(p, "all_resident_bytes")));
}

static void tell_memory(const struct page *p)
{
    double budget = number(p, "budget_bytes"), disk = fact(p, "disk"), weights = number(p, "weight_bytes");
    LINE("\nMEMORY\n  %-20s %10s  %.1f GiB, %s\n", "budget", AMOUNT(bytes, budget), budget / (1 << 30),
         strcmp(source_of(p, "ram"), "said") == 0 ? "as said" : "what is free here, less a margin");
    tell_held(p);
    LINE("  %-20s %10s  keys, values and states: %s tokens in %.0f %s\n", "context", AMOUNT(bytes, number(p, "memory.states")),
         AMOUNT(count, number(p, "context")), number(p, "sessions"), number(p, "sessions") > 1 ? "sessions" : "session");
    LINE("  %-20s %10s  steps of up to %s tokens\n", "computing", AMOUNT(bytes, number(p, "memory.step")), AMOUNT(count, number(p, "chunk")));
    LINE("  %-20s %10s  program, vocabulary, sampling, loading\n", "the rest",
         AMOUNT(bytes, number(p, "peak_bytes") - number(p, "memory.weights") - number(p, "memory.states") - number(p, "memory.step")));
    LINE("  %-20s %10s  at most; %s while a request of %.0f tokens is answered\n", "peak", AMOUNT(bytes, number(p, "peak_bytes")),
         AMOUNT(bytes, number(p, "request.peak_bytes")), number(p, "request.prompt_tokens") + number(p, "request.answer_tokens"));
    if (disk > 0)
        LINE("  %-20s %10s  %s free\n", weights <= disk ? "disk" : "disk: TOO SMALL", AMOUNT(bytes, weights), AMOUNT(bytes, disk));
}

/* --- speed -------------------------------------------------------------------------------------------------------- */

/* What binds, the fact behind it and where that comes from; how much of it a token takes. */
static void tell_limit(const struct page *p, const char *work)
{
    const char *bound = work_text(p, work, "bound"), *limit = work_text(p, work, "fact");
    bool drive = strcmp(bound, "drive") == 0, memory = strcmp(bound, "memory") == 0;
    char path[80];
    snprintf(path, sizeof path, "machine.facts.%s.text", limit);
    LINE("%s %s, %s; ", drive || memory ? bound : "CPU", text(p, path), source_of(p, limit));
    if (drive || memory)
        LINE("%s a token\n", AMOUNT(bytes, work_number(p, work, drive ? "read_bytes_per_token" : "memory_bytes_per_token")));
    else
        LINE("%s a token\n", AMOUNT(operations, work_number(p, work, "operations_per_token")));
}

static double two_figures(double value)
{
    double unit = value >= 10 ? pow(10, floor(log10(value)) - 1) : 1;
    return ceil(value / unit) * unit;
}

static void tell_speed(const struct page *p)
{
    static const struct { const char *work, *label; } rows[] = {{"decode", "answer"}, {"prefill", "prompt"}, {"score", "long text, swept"}, {"batch", "batch"}};
    char range[64], label[64];
    LINE("\nSPEED                   tokens/s  likely range      limited by\n");
    for (size_t i = 0; i < TL_COUNT(rows); i++) {
        if (work_number(p, rows[i].work, "seconds") <= 0) {
            LINE("  %-20s %9s  %-16s  does not fit\n", rows[i].label, "-", "-");
            continue;
        }
        snprintf(range, sizeof range, "%s - %s", AMOUNT(number, work_number(p, rows[i].work, "low_tokens_per_s")),
                 AMOUNT(number, work_number(p, rows[i].work, "high_tokens_per_s")));
        snprintf(label, sizeof label, strcmp(rows[i].work, "batch") == 0 ? "%s of %.0f, answers" : "%s", rows[i].label,
                 work_number(p, rows[i].work, "sessions"));
        LINE("  %-20s %9s  %-16s  ", label, AMOUNT(number, work_number(p, rows[i].work, "tokens_per_s")), range);
        tell_limit(p, rows[i].work);
    }
    LINE("  A request, %.0f tokens and %.0f of answer, takes %s; loading the model before it %s.\n", number(p, "request.prompt_tokens"),
         number(p, "request.answer_tokens"), AMOUNT(seconds, number(p, "request.seconds")), AMOUNT(seconds, number(p, "request.load_s")));
    if (strcmp(text(p, "held"), "resident") != 0 && number(p, "break_even_tokens") >= 1)
        LINE("  A sweep reads the model once: with more than about %s tokens arithmetic takes longer.\n",
             AMOUNT(count, two_figures(number(p, "break_even_tokens"))));
}

/* --- cost --------------------------------------------------------------------------------------------------------- */

static void tell_served(const struct page *p, const char *work, const char *label)
{
    char from[80], to[80];
    snprintf(from, sizeof from, "served.%s.joules_per_token.0", work);
    snprintf(to, sizeof to, "served.%s.joules_per_token.1", work);
    double joules = work_number(p, work, "joules_per_token"), low = number(p, from), high = number(p, to);
    if (joules <= 0 || low <= 0)
        return;
    LINE("    %s %s to %s J a token, here ", label, AMOUNT(number, low), AMOUNT(number, high));
    if (joules > high)
        LINE("%s to %s times as much\n", AMOUNT(number, joules / high), AMOUNT(number, joules / low));
    else
        LINE(joules < low ? "less: the model is smaller\n" : "as much\n");
}

static void tell_cost(const struct page *p)
{
    static const struct { const char *work, *label; } rows[] = {{"decode", "answer"}, {"prefill", "prompt"}, {"score", "long text, swept"}, {"batch", "batch"}};
    LINE("\nCOST                  J a token      a million tokens: money          CO2         time\n");
    for (size_t i = 0; i < TL_COUNT(rows); i++) {
        double rate = work_number(p, rows[i].work, "tokens_per_s");
        if (rate > 0)
            LINE("  %-20s %8s %30s %12s %12s\n", rows[i].label, AMOUNT(number, work_number(p, rows[i].work, "joules_per_token")),
                 AMOUNT(number, work_number(p, rows[i].work, "price_per_million_tokens")),
                 AMOUNT(grams, work_number(p, rows[i].work, "grams_per_million_tokens")), AMOUNT(seconds, 1e6 / rate));
    }
    LINE("  For scale, %s:\n", text(p, "served.decode.who"));
    tell_served(p, "decode", "answers");
    tell_served(p, "prefill", "prompts");
}

/* --- facts -------------------------------------------------------------------------------------------------------- */

static void tell_facts(const struct page *p)
{
    static const struct { const char *fact, *words; } rows[] = {
        {"threads", "threads %s"}, {"memory", "memory %s"}, {"drive", "drive %s"}, {"flops", "int8 %s"}, {"flops-bf16", "bf16 %s"},
        {"flops-f32", "f32 %s"}, {"watts", "%s"}, {"price-kwh", "%s a kWh"}, {"price-hour", "%s an hour"}, {"carbon", "%s CO2 a kWh"}, {"pue", "PUE %s"},
    };
    static const char *const sources[] = {"measured", "said", "asked", "usual"};
    static const char *const meanings[] = {"measured by `trill doctor`", "said by you", "asked from the system", "usual values, nobody has measured"};
    LINE("\nMACHINE  %s\n", text(p, "machine.name"));
    for (size_t s = 0; s < TL_COUNT(sources); s++) {
        size_t column = 0;
        for (size_t i = 0; i < TL_COUNT(rows); i++) {
            char words[80], path[80];
            if (strcmp(source_of(p, rows[i].fact), sources[s]) != 0)
                continue;
            snprintf(path, sizeof path, "machine.facts.%s.text", rows[i].fact);
            size_t n = (size_t)snprintf(words, sizeof words, rows[i].words, text(p, path)), head = strlen(meanings[s]) + 4;
            bool first = column == 0, full = !first && column + 2 + n > 98;
            if (first)
                LINE("  %s: ", meanings[s]);
            else
                LINE("%s", full ? ",\n    " : ", ");
            LINE("%s", words);
            column = n + (first ? head : full ? 4 : column + 2);
        }
        if (column)
            LINE("\n");
    }
    if (strcmp(source_of(p, "memory"), "usual") == 0 || strcmp(source_of(p, "drive"), "usual") == 0)
        LINE("  `trill doctor` measures this machine; then the ranges above become narrow.\n");
}

enum { COLUMNS = 98, REASON = 13 };

/* Words from this column on; the next lines begin at `hang`. */
static void wrap(const char *words, int column, int hang, struct tl_buffer *out)
{
    for (const char *word = words; *word; word += strspn(word, " ")) {
        int n = (int)strcspn(word, " "), gap = word > words;
        if (gap && column + gap + n > COLUMNS) {
            tl_buffer_printf(out, "\n%*s", hang, "");
            column = hang;
            gap = 0;
        }
        tl_buffer_printf(out, "%s%.*s", gap ? " " : "", n, word);
        column += gap + n;
        word += n;
    }
    tl_buffer_printf(out, "\n");
}

static void put_wrapped(const char *label, const char *words, int column, struct tl_buffer *out)
{
    tl_buffer_printf(out, "  %-*s", column - 2, label);
    wrap(words, column, column, out);
}

static void tell_reasons(const struct page *p)
{
    const struct tl_flat_row *row;
    const char *tail;
    LINE("\nWHY\n");
    for (uint64_t at = 0; (row = tl_flat_next(p->plan, p->prefix, "reasons", &at, &tail));)
        put_wrapped(tail, row->text ? row->text : "", REASON, p->out);
}

/* What lies behind `prefix`: "" or "plans.0.". */
static void tell_plan(const struct tl_flat *plan, const char *prefix, bool explain, struct tl_buffer *out)
{
    struct page page = {plan, prefix, out};
    tell_head(&page);
    tell_model(&page);
    tell_memory(&page);
    tell_speed(&page);
    tell_cost(&page);
    tl_plan_prices(plan, prefix, out);
    tl_plan_purposes(plan, prefix, out);
    tell_facts(&page);
    if (explain)
        tell_reasons(&page);
}

void tl_plan_wrap(const char *words, int indent, struct tl_buffer *out)
{
    tl_buffer_printf(out, "%*s", indent, "");
    wrap(words, indent, indent + 2, out);
}

static uint64_t count_plans(const struct tl_flat *plan)
{
    char path[40];
    uint64_t n = 0;
    while (snprintf(path, sizeof path, "plans.%u.model", (unsigned)n), tl_flat_has(plan, "", path))
        n++;
    return n;
}

static void tell_all(const struct tl_flat *plan, bool explain, struct tl_buffer *out)
{
    uint64_t n = count_plans(plan);
    char prefix[40];
    if (tl_flat_has(plan, "", "suits.0.model") || tl_flat_has(plan, "", "left_out.0.model"))
        tl_plan_suits(plan, out);
    else if (n)
        tl_plan_compare(plan, n, out);
    else
        tell_plan(plan, "", explain, out);
    for (uint64_t i = 0; i < n; i++) {
        snprintf(prefix, sizeof prefix, "plans.%u.", (unsigned)i);
        if (!tl_flat_has(plan, prefix, "for.0.text"))
            continue;
        tl_buffer_printf(out, "\n%s, %s", tl_flat_text(plan, prefix, "model"), tl_flat_text(plan, prefix, "format"));
        tl_plan_purposes(plan, prefix, out);
    }
}

int tl_plan_report(const char *report, bool explain)
{
    struct tl_flat plan = {0};
    struct tl_buffer out;
    int r = tl_flat_read("the plan", report, &plan);
    if (r < 0)
        return r;
    tl_buffer_init(&out, 0);
    tell_all(&plan, explain, &out);
    r = tl_output_buffer(&out);
    tl_buffer_done(&out);
    tl_flat_done(&plan);
    return r;
}

int tl_plan_picture(const char *report, const char *path)
{
    struct tl_flat plan = {0};
    struct tl_buffer out;
    int r = tl_flat_read("the plan", report, &plan);
    if (r < 0)
        return r;
    tl_buffer_init(&out, 0);
    tl_plan_svg(&plan, tl_flat_has(&plan, "", "model") ? 1 : count_plans(&plan), &out);
    r = tl_svg_write(path, &out);
    tl_buffer_done(&out);
    tl_flat_done(&plan);
    return r;
}
