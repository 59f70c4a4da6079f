/* SPDX-License-Identifier: MIT */
/* Headers as clients send them: "HOST\nORIGIN\nAUTHORIZATION". Whoever may come in has named an address, localhost or an allowed name. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "serve/gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static const char *const keys[] = {"a key"}, *const hosts[] = {"box.example.org"}, *const origins[] = {"https://pages.example"};
    struct tl_gate gate;
    char *text = tl_strndup((const char *)bytes, n_bytes), *rest = text;
    if (!text || tl_gate_init(&gate, keys, 1) < 0)
        abort();
    gate.hosts = hosts;
    gate.origins = origins;
    gate.n_hosts = gate.n_origins = 1;
    const char *host = strsep(&rest, "\n"), *origin = rest ? strsep(&rest, "\n") : NULL, *authorization = rest;
    if (tl_gate_host(&gate, host) && strstr(host, "evil"))
        abort();
    if (origin && tl_gate_origin(&gate, origin, "127.0.0.1") && strstr(origin, "evil"))
        abort();
    const char *key = tl_gate_key_of(authorization, NULL);
    if (key && tl_gate_key(&gate, key) && strcmp(key, keys[0]) != 0)
        abort();
    tl_gate_done(&gate);
    tl_free(text);
    return 0;
}
