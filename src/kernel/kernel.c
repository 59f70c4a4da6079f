/* SPDX-License-Identifier: MIT */
/* Dispatch: one table of kernels for each row of isa.def that this CPU can run. The table of a level starts as a copy
 * of the one below it, and the level's two fill functions overwrite what they improve. The tables are made once, at
 * the first question, and never change after that. */
#include "kernel/kernel.h"

#include <pthread.h>
#include <string.h>

#include "base/array.h"
#include "base/cpu.h"
#include "kernel/arch.h"
#include "kernel/fill.h"

struct level {
    const char *name;
    uint32_t features;
    void (*fill_product)(struct tl_kernel *kernel);      /* NULL: not of this architecture */
    void (*fill_vector)(struct tl_kernel *kernel);
};

static const struct level levels[] = {
#define ISA(name, architecture, features, folder, flags) \
    {#name, features, (architecture) ? tl_kernel_fill_##name##_product : NULL, \
     (architecture) ? tl_kernel_fill_##name##_vector : NULL},
#include "kernel/isa.def"
#undef ISA
};

enum { LEVELS = TL_COUNT(levels), NAMES_BYTES = 16 * LEVELS };

static struct tl_kernel kernels[LEVELS];                 /* name NULL: this CPU cannot run it */
static char names[NAMES_BYTES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill(void)
{
    uint32_t have = tl_cpu_features();
    struct tl_kernel kernel = {0};
    for (int i = 0; i < LEVELS; i++) {
        const struct level *level = &levels[i];
        if (!level->fill_product || (level->features & ~have))
            continue;
        kernel.name = level->name;
        level->fill_product(&kernel);
        level->fill_vector(&kernel);
        kernels[i] = kernel;
        if (names[0])
            strncat(names, " ", NAMES_BYTES - strlen(names) - 1);
        strncat(names, level->name, NAMES_BYTES - strlen(names) - 1);
    }
}

const struct tl_kernel *tl_kernel_level(const char *name)
{
    pthread_once(&once, fill);
    for (int i = 0; i < LEVELS; i++)
        if (kernels[i].name && strcmp(kernels[i].name, name) == 0)
            return &kernels[i];
    return NULL;
}

const struct tl_kernel *tl_kernel_best(void)
{
    pthread_once(&once, fill);
    int best = 0;                                        /* ref needs no feature */
    for (int i = 1; i < LEVELS; i++)
        if (kernels[i].name)
            best = i;
    return &kernels[best];
}

const char *tl_kernel_names(void)
{
    pthread_once(&once, fill);
    return names;
}
