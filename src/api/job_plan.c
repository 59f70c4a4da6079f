/* SPDX-License-Identifier: MIT */
/* The job "plan": what a model costs on a machine, before anything is loaded. Of several models, machines or formats, and of
 * all their pairs, one after the other: {"plans": [...]}, in which what cannot be planned has the reason as "error". */
#include "api/job.h"
#include "api/plan.h"
#include "base/error.h"
#include "base/memory.h"

enum { MOST_PLANS = 64 };

struct order { const char *name, *format, *machine; };

static int say_why(const struct order *order, struct tl_buffer *json)
{
    tl_buffer_printf(json, "{");
    tl_buffer_json_member(json, "model", order->name);
    tl_buffer_json_member(json, "error", tl_error_text());
    tl_buffer_printf(json, "}");
    return 0;
}

static int plan(const struct tl_plan_options *options, const struct order *order, bool alone, struct tl_buffer *json)
{
    struct tl_machine machine;
    struct tl_planned planned;
    int status = tl_plan_machine(options, order->machine, &machine);
    if (status < 0)
        return status;
    status = tl_planned_open(options, order->name, order->format, &machine, &planned);
    if (status < 0)
        return alone || status == TL_E_CANCEL || status == TL_E_NOMEM ? status : say_why(order, json);
    tl_plan_write_open(&planned.plan, planned.model, &planned.subject, &machine, json);
    status = tl_plan_write_more(options, &planned, json);
    tl_buffer_printf(json, "}");
    tl_planned_close(&planned);
    return status;
}

/* "a,b": the parts, in `text`, which is changed. */
static int split(char *text, const char **parts, size_t *n)
{
    for (char *rest = text, *part; (part = strsep(&rest, ","));) {
        if (!*part)
            return tl_fail(TL_E_USAGE, "found nothing between two commas, expected names separated by commas");
        if (*n == MOST_PLANS)
            return tl_fail(TL_E_USAGE, "more than %d to be compared", MOST_PLANS);
        parts[(*n)++] = part;
    }
    return 0;
}

static int plan_all(struct tl_job_run *run, struct tl_plan_options *options, const char *const *names, size_t n_names,
                    const char *const *formats, size_t n_formats)
{
    size_t n_machines = options->machine.count ? options->machine.count : 1, n = n_names * n_formats * n_machines;
    struct tl_buffer *json = &run->report;
    if (n > MOST_PLANS)
        return tl_fail(TL_E_USAGE, "%zu plans to be compared, at most %d", n, MOST_PLANS);
    tl_buffer_printf(json, n > 1 ? "{\"plans\":[" : "");
    int status = tl_progress_begin(&run->progress, "planning", 0, n, "plans");
    for (size_t i = 0; i < n && status >= 0; i++) {
        size_t machine = i % n_machines, format = i / n_machines % n_formats, name = i / n_machines / n_formats;
        struct order order = {names[name], formats[format], options->machine.count ? options->machine.items[machine] : NULL};
        tl_buffer_printf(json, i ? ",\n" : "");
        status = plan(options, &order, n == 1, json);
        if (status >= 0)
            status = tl_progress_move(&run->progress, i + 1);
    }
    tl_buffer_printf(json, n > 1 ? "]}" : "");
    return status;
}

/* Without a model formats are chosen, and one machine is looked at. */
static int suits(struct tl_job_run *run, const struct tl_plan_options *o)
{
    if (o->to || o->experts || o->trunk || o->embed || o->head || o->kv || o->activations || o->chunk)
        return tl_fail(TL_E_USAGE, "MODEL is missing: formats and --chunk are those of one; what suits a machine is chosen without them");
    if (o->machine.count > 1)
        return tl_fail(TL_E_USAGE, "MODEL is missing: several machines are compared by what one costs there");
    return tl_planned_suits(run, o);
}

int tl_job_plan(struct tl_job_run *run)
{
    struct tl_plan_options o = {0};
    const char *names[MOST_PLANS], *formats[MOST_PLANS] = {NULL};
    size_t n_names = 0, n_formats = 0;
    int status = tl_job_options(run, tl_plan_option_rows, tl_plan_option_count, &o);
    if (status < 0)
        return status;
    status = tl_plan_check_purposes(&o);
    if (status < 0)
        return status;
    if (!o.model && !o.like.count && !o.purposes.count)
        return suits(run, &o);
    if (!o.model && !o.like.count)
        return tl_fail(TL_E_USAGE, "MODEL is missing: jobs (--for) are priced for a file, a folder, a name in the cache, or a geometry such as kimi-k2");
    if (o.model)
        names[n_names++] = o.model;
    TL_AUTO char *to = o.to && strchr(o.to, ',') ? tl_strdup(o.to) : NULL;
    for (size_t i = 0; i < o.like.count && n_names < MOST_PLANS; i++)
        names[n_names++] = o.like.items[i];
    if (to) {
        o.to = NULL;
        status = split(to, formats, &n_formats);
    }
    return status < 0 ? status : plan_all(run, &o, names, n_names, formats, n_formats ? n_formats : 1);
}
