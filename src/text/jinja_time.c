/* SPDX-License-Identifier: MIT */
/* Dates by the proleptic Gregorian calendar; no time zone files, no locale. */
#include "text/jinja_time.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct date { int64_t year; int month, day, hour, minute, second, weekday, day_of_year; };       /* month and day from 1, Sunday 0 */

static const char *const months[] = {"January", "February", "March", "April", "May", "June", "July", "August", "September",
                                     "October", "November", "December"};
static const char *const days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static struct date split(int64_t seconds)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct date d = {.year = 1970, .month = 1};
    const int64_t limit = INT64_C(250000000000);     /* some 8000 years */
    seconds = seconds < -60000000000 ? -60000000000 : seconds > limit ? limit : seconds;
    int64_t day = seconds / 86400 - (seconds % 86400 < 0), rest = seconds - day * 86400;
    d.hour = (int)(rest / 3600);
    d.minute = (int)(rest / 60 % 60);
    d.second = (int)(rest % 60);
    d.weekday = (int)(((day + 4) % 7 + 7) % 7);
    for (; day < 0; d.year--)
        day += is_leap(d.year - 1) ? 366 : 365;
    for (; day >= (is_leap(d.year) ? 366 : 365); d.year++)
        day -= is_leap(d.year) ? 366 : 365;
    d.day_of_year = (int)day + 1;
    for (int length; day >= (length = lengths[d.month - 1] + (d.month == 2 && is_leap(d.year))); d.month++)
        day -= length;
    d.day = (int)day + 1;
    return d;
}

static int format_one(const struct date *d, int64_t seconds, char letter, char *to, size_t room)
{
    int hour12 = d->hour % 12 ? d->hour % 12 : 12, year = (int)d->year;
    switch (letter) {
    case 'Y': return snprintf(to, room, "%d", year);
    case 'y': return snprintf(to, room, "%02d", year % 100);
    case 'm': return snprintf(to, room, "%02d", d->month);
    case 'd': return snprintf(to, room, "%02d", d->day);
    case 'e': return snprintf(to, room, "%2d", d->day);
    case 'H': return snprintf(to, room, "%02d", d->hour);
    case 'I': return snprintf(to, room, "%02d", hour12);
    case 'M': return snprintf(to, room, "%02d", d->minute);
    case 'S': return snprintf(to, room, "%02d", d->second);
    case 'f': return snprintf(to, room, "000000");
    case 'j': return snprintf(to, room, "%03d", d->day_of_year);
    case 'p': return snprintf(to, room, "%s", d->hour < 12 ? "AM" : "PM");
    case 'B': return snprintf(to, room, "%s", months[d->month - 1]);
    case 'b': case 'h': return snprintf(to, room, "%.3s", months[d->month - 1]);
    case 'A': return snprintf(to, room, "%s", days[d->weekday]);
    case 'a': return snprintf(to, room, "%.3s", days[d->weekday]);
    case 'w': return snprintf(to, room, "%d", d->weekday);
    case 'u': return snprintf(to, room, "%d", d->weekday ? d->weekday : 7);
    case 's': return snprintf(to, room, "%" PRId64, seconds);
    case 'D': case 'x': return snprintf(to, room, "%02d/%02d/%02d", d->month, d->day, year % 100);
    case 'F': return snprintf(to, room, "%d-%02d-%02d", year, d->month, d->day);
    case 'T': case 'X': return snprintf(to, room, "%02d:%02d:%02d", d->hour, d->minute, d->second);
    case 'R': return snprintf(to, room, "%02d:%02d", d->hour, d->minute);
    case 'r': return snprintf(to, room, "%02d:%02d:%02d %s", hour12, d->minute, d->second, d->hour < 12 ? "AM" : "PM");
    case 'c': return snprintf(to, room, "%.3s %.3s %2d %02d:%02d:%02d %d", days[d->weekday], months[d->month - 1], d->day, d->hour,
                              d->minute, d->second, year);
    case 'n': return snprintf(to, room, "\n");
    case 't': return snprintf(to, room, "\t");
    case '%': return snprintf(to, room, "%%");
    case 'z': case 'Z': return 0;                    /* a time without a zone */
    default: return -1;
    }
}

/* %-d: without leading zeros or blanks. */
static size_t drop_padding(char *text, size_t n)
{
    size_t skip = 0;
    while (skip + 1 < n && (text[skip] == '0' || text[skip] == ' '))
        skip++;
    memmove(text, text + skip, n - skip);
    return n - skip;
}

bool tl_jinja_time_format(int64_t seconds, const char *format, size_t n_bytes, char text[TL_JINJA_TIME_BYTES], size_t *ret_n)
{
    struct date d = split(seconds);
    size_t n = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        if (n + 64 > TL_JINJA_TIME_BYTES)
            return false;
        if (format[i] != '%') {
            text[n++] = format[i];
            continue;
        }
        bool plain = i + 1 < n_bytes && format[i + 1] == '-';
        i += 1 + plain;
        int written = i < n_bytes ? format_one(&d, seconds, format[i], text + n, 64) : -1;
        if (written < 0)
            return false;
        n += plain ? drop_padding(text + n, (size_t)written) : (size_t)written;
    }
    *ret_n = n;
    return true;
}
