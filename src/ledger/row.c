/* SPDX-License-Identifier: MIT */
/* A row in memory: setting its values, pricing it, and its JSON. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/parse.h"
#include "ledger/ledger.h"

static const double joules_of_kwh = 3.6e6, seconds_of_hour = 3600;

const struct tl_ledger_fact tl_ledger_facts[TL_LEDGER_COLUMNS] = {
#define COLUMN(id, name, kind, unit, meaning) {name, TL_LEDGER_KIND_##kind, unit, meaning},
#include "ledger/columns.def"
#undef COLUMN
};

void tl_ledger_set_count(struct tl_ledger_row *row, enum tl_ledger_column column, uint64_t count)
{
    row->value[column].known = true;
    row->value[column].count = count > INT64_MAX ? INT64_MAX : (int64_t)count;
}

void tl_ledger_set_real(struct tl_ledger_row *row, enum tl_ledger_column column, double real)
{
    row->value[column].known = isfinite(real);
    row->value[column].real = isfinite(real) ? real : 0;
}

void tl_ledger_set_text(struct tl_ledger_row *row, enum tl_ledger_column column, const char *text)
{
    struct tl_ledger_value *value = &row->value[column];
    value->known = text && *text;
    snprintf(value->text, sizeof(value->text), "%s", text ? text : "");
}

/* --- JSON --------------------------------------------------------------------------------------------------------------- */

static int find(const char *prefix, const struct tl_buffer *key)
{
    size_t n = strlen(prefix);
    for (int i = 0; i < TL_LEDGER_COLUMNS; i++) {
        const char *name = tl_ledger_facts[i].name;
        if (tl_ledger_facts[i].kind != TL_LEDGER_KIND_TEXT && strncmp(name, prefix, n) == 0 && strlen(name + n) == key->len &&
            memcmp(name + n, key->data, key->len) == 0)
            return i;
    }
    return -1;
}

static void set_number(struct tl_ledger_row *row, enum tl_ledger_column column, double number)
{
    if (tl_ledger_facts[column].kind == TL_LEDGER_KIND_REAL)
        tl_ledger_set_real(row, column, number);
    else if (number >= 0 && number < 0x1p63)
        tl_ledger_set_count(row, column, (uint64_t)number);
}

int tl_ledger_set_json(struct tl_ledger_row *row, const char *prefix, const char *text, size_t n_bytes)
{
    struct tl_json json;
    double number;
    tl_json_init(&json, "figures", text, n_bytes);
    int r = tl_json_next(&json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        r = tl_json_fail(&json, "an object");
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY) {
        int column = find(prefix, &json.string);
        r = column < 0 ? tl_json_skip(&json) : tl_json_next(&json);
        if (column < 0 || r < 0)
            continue;
        if (r == TL_JSON_NUMBER && tl_parse_f64(json.raw, json.raw_bytes, &number))
            set_number(row, (enum tl_ledger_column)column, number);
        else if (r == TL_JSON_OBJECT || r == TL_JSON_ARRAY)
            r = tl_json_skip(&json);
    }
    tl_json_done(&json);
    return r < 0 ? r : 0;
}

static void append_value(const struct tl_ledger_fact *fact, const struct tl_ledger_value *value, struct tl_buffer *json)
{
    switch (fact->kind) {
    case TL_LEDGER_KIND_COUNT: tl_buffer_printf(json, "%" PRId64, value->count); break;
    case TL_LEDGER_KIND_REAL:  tl_buffer_printf(json, "%.9g", value->real); break;
    case TL_LEDGER_KIND_TEXT:  tl_buffer_json_string(json, value->text, strlen(value->text)); break;
    }
}

void tl_ledger_row_json(const struct tl_ledger_row *row, struct tl_buffer *json)
{
    const char *separator = "{";
    for (int i = 0; i < TL_LEDGER_COLUMNS; i++) {
        if (!row->value[i].known)
            continue;
        tl_buffer_printf(json, "%s\"%s\":", separator, tl_ledger_facts[i].name);
        append_value(&tl_ledger_facts[i], &row->value[i], json);
        separator = ",";
    }
    tl_buffer_printf(json, *separator == '{' ? "{}" : "}");
}

/* --- what it costs ------------------------------------------------------------------------------------------------------ */

void tl_ledger_price(struct tl_ledger_row *row, const struct tl_machine *machine, double measured_joules)
{
    const double *fact = machine->value;
    double seconds = row->value[TL_LEDGER_BUSY_S].real;
    bool measured = measured_joules >= 0;
    double joules = (measured ? measured_joules : fact[TL_FACT_WATTS] * seconds) * fact[TL_FACT_PUE], kwh = joules / joules_of_kwh;
    tl_ledger_set_real(row, TL_LEDGER_JOULES, joules);
    tl_ledger_set_text(row, TL_LEDGER_JOULES_SOURCE, measured ? "measured" : "estimated");
    if (!measured)
        tl_ledger_set_real(row, TL_LEDGER_WATTS, fact[TL_FACT_WATTS]);
    tl_ledger_set_text(row, TL_LEDGER_MACHINE, machine->name);
    tl_ledger_set_real(row, TL_LEDGER_PRICE_KWH, fact[TL_FACT_KWH]);
    tl_ledger_set_real(row, TL_LEDGER_PRICE_HOUR, fact[TL_FACT_HOUR]);
    tl_ledger_set_real(row, TL_LEDGER_MONEY, kwh * fact[TL_FACT_KWH] + seconds / seconds_of_hour * fact[TL_FACT_HOUR]);
    tl_ledger_set_real(row, TL_LEDGER_CARBON, kwh * fact[TL_FACT_CARBON]);
}
