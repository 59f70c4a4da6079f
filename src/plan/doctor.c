/* SPDX-License-Identifier: MIT */
/* Runs the checks in the order of their table and writes what they found. */
#include "plan/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/power.h"

static const struct { const char *name, *title, *means, *advice; int (*run)(struct tl_doctor *doctor, struct tl_finding *finding); } checks[TL_CHECKS] = {
#define CHECK(id, name, title, means, advice) {#name, title, means, advice, tl_check_##name},
#include "plan/doctor.def"
#undef CHECK
};

const char *tl_health_name(enum tl_health health)
{
    static const char *const names[] = {"ok", "unknown", "warning", "problem"};
    return names[health];
}

int tl_find(struct tl_finding *finding, enum tl_health health, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(finding->found, sizeof finding->found, format, args);
    va_end(args);
    finding->health = health;
    return 0;
}

int tl_find_error(struct tl_finding *finding, enum tl_health health, int status)
{
    return status == TL_E_CANCEL || status == TL_E_NOMEM || status == TL_E_USAGE ? status : tl_find(finding, health, "%.230s", tl_error_text());
}

void tl_doctor_init(struct tl_doctor *doctor)
{
    *doctor = (struct tl_doctor){.root = "", .models = ".", .file_bytes = UINT64_C(1) << 30, .memory_bytes = 512u << 20, .seconds = 0.25};
}

int tl_doctor_run(struct tl_doctor *doctor)
{
    int status = 0;
    tl_machine_ask(doctor->models, &doctor->machine);
    for (int i = 0; i < TL_CHECKS && status >= 0; i++) {
        doctor->findings[i] = (struct tl_finding){.health = TL_HEALTH_UNKNOWN};
        status = checks[i].run(doctor, &doctor->findings[i]);
        if (status >= 0)
            status = tl_progress_check(doctor->progress);
    }
    tl_machine_finish(&doctor->machine);
    tl_probe_close(doctor->probe);
    tl_power_close(doctor->power);
    doctor->probe = NULL;
    doctor->power = NULL;
    return status;
}

enum tl_health tl_doctor_health(const struct tl_doctor *doctor)
{
    enum tl_health worst = TL_HEALTH_OK;
    for (int i = 0; i < TL_CHECKS; i++)
        worst = doctor->findings[i].health > worst ? doctor->findings[i].health : worst;
    return worst == TL_HEALTH_UNKNOWN ? TL_HEALTH_OK : worst;
}

/* --- the document ------------------------------------------------------------------------------------------------- */

static void put_reads(const struct tl_doctor *doctor, struct tl_buffer *json)
{
    tl_buffer_printf(json, ",\"drive\":{");
    tl_buffer_json_member(json, "file", doctor->file);
    tl_buffer_printf(json, ",\"new_file\":%s,\"direct\":%s,\"io\":\"%s\",\"reads\":[", doctor->new_file ? "true" : "false",
                     doctor->direct ? "true" : "false", doctor->way);
    for (uint32_t i = 0; i < doctor->n_reads; i++) {
        const struct tl_doctor_read *read = &doctor->reads[i];
        tl_buffer_printf(json, "%s{\"bytes\":%llu,\"depth\":%u,\"bytes_per_s\":%.4g,\"least\":%.4g,\"most\":%.4g}", i ? "," : "",
                         (unsigned long long)read->bytes, read->depth, read->rate, read->least, read->most);
    }
    tl_buffer_printf(json, "]}");
}

void tl_doctor_report(const struct tl_doctor *doctor, struct tl_buffer *json)
{
    tl_buffer_append(json, "{", 1);
    tl_buffer_json_member(json, "machine", doctor->machine.name);
    tl_buffer_printf(json, ",\"health\":\"%s\",\"checks\":[", tl_health_name(tl_doctor_health(doctor)));
    for (int i = 0; i < TL_CHECKS; i++) {
        const struct tl_finding *finding = &doctor->findings[i];
        tl_buffer_printf(json, "%s\n {\"check\":\"%s\",\"health\":\"%s\"", i ? "," : "", checks[i].name, tl_health_name(finding->health));
        tl_buffer_json_member(json, "title", checks[i].title);
        tl_buffer_json_member(json, "found", finding->found);
        tl_buffer_json_member(json, "means", checks[i].means);
        tl_buffer_json_member(json, "advice", checks[i].advice);
        tl_buffer_append(json, "}", 1);
    }
    tl_buffer_printf(json, "],\n\"facts\":{");
    for (int i = 0; i < TL_FACTS; i++)
        tl_buffer_printf(json, "%s\"%s\":{\"value\":%.6g,\"source\":\"%s\"}", i ? "," : "", tl_facts[i].name, doctor->machine.value[i],
                         tl_source_name(doctor->machine.source[i]));
    tl_buffer_append(json, "}", 1);
    if (doctor->n_reads)
        put_reads(doctor, json);
    tl_buffer_append(json, "}", 1);
}
