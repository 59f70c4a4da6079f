/* SPDX-License-Identifier: MIT */
/* A fit in words: a label, then a sentence, in lines that a terminal of 100 columns shows whole. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "plan/fit_impl.h"

enum { LABEL = 11, COLUMNS = 98, MOST_TEXT = 700 };
#define GLUE '\1'                        /* a blank at which no line ends */

/* Words of the text, behind the label or below it. */
static void put(struct tl_buffer *out, const char *label, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void put(struct tl_buffer *out, const char *label, const char *format, ...)
{
    char text[MOST_TEXT];
    va_list arguments;
    size_t column = LABEL;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tl_buffer_printf(out, "%-*s", LABEL, label);
    for (const char *word = text; *word;) {
        size_t n = strcspn(word, " ");
        if (column > LABEL && column + 1 + n > COLUMNS) {
            tl_buffer_printf(out, "\n%*s", LABEL, "");
            column = LABEL;
        }
        column += n + (column > LABEL);
        tl_buffer_printf(out, "%s%.*s", column > LABEL + n ? " " : "", (int)n, word);
        word += n + strspn(word + n, " ");
    }
    tl_buffer_append(out, "\n", 1);
    for (size_t i = 0; i < out->len; i++)
        out->data[i] = out->data[i] == GLUE ? ' ' : out->data[i];
}

/* "21.8 GiB". */
struct size { char text[32]; };

static struct size size_of(double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    struct size size;
    size_t i = 0;
    for (; bytes >= 1000 && i + 1 < TL_COUNT(units); i++)
        bytes /= 1024;
    snprintf(size.text, sizeof size.text, i ? "%.3g%c%s" : "%.0f%c%s", bytes, GLUE, units[i]);
    return size;
}

#define SIZE(bytes) size_of((double)(bytes)).text

static void explain_weights(const struct tl_fit *fit, struct tl_buffer *out)
{
    if (fit->way == TL_FIT_RESIDENT) {
        put(out, "weights", "All %s are in memory: the budget of %s holds them and a useful context.", SIZE(fit->weight_bytes), SIZE(fit->budget_bytes));
        return;
    }
    if (fit->resident_bytes > fit->budget_bytes)
        put(out, "weights", "Not all %s are in memory: that would need a budget of %s, and there are %s.", SIZE(fit->weight_bytes),
            SIZE(fit->resident_bytes), SIZE(fit->budget_bytes));
    else
        put(out, "weights", "Not all %s are in memory, as was asked for.", SIZE(fit->weight_bytes));
    if (fit->way == TL_FIT_EXPERTS_PASS)
        put(out, "", "Routed experts are read from the drive when a token needs them; the other weights, %s, stay in memory.",
            SIZE(fit->trunk_bytes));
    else
        put(out, "", "Of those that every token needs, %s, a part of %s is read from the drive in every step: spread evenly over "
            "it, always ahead of its use, through %s of memory.", SIZE(fit->trunk_bytes), SIZE(fit->passing_bytes), SIZE(fit->ring_bytes));
}

static void explain_experts(const struct tl_fit *fit, struct tl_buffer *out)
{
    const struct tl_model_limits *l = &fit->limits;
    if (fit->way == TL_FIT_RESIDENT || !fit->n_experts || !l->frames)
        return;
    const char *why = fit->held_why == TL_FIT_ASKED ? "as asked for"
                    : fit->way == TL_FIT_TRUNK_PASSES ? "enough for the drive never to wait; more memory does more good to the other weights"
                                                      : "all that the budget leaves; those used lately and often stay";
    put(out, "experts", "%u of %u (%.3g %%) are in memory at a time, %s each: %s. A token uses %u of each layer.", l->frames, fit->n_experts,
        100.0 * l->frames / fit->n_experts, SIZE(fit->frame_bytes), why, fit->n_used);
    put(out, "look-ahead", "%s", fit->looks_ahead ? "On: while the drive is idle, what the next layer will probably choose is read, as long as that is "
                                                    "of use." : "Off, as asked for.");
}

static void explain_context(const struct tl_fit *fit, struct tl_buffer *out)
{
    static const char *const why[] = {
        [TL_FIT_ASKED] = "as asked for",
        [TL_FIT_MODEL] = "all that the model was trained for",
        [TL_FIT_USUAL] = "the usual one, as memory is short; --context says another",
        [TL_FIT_BUDGET] = "as much as the budget holds",
    };
    const struct tl_model_limits *l = &fit->limits;
    char each[64] = "";
    if (l->sessions > 1 && !l->sweep)
        snprintf(each, sizeof each, " in each of %u sequences", l->sessions);
    put(out, l->sweep ? "window" : "context", "%u tokens%s: %s. A token takes %s.", l->context, each,
        l->sweep && fit->context_why == TL_FIT_USUAL ? "the usual length of a window" : why[fit->context_why], SIZE(fit->token_bytes));
    if (fit->sessions_why == TL_FIT_BUDGET)
        put(out, "", "More sequences at a time do not fit.");
}

static void explain_chunk(const struct tl_fit *fit, struct tl_buffer *out)
{
    const struct tl_model_limits *l = &fit->limits;
    if (l->sweep && fit->way == TL_FIT_RESIDENT) {
        put(out, "sweep", "%u tokens pass through the layers together, in blocks of %u.", l->chunk, l->block);
        return;
    }
    if (l->sweep) {
        put(out, "sweep", "%u tokens pass through the layers together, in blocks of %u. With %.3g tokens reading the weights (at %.3g GB/s) takes "
            "as long as computing%s.", l->chunk, l->block, fit->break_even_tokens, fit->drive_rate * 1e-9,
            fit->chunk_why == TL_FIT_BUDGET ? "; the budget holds no more" : "");
        return;
    }
    const char *why = fit->chunk_why == TL_FIT_ASKED ? "as asked for"
                    : fit->chunk_why == TL_FIT_MODEL ? "there is no longer context"
                    : fit->chunk_why == TL_FIT_BUDGET ? (fit->way == TL_FIT_RESIDENT ? "as many as the budget holds" : "what a share of the budget holds")
                    : fit->way == TL_FIT_RESIDENT ? "with more, products are no faster" : "the more, the fewer times a prompt reads the weights";
    put(out, "chunk", "%u tokens of a prompt are computed together: %s.", l->chunk, why);
}

void tl_fit_explain(const struct tl_fit *fit, struct tl_buffer *out)
{
    explain_weights(fit, out);
    explain_experts(fit, out);
    explain_context(fit, out);
    explain_chunk(fit, out);
    put(out, "threads", "%u: %s.", fit->limits.threads, fit->threads_asked ? "as asked for" : "one for each CPU that may be used");
    put(out, "memory", "%s of %s: weights %s, states of sequences %s, a step %s, reading %s, sessions %s, the program itself %s.",
        SIZE(fit->planned_bytes), SIZE(fit->budget_bytes), SIZE(fit->memory.weights), SIZE(fit->memory.states), SIZE(fit->memory.batch),
        SIZE(fit->staging_bytes), SIZE(fit->users_bytes), SIZE(fit->process_bytes + fit->margin_bytes));
}
