/* SPDX-License-Identifier: MIT */
/* The job "doctor": is this machine ready (room plan)? */
#include "api/job.h"
#include "base/array.h"
#include "base/error.h"
#include "plan/doctor.h"

struct options {
    const char *folder, *drive_file, *state, *cpu, *io;
    uint64_t size, threads;
    double seconds;
    bool quick;
};

#define FIELD(field) offsetof(struct options, field)
static const struct tl_option rows[] = {
    {"folder", 0, TL_OPTION_FILE, "DIR", ".", 0, 0, "where models are kept", FIELD(folder)},
    {"drive-file", 0, TL_OPTION_FILE, "FILE", NULL, 0, 0, "read to measure the drive", FIELD(drive_file)},
    {"state", 0, TL_OPTION_FILE, "DIR", NULL, 0, 0, "where machine.json goes; nowhere unless given", FIELD(state)},
    {"size", 0, TL_OPTION_BYTES, "BYTES", "1G", 4 << 20, 1 << 30, "of a file written to measure the drive", FIELD(size)},
    {"seconds", 0, TL_OPTION_F64, "S", "0.25", 0.001, 60, "each measurement", FIELD(seconds)},
    {"threads", 0, TL_OPTION_U64, "N", NULL, 1, 256, "", FIELD(threads)},
    {"cpu", 0, TL_OPTION_TEXT, "LEVEL", NULL, 0, 0, "", FIELD(cpu)},
    {"io", 0, TL_OPTION_TEXT, "WAY", NULL, 0, 0, "", FIELD(io)},
    {"quick", 0, TL_OPTION_FLAG, NULL, NULL, 0, 0, "", FIELD(quick)},
};

static const char *or_best(const char *name) { return name && strcmp(name, "auto") != 0 ? name : NULL; }

int tl_job_doctor(struct tl_job_run *run)
{
    struct options o = {0};
    struct tl_doctor doctor;
    int status = tl_job_options(run, rows, TL_COUNT(rows), &o);
    if (status < 0)
        return status;
    tl_doctor_init(&doctor);
    doctor.models = o.folder;
    doctor.drive_file = o.drive_file;
    doctor.state = o.state;
    doctor.cpu = or_best(o.cpu);
    doctor.io = or_best(o.io);
    doctor.threads = (uint32_t)o.threads;
    doctor.file_bytes = o.size;
    doctor.seconds = o.seconds;
    doctor.quick = o.quick;
    doctor.progress = &run->progress;
    status = tl_doctor_run(&doctor);
    if (status >= 0)
        tl_doctor_report(&doctor, &run->report);
    return status;
}
