/* SPDX-License-Identifier: MIT */
/* What a plan says besides itself: jobs in a few words and what they cost, and published prices of tokens. */
#include "api/plan.h"

#include <string.h>

#include "base/error.h"
#include "plan/prices.h"

int tl_plan_check_purposes(const struct tl_plan_options *options)
{
    struct tl_purpose purpose;
    int status = 0;
    for (size_t i = 0; i < options->purposes.count && status >= 0; i++)
        status = tl_purpose_parse(options->purposes.items[i], &purpose);
    return status;
}

struct tl_purpose_means tl_plan_means(const struct tl_plan *plan)
{
    bool decodes = plan->work[TL_WORK_DECODE].seconds > 0;
    return (struct tl_purpose_means){
        .sessions = decodes ? plan->limits[TL_WORK_DECODE] : plan->fit.limits, .sweep = plan->limits[TL_WORK_SCORE],
        .batch = plan->limits[TL_WORK_BATCH], .sweeps = plan->work[TL_WORK_SCORE].seconds > 0, .batches = plan->work[TL_WORK_BATCH].seconds > 0,
        .prompt = plan->prompt, .answer = plan->answer,
    };
}

static int write_purpose(const char *text, struct tl_planned *planned, struct tl_buffer *json)
{
    struct tl_purpose_means means = tl_plan_means(&planned->plan);
    struct tl_purpose purpose;
    struct tl_priced priced;
    int status = tl_purpose_parse(text, &purpose);
    if (status >= 0)
        status = tl_purpose_price(&purpose, planned->model, &means, &planned->machine, &priced);
    if (status >= 0)
        tl_purpose_write(text, &purpose, &priced, json);
    if (status != TL_E_BUDGET)
        return status;
    tl_buffer_printf(json, "{");
    tl_buffer_json_member(json, "text", text);
    tl_buffer_json_member(json, "error", tl_error_text());
    tl_buffer_printf(json, "}");
    return 0;
}

int tl_plan_write_more(const struct tl_plan_options *options, struct tl_planned *planned, struct tl_buffer *json)
{
    int status = 0;
    tl_buffer_printf(json, ",\"prices\":");
    tl_prices_write(planned->subject.known ? planned->subject.known->name : NULL, json);
    if (!options->purposes.count)
        return 0;
    tl_buffer_printf(json, ",\"for\":[");
    for (size_t i = 0; i < options->purposes.count && status >= 0; i++) {
        tl_buffer_printf(json, i ? "," : "");
        status = write_purpose(options->purposes.items[i], planned, json);
    }
    tl_buffer_printf(json, "]");
    return status;
}
