/* SPDX-License-Identifier: MIT */
/* The page's routes. A browser may keep every file, and asks whether it is still the same, which it is until the program is
 * another one. What a page may do is said in its policy: run and show what comes from here, and nothing else. */
#include "serve/page.h"

#include <string.h>

#include "serve/routes.h"

static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
                             " base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/* NULL: there is none of that name. */
static const struct tl_page_file *find_file(const char *name)
{
    for (size_t i = 0; i < tl_page_files_count; i++)
        if (strcmp(tl_page_files[i].name, name) == 0)
            return &tl_page_files[i];
    return NULL;
}

static void reply(struct tl_exchange *exchange, const char *name)
{
    const struct tl_page_file *file = find_file(name);
    const char *known = tl_exchange_header(exchange, "If-None-Match");
    if (!file) {
        tl_exchange_fail(exchange, 404, "there is no such file in the page", NULL);
        return;
    }
    bool same = known && strstr(known, file->tag);
    tl_exchange_set_header(exchange, "Content-Security-Policy", policy);
    tl_exchange_set_header(exchange, "Referrer-Policy", "no-referrer");
    tl_exchange_set_header(exchange, "Cross-Origin-Opener-Policy", "same-origin");
    tl_exchange_set_header(exchange, "Cache-Control", "no-cache");
    tl_exchange_set_header(exchange, "ETag", file->tag);
    tl_exchange_reply_static(exchange, same ? 304 : 200, file->type, same ? (const void *)"" : file->bytes, same ? 0 : file->n_bytes);
}

int tl_page_get(struct tl_exchange *exchange)
{
    reply(exchange, "index.html");
    return 0;
}

int tl_page_get_file(struct tl_exchange *exchange)
{
    reply(exchange, exchange->rest);
    return 0;
}
