/* SPDX-License-Identifier: MIT */
/* What the user says: whether there is to be a ledger, and from when on a report is to look. */
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"
#include "ledger/ledger.h"

enum { MOST_BYTES = 1 << 16, MOST_SPANS = 100000 };

/* --- a ledger or none --------------------------------------------------------------------------------------------------- */

static int read_wish(const char *path, const char *text, size_t n_bytes, bool *ret_wanted)
{
    struct tl_json json;
    bool wanted = true;
    tl_json_init(&json, path, text, n_bytes);
    int r = tl_json_next(&json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        r = tl_json_fail(&json, "an object");
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY)
        r = tl_json_is(&json, "record") ? tl_json_bool(&json, &wanted) : tl_json_skip(&json);
    if (r >= 0)
        r = tl_json_next(&json);
    tl_json_done(&json);
    *ret_wanted = r >= 0 && wanted;
    return r < 0 ? r : 0;
}

int tl_ledger_wanted(const char *config, bool *ret_wanted)
{
    TL_AUTO char *path = config ? tl_file_join(config, "ledger.json") : NULL;
    TL_AUTO char *text = NULL;
    size_t n_bytes;
    *ret_wanted = !config;
    if (!path)
        return config ? TL_E_NOMEM : 0;
    if (!tl_file_exists(path)) {
        *ret_wanted = true;
        return 0;
    }
    int status = tl_file_slurp(path, MOST_BYTES, &text, &n_bytes);
    return status < 0 ? status : read_wish(path, text, n_bytes, ret_wanted);
}

int tl_ledger_want(const char *config, bool wanted)
{
    TL_AUTO char *path = tl_file_join(config, "ledger.json");
    const char *text = wanted ? "{\"record\": true}\n" : "{\"record\": false}\n";
    int status = path ? tl_file_make_folders(path) : TL_E_NOMEM;
    return status < 0 ? status : tl_outfile_save(path, text, strlen(text));
}

/* --- from when on ------------------------------------------------------------------------------------------------------- */

static bool parse_span(const char *text, int64_t *ret_seconds)
{
    static const struct { char unit; int64_t seconds; } units[] = {{'h', 3600}, {'d', 86400}, {'w', 7 * 86400}};
    size_t n = strlen(text);
    uint64_t count;
    for (size_t i = 0; n && i < TL_COUNT(units); i++)
        if (text[n - 1] == units[i].unit && tl_parse_u64(text, n - 1, &count) && count <= MOST_SPANS) {
            *ret_seconds = (int64_t)count * units[i].seconds;
            return true;
        }
    return false;
}

static bool parse_date(const char *text, int64_t *ret_time)
{
    uint64_t year, month, day;
    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-' || !tl_parse_u64(text, 4, &year) || !tl_parse_u64(text + 5, 2, &month) ||
        !tl_parse_u64(text + 8, 2, &day) || year < 1970)
        return false;
    struct tm date = {.tm_year = (int)year - 1900, .tm_mon = (int)month - 1, .tm_mday = (int)day, .tm_isdst = -1};
    time_t time = mktime(&date);
    if (time == (time_t)-1 || date.tm_mday != (int)day || date.tm_mon != (int)month - 1)         /* a 31st of June becomes a 1st of July */
        return false;
    *ret_time = time;
    return true;
}

int tl_ledger_since(const char *text, int64_t now, int64_t *ret_since)
{
    int64_t seconds;
    if (parse_span(text, &seconds)) {
        *ret_since = now - seconds;
        return 0;
    }
    if (parse_date(text, ret_since))
        return 0;
    return tl_fail(TL_E_USAGE, "since: found \"%.40s\", expected a date such as 2026-11-22 or a span such as 12h, 7d or 4w", text);
}
