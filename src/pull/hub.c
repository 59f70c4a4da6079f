/* SPDX-License-Identifier: MIT */
/* Asking a hub: /api/models/NAME/revision/REVISION, then /api/models/NAME/tree/COMMIT, page by page. */
#include "pull/hub.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

enum { INFO_BYTES = 32 << 20, PAGE_BYTES = 32 << 20, MAX_PAGES = 200, LIMIT_S = 300 };

static bool ends_with_slash(const char *text) { return *text && text[strlen(text) - 1] == '/'; }

static void put_endpoint(struct tl_buffer *url, const char *endpoint)
{
    tl_buffer_printf(url, "%s%s", endpoint, ends_with_slash(endpoint) ? "" : "/");
}

int tl_hub_file_url(struct tl_buffer *url, const char *endpoint, const char *repository, const char *commit, const char *path)
{
    tl_buffer_clear(url);
    put_endpoint(url, endpoint);
    tl_buffer_printf(url, "%s/resolve/%s/", repository, commit);
    tl_web_escape(url, path);
    return url->status;
}

/* --- sentences ---------------------------------------------------------------------------------------------------- */

static int fail_gated(const struct tl_pull_name *name, const char *endpoint, bool has_token)
{
    const char *slash = ends_with_slash(endpoint) ? "" : "/";
    if (has_token)
        return tl_fail(TL_E_FAIL, "%s is gated: accept its terms at %s%s%s with the account that HF_TOKEN belongs to; the token must be one that may "
                       "read gated repositories", name->repository, endpoint, slash, name->repository);
    return tl_fail(TL_E_FAIL, "%s is gated: accept its terms at %s%s%s, then set HF_TOKEN to a token of yours", name->repository, endpoint, slash,
                   name->repository);
}

int tl_hub_fail(const struct tl_web_request *request, const char *endpoint, const struct tl_pull_name *name, const char *path, bool has_token)
{
    const char *slash = *path ? "/" : "";
    long s = request->status;
    if (request->outcome == TL_WEB_REFUSED)
        return tl_fail(request->refusal, "%s%s%s: %s", name->repository, slash, path, request->problem);
    if (request->outcome == TL_WEB_AGAIN)                /* tried often enough */
        s = 0;
    if ((s == 401 || s == 403) && strcmp(request->error_code, "GatedRepo") == 0)
        return fail_gated(name, endpoint, has_token);
    if (s == 404 && strcmp(request->error_code, "RevisionNotFound") == 0)
        return tl_fail(TL_E_FAIL, "%s has no revision %s", name->repository, name->revision);
    if (s == 404 && *path)
        return tl_fail(TL_E_FAIL, "%s has no file %s", name->repository, path);
    if (s == 401 || s == 403 || s == 404)
        return tl_fail(TL_E_FAIL, "%s: %s shows no such repository%s (HTTP %ld)", name->repository, endpoint,
                       has_token ? " to the holder of HF_TOKEN" : "; a private or gated one needs its terms accepted and HF_TOKEN set", s);
    return tl_fail(TL_E_IO, "%s%s%s: %s: %s", name->repository, slash, path, endpoint, request->problem);
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

struct asking {
    struct tl_web *web;
    const char *endpoint;
    const struct tl_pull_name *name;
    bool has_token;
    struct tl_progress *progress;
    struct tl_hub_repository *repository;
    char *next;                          /* the page to come */
};

/* One document, read by `read`. */
static int get(struct asking *a, const char *url, size_t limit, int (*read)(const char *, const char *, size_t, struct tl_hub_repository *))
{
    struct tl_web_request request = {.limit_s = LIMIT_S};
    struct tl_buffer body;
    tl_buffer_init(&body, 0);
    int r = tl_web_get(a->web, url, limit, a->progress, &request, &body);
    if (r >= 0 && request.outcome != TL_WEB_GOOD)
        r = tl_hub_fail(&request, a->endpoint, a->name, "", a->has_token);
    if (r >= 0)
        r = read(a->name->repository, body.len ? body.data : "", body.len, a->repository);
    tl_free(a->next);
    a->next = r >= 0 ? request.next : NULL;
    request.next = r >= 0 ? NULL : request.next;
    tl_web_drop(a->web, &request);
    tl_buffer_done(&body);
    return r;
}

static int ask_info(struct asking *a)
{
    struct tl_buffer url;
    tl_buffer_init(&url, 0);
    put_endpoint(&url, a->endpoint);
    tl_buffer_printf(&url, "api/models/%s/revision/", a->name->repository);
    for (const char *at = a->name->revision; *at; at++)          /* its slashes are part of one component */
        tl_buffer_printf(&url, *at == '/' ? "%%2F" : *at == '+' ? "%%2B" : "%c", *at);
    int r = url.status < 0 ? url.status : get(a, url.data, INFO_BYTES, tl_hub_read_info);
    tl_buffer_done(&url);
    return r;
}

static int ask_tree(struct asking *a)
{
    struct tl_buffer url;
    tl_buffer_init(&url, 0);
    put_endpoint(&url, a->endpoint);
    tl_buffer_printf(&url, "api/models/%s/tree/%s?recursive=true", a->name->repository, a->repository->commit);
    int r = url.status < 0 ? url.status : get(a, url.data, PAGE_BYTES, tl_hub_read_tree);
    for (int page = 1; r >= 0 && a->next; page++) {
        TL_AUTO char *next = a->next;
        a->next = NULL;
        if (page == MAX_PAGES)
            r = tl_fail(TL_E_FILE, "%s: its list of files has more than %d pages", a->name->repository, MAX_PAGES);
        else
            r = get(a, next, PAGE_BYTES, tl_hub_read_tree);
    }
    tl_buffer_done(&url);
    return r;
}

int tl_hub_ask(struct tl_web *web, const char *endpoint, const struct tl_pull_name *name, bool has_token, struct tl_progress *progress,
               struct tl_hub_repository *ret_repository)
{
    struct tl_hub_repository repository = {0};
    struct asking asking = {web, endpoint, name, has_token, progress, &repository, NULL};
    int r = tl_progress_begin(progress, "asking the hub", 0, 0, "files");
    if (r >= 0)
        r = ask_info(&asking);
    if (r >= 0)
        r = ask_tree(&asking);
    tl_free(asking.next);
    if (r < 0) {
        tl_hub_done(&repository);
        return r;
    }
    *ret_repository = repository;
    return 0;
}

void tl_hub_done(struct tl_hub_repository *repository)
{
    for (uint64_t i = 0; i < repository->n_files; i++)
        tl_free(repository->files[i].path);
    tl_free(repository->files);
    *repository = (struct tl_hub_repository){0};
}
