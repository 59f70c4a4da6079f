/* SPDX-License-Identifier: MIT */
/* Takes names apart. Everything that becomes part of a path or of an address is checked here, whoever says it. */
#include "pull/name.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/text.h"

enum { PART_BYTES = 96, COMPONENT_BYTES = 255 };

/* --- rules -------------------------------------------------------------------------------------------------------- */

static bool is_name_char(char c) { return isalnum((unsigned char)c) || c == '.' || c == '_' || c == '-'; }

/* An owner or the name of a repository. "--" separates them in the cache. */
static bool is_part(const char *text, size_t n)
{
    if (n == 0 || n > PART_BYTES || text[0] == '.' || text[0] == '-' || text[n - 1] == '.' || text[n - 1] == '-')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_name_char(text[i]) || (i && text[i] == text[i - 1] && (text[i] == '-' || text[i] == '.')))
            return false;
    return true;
}

bool tl_pull_name_is_repository(const char *text)
{
    const char *slash = strchr(text, '/');
    return slash && is_part(text, (size_t)(slash - text)) && is_part(slash + 1, strlen(slash + 1));
}

void tl_pull_name_folder(const char *repository, char ret_folder[TL_PULL_NAME_BYTES + 16])
{
    int owner = (int)strcspn(repository, "/");
    snprintf(ret_folder, TL_PULL_NAME_BYTES + 16, "models--%.*s--%s", owner, repository, repository + owner + 1);
}

bool tl_pull_path_is_good(const char *path)
{
    size_t n = strlen(path);
    if (n == 0 || n >= TL_PULL_FILE_BYTES)
        return false;
    for (const char *at = path; ; at++) {
        size_t m = strcspn(at, "/");
        if (m == 0 || m > COMPONENT_BYTES || (m == 1 && at[0] == '.') || (m == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        for (size_t i = 0; i < m; i++)
            if ((unsigned char)at[i] < 0x20 || at[i] == 0x7F || at[i] == '\\')
                return false;
        at += m;
        if (!*at)
            return true;
    }
}

bool tl_pull_revision_is_good(const char *revision)
{
    if (strlen(revision) >= TL_PULL_REVISION_BYTES || !tl_pull_path_is_good(revision))
        return false;
    for (const char *at = revision; *at; at++)
        if (!is_name_char(*at) && *at != '/' && *at != '+')
            return false;
    return true;
}

bool tl_pull_is_hex(const char *text, size_t digits)
{
    return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

bool tl_pull_matches(const char *path, const char *pattern)
{
    const char *star = NULL, *resume = NULL;
    while (*path) {
        if (*pattern == '*') {
            star = ++pattern;
            resume = path;
        } else if (*pattern && (*pattern == '?' || *pattern == *path)) {
            pattern++, path++;
        } else if (star) {
            pattern = star;
            path = ++resume;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == 0;
}

/* --- taking apart ------------------------------------------------------------------------------------------------- */

static const char *without(const char *text, const char *head)
{
    size_t n = strlen(head);
    while (n && head[n - 1] == '/')
        n--;
    return n && strncmp(text, head, n) == 0 && text[n] == '/' ? text + n + 1 : NULL;
}

/* What follows the address of a hub, or the text itself. */
static const char *without_hub(const char *text, const char *endpoint)
{
    const char *hubs[] = {"https://huggingface.co", "https://hf.co", "huggingface.co", "hf.co", endpoint ? endpoint : ""};
    for (size_t i = 0; i < TL_COUNT(hubs); i++)
        if (without(text, hubs[i]))
            return without(text, hubs[i]);
    return text;
}

static bool keep(char *to, size_t room, const char *from, size_t n)
{
    if (n >= room)
        return false;
    memcpy(to, from, n);
    to[n] = 0;
    return true;
}

/* A revision ends at ':' or '/', but for those that the hub itself makes: refs/pr/1, refs/convert/parquet. */
static size_t revision_bytes(const char *text)
{
    size_t n = strcspn(text, ":/");
    for (int i = 0; i < 2 && tl_text_begins(text, "refs/") && text[n] == '/'; i++)
        n += 1 + strcspn(text + n + 1, ":/");
    return n;
}

static int fail(const char *text, const char *what)
{
    return tl_fail(TL_E_USAGE, "%.300s: %s, expected OWNER/NAME, OWNER/NAME:QUANT, OWNER/NAME/FILE or OWNER/NAME@REVISION", text, what);
}

/* Pages: OWNER/NAME/tree/REVISION, and blob/ or resolve/REVISION/FILE. */
static bool read_page(const char *at, struct tl_pull_name *name, const char **ret_at)
{
    static const char *const pages[] = {"/tree/", "/blob/", "/resolve/"};
    for (size_t i = 0; i < TL_COUNT(pages); i++)
        if (tl_text_begins(at, pages[i])) {
            at += strlen(pages[i]);
            size_t n = revision_bytes(at);
            if (!keep(name->revision, sizeof name->revision, at, n))
                return false;
            *ret_at = at + n;
        }
    return true;
}

int tl_pull_name_parse(const char *text, const char *endpoint, struct tl_pull_name *ret_name)
{
    struct tl_pull_name name = {.revision = "main"};
    const char *at = without_hub(text, endpoint);
    bool page = at != text;
    size_t owner = strcspn(at, "/"), n = at[owner] ? owner + 1 + strcspn(at + owner + 1, "/:@?#") : owner;
    if (!keep(name.repository, sizeof name.repository, at, n) || !tl_pull_name_is_repository(name.repository))
        return fail(text, "names no repository");
    at += n;
    bool good = true;
    if (*at == '@') {
        n = revision_bytes(at + 1);
        good = keep(name.revision, sizeof name.revision, at + 1, n);
        at += 1 + n;
    } else if (page) {
        good = read_page(at, &name, &at);
    }
    if (!good || !tl_pull_revision_is_good(name.revision))
        return fail(text, "its revision is none");
    if (page && (*at == '?' || strcmp(at, "/") == 0))
        at += strlen(at);
    if (*at == ':') {
        good = keep(name.quant, sizeof name.quant, at + 1, strlen(at + 1)) && at[1] && strspn(at + 1, ":/@*?") == 0 && !strpbrk(at + 1, ":/@*?");
        return good ? (*ret_name = name, 0) : fail(text, "what is behind ':' is no number format");
    }
    if (*at == '/') {
        n = page ? strcspn(at + 1, "?#") : strlen(at + 1);
        if (!keep(name.file, sizeof name.file, at + 1, n) || !tl_pull_path_is_good(name.file))
            return fail(text, "names no file");
    } else if (*at) {
        return fail(text, "names no repository");
    }
    *ret_name = name;
    return 0;
}
