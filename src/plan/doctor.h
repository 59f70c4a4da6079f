/* SPDX-License-Identifier: MIT */
/* Is this machine ready? The checks of doctor.def: each finds something, judges it, and fills what it measured into a
 * struct tl_machine, which is kept in the state folder for plans. A check that cannot find out is no failure: it says why.
 * Nothing is changed but that file; the file that is read to measure the drive has no name. */
#ifndef TL_PLAN_DOCTOR_H
#define TL_PLAN_DOCTOR_H

#include <stdbool.h>

#include "base/progress.h"
#include "plan/machine.h"
#include "store/probe.h"

enum tl_check {
#define CHECK(id, name, title, means, advice) TL_CHECK_##id,
#include "plan/doctor.def"
#undef CHECK
    TL_CHECKS
};

enum tl_health { TL_HEALTH_OK, TL_HEALTH_UNKNOWN, TL_HEALTH_WARNING, TL_HEALTH_PROBLEM };      /* from good to bad */

struct tl_finding { enum tl_health health; char found[240]; };

enum { TL_DOCTOR_READS = 6 };
struct tl_doctor_read { uint64_t bytes; uint32_t depth; double rate, least, most; };     /* bytes a second: median and extremes */

struct tl_doctor {
    const char *root;                    /* before /proc and /sys: "" for this machine, a folder in tests */
    const char *models;                  /* folder of models; need not be there */
    const char *drive_file;              /* that is read to measure the drive; NULL: a large one of that folder, or a new one */
    const char *state;                   /* folder of machine.json, made where it is not there; NULL: nothing is kept */
    const char *cpu;                     /* kernel level; NULL: the best */
    const char *io;                      /* row of io.def; NULL: the best */
    uint32_t threads;                    /* 0: all */
    uint64_t file_bytes, memory_bytes;   /* of the new file, at most; that are read to measure memory */
    double seconds;                      /* that each measurement takes, about */
    bool quick;                          /* nothing is measured */
    struct tl_progress *progress;        /* may be NULL */

    struct tl_finding findings[TL_CHECKS];
    struct tl_machine machine;
    struct tl_doctor_read reads[TL_DOCTOR_READS];        /* n_reads of them were measured; the first is what plans count with */
    uint32_t n_reads;
    bool new_file, direct;               /* of the drive's file */
    char file[256], way[16];             /* its path or folder; the row of io.def */
    struct tl_probe *probe;              /* from one check to another */
    struct tl_power *power;
};

void tl_doctor_init(struct tl_doctor *doctor);       /* usual wishes */
/* TL_E_CANCEL, TL_E_NOMEM, TL_E_USAGE for wishes that cannot be. What it found needs no freeing. */
int tl_doctor_run(struct tl_doctor *doctor);
enum tl_health tl_doctor_health(const struct tl_doctor *doctor);      /* the worst, but UNKNOWN counts as OK */
void tl_doctor_report(const struct tl_doctor *doctor, struct tl_buffer *json);       /* the document of docs/doctor.md */

const char *tl_health_name(enum tl_health health);   /* "ok", "unknown", "warning", "problem" */

/* --- for the checks ----------------------------------------------------------------------------------------------- */

/* A check < 0 ends the run. */
#define CHECK(id, name, title, means, advice) int tl_check_##name(struct tl_doctor *doctor, struct tl_finding *finding);
#include "plan/doctor.def"
#undef CHECK

int tl_find(struct tl_finding *finding, enum tl_health health, const char *format, ...) __attribute__((format(printf, 3, 4)));   /* 0 */
/* A failure below as a finding, except for those that end the run. */
int tl_find_error(struct tl_finding *finding, enum tl_health health, int status);

#endif
