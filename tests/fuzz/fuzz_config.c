/* SPDX-License-Identifier: MIT */
/* Configurations: any config.json is read by its architecture or refused; what is read lists tensors whose sizes add up. */
#include <stdint.h>
#include <stdlib.h>

#include "plan/listing.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void require(bool good)
{
    if (!good)
        abort();
}

static void list(const struct tl_geometry *geometry, const struct tl_modelfile *file)
{
    struct tl_listing listing;
    uint64_t elems = 0;
    if (tl_listing_make(geometry, file, &(struct tl_recipe){0}, &listing) < 0)
        return;
    for (uint32_t i = 0; i < listing.n_tensors; i++)
        elems += listing.tensors[i].n_elems;
    require(elems == listing.program.parameters && listing.program.active_parameters <= listing.program.parameters);
    tl_listing_done(&listing);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static struct tl_geometry geometry;
    struct tl_modelfile *file = NULL;
    if (tl_modelfile_outline("fuzz", (const char *)bytes, n_bytes, &file) < 0)
        return 0;
    if (tl_geometry_read(file, &geometry) >= 0 && geometry.n_layers <= 64)
        list(&geometry, file);
    tl_modelfile_close(file);
    return 0;
}
