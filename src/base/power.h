/* SPDX-License-Identifier: MIT */
/* Energy that the processors draw, counted by the machine itself: RAPL counters of the kernel's powercap tree, packages
 * and memory (dram) summed; what lies within a package (core, uncore) or around it (psys) is not added. All programs on the
 * machine count along, and drives, fans and losses do not. Counters wrap: a thread of the meter's own looks at them often enough. */
#ifndef TL_BASE_POWER_H
#define TL_BASE_POWER_H

struct tl_power;

/* `root` is put before /sys: "" for this machine, a folder in tests. TL_E_FAIL: nothing here counts; TL_E_IO: counters are
 * there and may not be read. */
int tl_power_open(const char *root, struct tl_power **ret_power);
void tl_power_close(struct tl_power *power);         /* NULL is fine */

/* Joules since it was opened; any thread. TL_E_IO where since then a counter could not be read or jumped (a machine that
 * slept): lasts, as a sum with a gap is none. */
int tl_power_read(struct tl_power *power, double *ret_joules);
const char *tl_power_zones(const struct tl_power *power);             /* "package-0 dram", borrowed */

/* The same for counters looked at now, as the meter's thread does. For tests. */
void tl_power_look(struct tl_power *power);

#endif
