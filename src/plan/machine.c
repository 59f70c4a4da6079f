/* SPDX-License-Identifier: MIT */
/* Facts of a machine: rows, texts, files. Sizes of memory are powers of 1024, rates and operations powers of 1000, as
 * those who sell them say it. */
#include "plan/machine.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/option.h"
#include "base/parse.h"

enum { MOST_FILE_BYTES = 1 << 20 };
static const double most_value = 1e30;
static const double usual_thread_ops = 2.5e11;   /* int8, of a core with 256-bit or wider dot products */

const struct tl_fact_row tl_facts[TL_FACTS] = {
#define FACT(id, name, unit, usual, meaning) {name, TL_UNIT_##unit, usual, meaning},
#include "plan/machine.def"
#undef FACT
};

static const struct { const char *suffix, *example; bool binary; } units[] = {
    [TL_UNIT_COUNT] = {"", "a number", false},
    [TL_UNIT_BYTES] = {"B", "a size such as 64G", true},
    [TL_UNIT_RATE] = {"B/s", "a rate such as 7GB/s", false},
    [TL_UNIT_OPS] = {"ops/s", "operations a second such as 2T", false},
    [TL_UNIT_WATTS] = {"W", "watts such as 60", false},
    [TL_UNIT_MONEY] = {"", "a price such as 0.25", false},
    [TL_UNIT_GRAMS] = {"g", "grams such as 445", false},
};

const char *tl_source_name(enum tl_fact_source source)
{
    static const char *const names[] = {"usual", "asked", "measured", "said"};
    return names[source];
}

/* --- texts -------------------------------------------------------------------------------------------------------- */

static bool ends(const char *text, size_t n, const char *tail)
{
    size_t m = strlen(tail);
    if (m > n)
        return false;
    for (size_t i = 0; i < m; i++)
        if (tolower((unsigned char)text[n - m + i]) != tolower((unsigned char)tail[i]))
            return false;
    return true;
}

static size_t without(const char *text, size_t n, const char *tail) { return ends(text, n, tail) ? n - strlen(tail) : n; }

/* "7GB/s": number, then K M G T P of 1000 (Ki Mi ...: of 1024; sizes always are), then the unit or nothing. */
static bool parse(enum tl_fact_unit unit, const char *text, double *ret)
{
    static const char prefixes[] = "KMGTP";
    size_t n = strlen(text);
    double scale = 1;
    if (unit == TL_UNIT_RATE || unit == TL_UNIT_OPS)
        n = without(text, n, "/s");
    n = without(text, n, unit == TL_UNIT_RATE || unit == TL_UNIT_BYTES ? "B" : unit == TL_UNIT_OPS ? "ops" : units[unit].suffix);
    if (unit == TL_UNIT_OPS)
        n = without(text, n, "flop");
    bool binary = n > 1 && tolower((unsigned char)text[n - 1]) == 'i';
    n -= binary;
    const char *prefix = n ? strchr(prefixes, toupper((unsigned char)text[n - 1])) : NULL;
    if (binary && !prefix)
        return false;
    for (const char *at = prefixes; prefix && at <= prefix; at++)
        scale *= binary || units[unit].binary ? 1024 : 1000;
    n -= prefix != NULL;
    while (n && text[n - 1] == ' ')
        n--;
    if (!tl_parse_f64(text, n, ret))
        return false;
    *ret *= scale;
    return true;
}

int tl_fact_parse(enum tl_fact fact, const char *text, double *ret)
{
    const struct tl_fact_row *row = &tl_facts[fact];
    bool free_of_charge = row->unit == TL_UNIT_MONEY || row->unit == TL_UNIT_GRAMS;
    double value;
    if (!parse(row->unit, text, &value) || value < 0 || value > most_value || (value == 0 && !free_of_charge))
        return tl_fail(TL_E_USAGE, "%s: found \"%.40s\", expected %s", row->name, text, units[row->unit].example);
    *ret = value;
    return 0;
}

void tl_fact_print(enum tl_fact fact, double value, struct tl_buffer *out)
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P"};
    enum tl_fact_unit unit = tl_facts[fact].unit;
    double base = units[unit].binary ? 1024 : 1000;
    size_t i = 0;
    bool scaled = unit == TL_UNIT_BYTES || unit == TL_UNIT_RATE || unit == TL_UNIT_OPS;
    if (!scaled) {
        tl_buffer_printf(out, "%.4g%s%s", value, *units[unit].suffix ? " " : "", units[unit].suffix);
        return;
    }
    for (; value >= base && i + 1 < TL_COUNT(prefixes); i++)
        value /= base;
    tl_buffer_printf(out, "%.4g %s%s%s", value, prefixes[i], units[unit].binary && i ? "i" : "", units[unit].suffix);
}

/* --- facts -------------------------------------------------------------------------------------------------------- */

void tl_machine_set(struct tl_machine *machine, enum tl_fact fact, double value, enum tl_fact_source source)
{
    if (source < machine->source[fact])
        return;
    machine->value[fact] = value;
    machine->source[fact] = source;
}

int tl_machine_say(struct tl_machine *machine, enum tl_fact fact, const char *text)
{
    double value;
    int r = tl_fact_parse(fact, text, &value);
    if (r >= 0)
        tl_machine_set(machine, fact, value, TL_SOURCE_SAID);
    return r;
}

static void usual(struct tl_machine *machine)
{
    for (int i = 0; i < TL_FACTS; i++) {
        machine->value[i] = tl_facts[i].usual;
        machine->source[i] = TL_SOURCE_USUAL;
    }
}

void tl_machine_ask(const char *folder, struct tl_machine *ret_machine)
{
    uint64_t disk;
    usual(ret_machine);
    snprintf(ret_machine->name, sizeof(ret_machine->name), "%.*s", (int)sizeof(ret_machine->name) - 1, tl_cpu_model());
    tl_machine_set(ret_machine, TL_FACT_THREADS, tl_cpu_count(), TL_SOURCE_ASKED);
    tl_machine_set(ret_machine, TL_FACT_RAM, (double)(tl_cpu_memory_available() + tl_cpu_rss()), TL_SOURCE_ASKED);
    if (folder && tl_file_room(folder, &disk) >= 0)
        tl_machine_set(ret_machine, TL_FACT_DISK, (double)disk, TL_SOURCE_ASKED);
}

/* bf16 and f32 take two and four times as long as int8, as the registers hold fewer. */
void tl_machine_finish(struct tl_machine *machine)
{
    static const struct { enum tl_fact fact; double share; } slower[] = {{TL_FACT_BF16, 0.5}, {TL_FACT_F32, 0.25}};
    double *value = machine->value;
    if (value[TL_FACT_THREADS] < 1)
        value[TL_FACT_THREADS] = 1;
    if (machine->source[TL_FACT_INT8] == TL_SOURCE_USUAL)
        value[TL_FACT_INT8] = usual_thread_ops * value[TL_FACT_THREADS];
    for (size_t i = 0; i < TL_COUNT(slower); i++)
        if (machine->source[slower[i].fact] < machine->source[TL_FACT_INT8] || value[slower[i].fact] == 0)
            value[slower[i].fact] = slower[i].share * value[TL_FACT_INT8];
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static int find(const struct tl_buffer *key)
{
    for (int i = 0; i < TL_FACTS; i++)
        if (strlen(tl_facts[i].name) == key->len && memcmp(tl_facts[i].name, key->data, key->len) == 0)
            return i;
    return -1;
}

static int fail_key(const struct tl_json *json)
{
    const char *names[TL_FACTS], *nearest;
    for (int i = 0; i < TL_FACTS; i++)
        names[i] = tl_facts[i].name;
    nearest = strlen(json->string.data) == json->string.len ? tl_option_nearest(json->string.data, names, TL_FACTS) : NULL;
    return tl_fail(TL_E_FILE, "%s: \"%.40s\" is no fact of a machine%s%s", json->name, json->string.data, nearest ? "; nearest is " : "",
                   nearest ? nearest : "");
}

static int read_fact(struct tl_json *json, enum tl_fact fact, struct tl_machine *machine)
{
    char text[64];
    int event = tl_json_next(json);
    if (event < 0)
        return event;
    if (event == TL_JSON_STRING)
        snprintf(text, sizeof text, "%.60s", json->string.data);
    else if (event == TL_JSON_NUMBER)
        snprintf(text, sizeof text, "%.*s", (int)(json->raw_bytes < 60 ? json->raw_bytes : 60), json->raw);
    else
        return tl_json_fail(json, "a number or a text");
    double value;
    if (tl_fact_parse(fact, text, &value) < 0)
        return tl_fail_in(TL_E_FILE, "%s", json->name);
    tl_machine_set(machine, fact, value, TL_SOURCE_SAID);
    return 0;
}

static int read_measured(struct tl_json *json, bool measured[TL_FACTS])
{
    int event = tl_json_next(json);
    if (event >= 0 && event != TL_JSON_ARRAY)
        return tl_json_fail(json, "a list of names");
    while (event >= 0 && (event = tl_json_next(json)) != TL_JSON_ARRAY_END) {
        if (event >= 0 && event != TL_JSON_STRING)
            return tl_json_fail(json, "the name of a fact");
        int fact = event < 0 ? -1 : find(&json->string);
        if (event >= 0 && fact < 0)
            return fail_key(json);
        if (fact >= 0)
            measured[fact] = true;
    }
    return event;
}

static int read_key(struct tl_json *json, struct tl_machine *machine, bool measured[TL_FACTS])
{
    if (tl_json_is(json, "measured"))
        return read_measured(json, measured);
    if (tl_json_is(json, "name")) {
        int event = tl_json_next(json);
        if (event >= 0 && event != TL_JSON_STRING)
            return tl_json_fail(json, "a text");
        if (event >= 0)
            snprintf(machine->name, sizeof(machine->name), "%.*s", (int)sizeof(machine->name) - 1, json->string.data);
        return event;
    }
    int fact = find(&json->string);
    return fact < 0 ? fail_key(json) : read_fact(json, (enum tl_fact)fact, machine);
}

int tl_machine_read(const char *path, bool other, struct tl_machine *machine)
{
    TL_AUTO char *text = NULL;
    size_t n_bytes;
    struct tl_machine said = {.name = ""};
    bool measured[TL_FACTS] = {false};
    struct tl_json json;
    int r = tl_file_slurp(path, MOST_FILE_BYTES, &text, &n_bytes);
    if (r < 0)
        return r;
    usual(&said);
    tl_json_init(&json, path, text, n_bytes);
    r = tl_json_next(&json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        r = tl_json_fail(&json, "an object");
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY)
        r = read_key(&json, &said, measured);
    if (r >= 0)
        r = tl_json_next(&json);
    tl_json_done(&json);
    if (r < 0)
        return r;
    if (other)
        usual(machine);
    if (*said.name)
        memcpy(machine->name, said.name, sizeof(said.name));
    for (int i = 0; i < TL_FACTS; i++)
        if (said.source[i] == TL_SOURCE_SAID)
            tl_machine_set(machine, (enum tl_fact)i, said.value[i], measured[i] ? TL_SOURCE_MEASURED : TL_SOURCE_SAID);
    return 0;
}

int tl_machine_write(const char *path, const struct tl_machine *machine)
{
    struct tl_buffer json;
    tl_buffer_init(&json, 0);
    tl_buffer_printf(&json, "{\"name\":");
    tl_buffer_json_string(&json, machine->name, strlen(machine->name));
    for (int i = 0; i < TL_FACTS; i++)
        if (machine->source[i] >= TL_SOURCE_MEASURED)
            tl_buffer_printf(&json, ",\n \"%s\":%.6g", tl_facts[i].name, machine->value[i]);
    tl_buffer_printf(&json, ",\n \"measured\":[");
    for (int i = 0, n = 0; i < TL_FACTS; i++)
        if (machine->source[i] == TL_SOURCE_MEASURED)
            tl_buffer_printf(&json, "%s\"%s\"", n++ ? "," : "", tl_facts[i].name);
    tl_buffer_printf(&json, "]}\n");
    int r = json.status < 0 ? json.status : tl_outfile_save(path, json.data, json.len);
    tl_buffer_done(&json);
    return r;
}

static int read_in(const char *folder, struct tl_machine *machine)
{
    TL_AUTO char *path = folder ? tl_file_join(folder, "machine.json") : NULL;
    if (folder && !path)
        return TL_E_NOMEM;
    return path && tl_file_exists(path) ? tl_machine_read(path, false, machine) : 0;
}

int tl_machine_here(const char *state, const char *config, const char *models, struct tl_machine *ret_machine)
{
    tl_machine_ask(models, ret_machine);
    int measured = read_in(state, ret_machine), said = read_in(config, ret_machine);
    return measured < 0 ? measured : said;
}
