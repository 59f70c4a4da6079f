/* SPDX-License-Identifier: MIT */
/* The ledger: what runs did and cost, one row a run, in an SQLite database of the user's own. Nothing leaves the machine, and
 * no text of a prompt or an answer is kept.
 *
 * A ledger never harms a run: recording takes milliseconds, waits for other runs only briefly, and what fails (no room, a
 * folder that cannot be written, a locked database) is a status with its sentence, for one warning. A damaged database is
 * set aside under another name and a new one is begun. The clock may jump: rows are kept in the order in which they came,
 * spans are measured by a clock that does not. */
#ifndef TL_LEDGER_LEDGER_H
#define TL_LEDGER_LEDGER_H

#include "base/buffer.h"
#include "plan/machine.h"

enum tl_ledger_column {
#define COLUMN(id, name, kind, unit, meaning) TL_LEDGER_##id,
#include "ledger/columns.def"
#undef COLUMN
    TL_LEDGER_COLUMNS
};

enum tl_ledger_kind { TL_LEDGER_KIND_COUNT, TL_LEDGER_KIND_REAL, TL_LEDGER_KIND_TEXT };

struct tl_ledger_fact { const char *name; enum tl_ledger_kind kind; const char *unit, *meaning; };

extern const struct tl_ledger_fact tl_ledger_facts[TL_LEDGER_COLUMNS];

/* --- a row ------------------------------------------------------------------------------------------------------------ */

enum { TL_LEDGER_TEXT = 96 };

struct tl_ledger_value { bool known; int64_t count; double real; char text[TL_LEDGER_TEXT]; };
struct tl_ledger_row { struct tl_ledger_value value[TL_LEDGER_COLUMNS]; };       /* all zero: nothing is known */

/* Each for columns of its kind. What cannot be kept is as good as unknown: numbers that are not finite, NULL, empty texts. */
void tl_ledger_set_count(struct tl_ledger_row *row, enum tl_ledger_column column, uint64_t count);
void tl_ledger_set_real(struct tl_ledger_row *row, enum tl_ledger_column column, double real);
void tl_ledger_set_text(struct tl_ledger_row *row, enum tl_ledger_column column, const char *text);    /* cut where it is long */
/* From a JSON object: the members that are called `prefix` + name of a column of numbers, say "peak_bytes" with the prefix "predicted_".
 * All other members are left alone. */
int tl_ledger_set_json(struct tl_ledger_row *row, const char *prefix, const char *json, size_t n_bytes);

/* Joules: those that were measured or, where that is < 0, the machine's watts x busy seconds; with them, and the machine's
 * prices, money and carbon. As in plans, what a site draws besides (`pue`) counts along. */
void tl_ledger_price(struct tl_ledger_row *row, const struct tl_machine *machine, double measured_joules);

void tl_ledger_row_json(const struct tl_ledger_row *row, struct tl_buffer *json);          /* {...}: what is known */

/* --- recording -------------------------------------------------------------------------------------------------------- */

/* Adds a row to the database `path`, which is created where there is none, its folder too. A damaged one is set aside: then
 * *ret_notice holds a sentence that says where it is. TL_E_IO, with a sentence, where the row could not be kept. */
int tl_ledger_record(const char *path, const struct tl_ledger_row *row, struct tl_buffer *ret_notice);

/* Whether the user wants a ledger, who has one unless he says otherwise: {"record": false} in `config`/ledger.json. config NULL: he
 * says nothing. < 0: what he says cannot be read, and *ret_wanted is false. */
int tl_ledger_wanted(const char *config, bool *ret_wanted);
int tl_ledger_want(const char *config, bool wanted);

/* --- looking back ----------------------------------------------------------------------------------------------------- */

struct tl_ledger_question {
    const char *by;              /* "day", "model", "command": totals of each; NULL: of all three */
    int64_t since;               /* seconds since 1970, UTC; INT64_MIN: from the first run */
    uint64_t last;               /* > 0: besides, the last so many runs, whole */
    bool accuracy;               /* besides, how far predictions were from what was measured */
};

/* "2026-11-22" (its beginning in the user's time zone), or a span before `now`: "12h", "7d", "4w". TL_E_USAGE: neither. */
int tl_ledger_since(const char *text, int64_t now, int64_t *ret_since);

/* One JSON document (docs/ledger.md). A database that is not there has no runs; of a damaged one as with tl_ledger_record. */
int tl_ledger_report(const char *path, const struct tl_ledger_question *question, struct tl_buffer *json, struct tl_buffer *ret_notice);

#endif
