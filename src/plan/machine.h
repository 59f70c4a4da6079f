/* SPDX-License-Identifier: MIT */
/* A machine as a plan sees it: the facts of machine.def and where each comes from. A plan measures nothing: what `trill
 * doctor` measured is read from its file, the rest is asked from the system, said by the user, or taken as usual. */
#ifndef TL_PLAN_MACHINE_H
#define TL_PLAN_MACHINE_H

#include "base/buffer.h"
#include "base/pool.h"
#include "kernel/kernel.h"

enum tl_fact {
#define FACT(id, name, unit, usual, meaning) TL_FACT_##id,
#include "plan/machine.def"
#undef FACT
    TL_FACTS
};

enum tl_fact_unit { TL_UNIT_COUNT, TL_UNIT_BYTES, TL_UNIT_RATE, TL_UNIT_OPS, TL_UNIT_WATTS, TL_UNIT_MONEY, TL_UNIT_GRAMS };

struct tl_fact_row { const char *name; enum tl_fact_unit unit; double usual; const char *meaning; };

extern const struct tl_fact_row tl_facts[TL_FACTS];

/* Later ones take the place of earlier ones. */
enum tl_fact_source { TL_SOURCE_USUAL, TL_SOURCE_ASKED, TL_SOURCE_MEASURED, TL_SOURCE_SAID };

struct tl_machine {
    char name[64];                       /* "AMD EPYC 9B45", or as its file says */
    double value[TL_FACTS];
    enum tl_fact_source source[TL_FACTS];
};

const char *tl_source_name(enum tl_fact_source source);               /* "usual", "asked", "measured", "said" */

/* This machine, with nothing measured. folder: where models are kept, or NULL. */
void tl_machine_ask(const char *folder, struct tl_machine *ret_machine);
/* This machine as all know it: asked, then what was measured of it (`state`/machine.json), then what the user says
 * (`config`/machine.json), as far as there are such files; folders may be NULL. < 0, with a sentence: one of them cannot be
 * read; the machine is what the rest says. Not finished. */
int tl_machine_here(const char *state, const char *config, const char *models, struct tl_machine *ret_machine);
/* Takes over what a file says: {"name": ..., "drive": "7GB/s", "ram": 64000000000, "measured": ["drive"]}. Facts that are
 * not listed as measured count as said. `other`: the file describes another machine, so that what was asked of this one
 * is forgotten first. TL_E_FILE names file, key, found and expected; TL_E_IO where it cannot be read. */
int tl_machine_read(const char *path, bool other, struct tl_machine *machine);
int tl_machine_write(const char *path, const struct tl_machine *machine);        /* what is measured or said; beside, synced, renamed */
/* One fact as the user types it: "7GB/s", "64G", "2T", "0.25". TL_E_USAGE names it, what was found and expected. */
int tl_machine_say(struct tl_machine *machine, enum tl_fact fact, const char *text);
void tl_machine_set(struct tl_machine *machine, enum tl_fact fact, double value, enum tl_fact_source source);
/* machine_measure.c: facts of what the pool's threads do together; of arithmetic INT8, BF16 or F32, in a level's loops. */
int tl_machine_measure_memory(struct tl_machine *machine, struct tl_pool *pool, uint64_t n_bytes, double seconds);
void tl_machine_measure_arithmetic(struct tl_machine *machine, enum tl_fact fact, struct tl_pool *pool, const struct tl_kernel *level, double seconds);
/* Last: what follows from other facts is filled in. */
void tl_machine_finish(struct tl_machine *machine);

int tl_fact_parse(enum tl_fact fact, const char *text, double *ret);
/* "7.00 GB/s", "64.0 GiB", "2.00 Tops/s", "60 W", "0.25". */
void tl_fact_print(enum tl_fact fact, double value, struct tl_buffer *out);

#endif
