/* SPDX-License-Identifier: MIT */
/* Who may come in: keys, the names by which the server may be called (against names that are made to point here), and the
 * origins that browsers may come from. Pure functions of texts; everything from outside. */
#ifndef TL_SERVE_GATE_H
#define TL_SERVE_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

struct tl_gate {
    uint8_t (*keys)[TL_SHA256_BYTES];    /* digests: comparing them takes as long for every key */
    size_t n_keys;
    const char *const *origins;
    size_t n_origins;
    const char *const *hosts;
    size_t n_hosts;
    const char *host;                    /* that is listened on */
};

int tl_gate_init(struct tl_gate *ret_gate, const char *const *keys, size_t n_keys);
void tl_gate_done(struct tl_gate *gate);

/* Is `text` one of the keys? All are looked at. True where there are none. */
bool tl_gate_key(const struct tl_gate *gate, const char *text);
/* The key in the headers of a request, "Authorization: Bearer KEY" before "x-api-key: KEY"; NULL: none. */
const char *tl_gate_key_of(const char *authorization, const char *api_key);
/* Is this value of the header Host (NULL: there is none) an address, localhost, or a name that was allowed? */
bool tl_gate_host(const struct tl_gate *gate, const char *host);
/* Is this value of the header Origin the server itself (as `host` calls it), this machine, or one that was allowed? */
bool tl_gate_origin(const struct tl_gate *gate, const char *origin, const char *host);
/* Does this name or address mean this machine alone? */
bool tl_gate_is_local(const char *host, size_t n_bytes);

#endif
