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

#define ROW(...) TL_OPTION_ROW(struct options, __VA_ARGS__)
static const struct tl_option rows[] = {
    ROW(folder, FILE, "folder", "DIR", .fallback = ".", .help = "where models are kept"),
    ROW(drive_file, FILE, "drive-file", "FILE", .help = "read to measure the drive"),
    ROW(state, FILE, "state", "DIR", .help = "where machine.json goes; nowhere unless given"),
    ROW(size, BYTES, "size", "BYTES", .fallback = "1G", .min = 4 << 20, .max = 1 << 30, .help = "of a file written to measure the drive"),
    ROW(seconds, F64, "seconds", "S", .fallback = "0.25", .min = 0.001, .max = 60, .help = "each measurement"),
    ROW(threads, U64, "threads", "N", .min = 1, .max = 256),
    ROW(cpu, TEXT, "cpu", "LEVEL"),
    ROW(io, TEXT, "io", "WAY"),
    ROW(quick, FLAG, "quick", NULL),
};

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
    doctor.cpu = tl_job_said(o.cpu);
    doctor.io = tl_job_said(o.io);
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
