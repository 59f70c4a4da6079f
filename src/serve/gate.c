/* SPDX-License-Identifier: MIT */
/* Keys, hosts, origins. */
#include "serve/gate.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/text.h"

enum { NAME_BYTES = 256 };

int tl_gate_init(struct tl_gate *ret_gate, const char *const *keys, size_t n_keys)
{
    *ret_gate = (struct tl_gate){.n_keys = n_keys};
    if (!n_keys)
        return 0;
    ret_gate->keys = tl_alloc(n_keys, sizeof(*ret_gate->keys));
    if (!ret_gate->keys)
        return TL_E_NOMEM;
    for (size_t i = 0; i < n_keys; i++)
        tl_sha256_of(keys[i], strlen(keys[i]), ret_gate->keys[i]);
    return 0;
}

void tl_gate_done(struct tl_gate *gate)
{
    tl_free(gate->keys);
    *gate = (struct tl_gate){0};
}

bool tl_gate_key(const struct tl_gate *gate, const char *text)
{
    uint8_t digest[TL_SHA256_BYTES];
    unsigned good = gate->n_keys == 0;
    if (!text)
        return good;
    tl_sha256_of(text, strlen(text), digest);
    for (size_t i = 0; i < gate->n_keys; i++) {
        unsigned differs = 0;
        for (size_t j = 0; j < TL_SHA256_BYTES; j++)
            differs |= gate->keys[i][j] ^ digest[j];
        good |= differs == 0;
    }
    return good;
}

const char *tl_gate_key_of(const char *authorization, const char *api_key)
{
    if (authorization && strncasecmp(authorization, "Bearer ", 7) == 0) {
        authorization += 7;
        while (*authorization == ' ')
            authorization++;
        return authorization;
    }
    return api_key;
}

/* "NAME:PORT", "[ADDRESS]:PORT", "NAME": the name without brackets; false where it is none of these. */
static bool name_of(const char *host, const char **ret_name, size_t *ret_bytes)
{
    uint64_t port;
    const char *end;
    if (*host == '[') {
        end = strchr(++host, ']');
        if (!end)
            return false;
        *ret_bytes = (size_t)(end - host);
        end++;
    } else {
        end = host + strcspn(host, ":");
        *ret_bytes = (size_t)(end - host);
    }
    *ret_name = host;
    return *ret_bytes && *ret_bytes < NAME_BYTES && (!*end || (*end == ':' && tl_parse_u64(end + 1, strlen(end + 1), &port) && port <= UINT16_MAX));
}

static bool same(const char *name, size_t n_bytes, const char *other)
{
    return strlen(other) == n_bytes && strncasecmp(name, other, n_bytes) == 0;
}

/* An address cannot be made to point elsewhere. */
static bool is_address(const char *name, size_t n_bytes)
{
    char text[NAME_BYTES];
    struct in6_addr address;
    if (n_bytes >= sizeof(text))
        return false;
    memcpy(text, name, n_bytes);
    text[n_bytes] = 0;
    return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

bool tl_gate_is_local(const char *host, size_t n_bytes)
{
    return same(host, n_bytes, "localhost") || same(host, n_bytes, "::1") || same(host, n_bytes, "::ffff:127.0.0.1") ||
           (n_bytes > 4 && strncmp(host, "127.", 4) == 0 && is_address(host, n_bytes));
}

bool tl_gate_host(const struct tl_gate *gate, const char *host)
{
    const char *name;
    size_t n;
    if (!host)
        return true;                         /* no browser leaves it out */
    if (!name_of(host, &name, &n))
        return false;
    if (tl_gate_is_local(name, n) || is_address(name, n) || (gate->host && same(name, n, gate->host)))
        return true;
    for (size_t i = 0; i < gate->n_hosts; i++)
        if (same(name, n, gate->hosts[i]))
            return true;
    return false;
}

bool tl_gate_origin(const struct tl_gate *gate, const char *origin, const char *host)
{
    static const char *const schemes[] = {"http://", "https://"};
    const char *name;
    size_t n;
    for (size_t i = 0; i < gate->n_origins; i++)
        if (strcasecmp(origin, gate->origins[i]) == 0)
            return true;
    for (size_t i = 0; i < TL_COUNT(schemes); i++) {
        const char *rest = origin + strlen(schemes[i]);
        if (!tl_text_begins(origin, schemes[i]) || !name_of(rest, &name, &n))
            continue;
        if (tl_gate_is_local(name, n) || (host && strcasecmp(rest, host) == 0))
            return true;
    }
    return false;
}
