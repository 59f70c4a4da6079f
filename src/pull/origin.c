/* SPDX-License-Identifier: MIT */
/* Addresses are taken apart by the code that will visit them, so that both see the same host. */
#include "pull/origin.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "pull/curl.h"

static bool get(const struct tl_curl *curl, CURLU *handle, CURLUPart part, unsigned flags, char *to, size_t room)
{
    char *text = NULL;
    bool good = curl->url_get(handle, part, &text, flags) == CURLUE_OK && text && strlen(text) < room;
    for (size_t i = 0; good && i <= strlen(text); i++)
        to[i] = (char)tolower((unsigned char)text[i]);
    curl->free(text);
    return good;
}

static bool is_here(const char *host)
{
    struct in_addr address;
    if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

int tl_origin_of(const struct tl_curl *curl, const char *url, struct tl_origin *ret_origin)
{
    struct tl_origin origin = {0};
    char scheme[16] = "", user[8] = "";
    CURLU *handle = curl->url();
    bool good = handle && curl->url_set(handle, CURLUPART_URL, url, 0) == CURLUE_OK && get(curl, handle, CURLUPART_SCHEME, 0, scheme, sizeof scheme) &&
                get(curl, handle, CURLUPART_HOST, 0, origin.host, sizeof origin.host) && get(curl, handle, CURLUPART_PORT, CURLU_DEFAULT_PORT, origin.port, sizeof origin.port);
    char *name = NULL;
    if (good && curl->url_get(handle, CURLUPART_USER, &name, 0) == CURLUE_OK)
        snprintf(user, sizeof user, "yes");
    curl->free(name);
    curl->url_cleanup(handle);
    origin.secure = strcmp(scheme, "https") == 0;
    if (!good || user[0] || (!origin.secure && strcmp(scheme, "http") != 0))
        return tl_fail(TL_E_IO, "an address with https was expected, found %.200s", url);
    origin.here = is_here(origin.host);
    *ret_origin = origin;
    return 0;
}

bool tl_origin_same(const struct tl_origin *a, const struct tl_origin *b)
{
    return a->secure == b->secure && strcmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0;
}

bool tl_origin_may_visit(const struct tl_origin *hub, const struct tl_origin *origin)
{
    return origin->secure || (!hub->secure && hub->here && origin->here);
}
