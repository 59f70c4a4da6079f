/* SPDX-License-Identifier: MIT */
/* Recording accesses, and reading what was recorded. A trace comes from outside: every number is checked. */
#include "store/trace.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { MAX_BANKS = 1 << 16, MAX_EXPERTS = 1 << 20, MAX_FILE_BYTES = 1 << 30 };
static const char magic[8] = {'T', 'R', 'I', 'L', 'L', 'T', 'R', '1'};

struct tl_trace { struct tl_outfile *file; };

/* --- writing --- */

static int put_u32(struct tl_trace *trace, uint32_t value)
{
    uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
    return tl_outfile_write(trace->file, bytes, sizeof(bytes));
}

static int put(struct tl_trace *trace, uint32_t value)
{
    uint8_t bytes[5];
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    return tl_outfile_write(trace->file, bytes, n);
}

int tl_trace_new(const struct tl_store *store, const char *path, struct tl_trace **ret_trace)
{
    struct tl_trace *trace = tl_alloc(1, sizeof(*trace));
    if (!trace)
        return TL_E_NOMEM;
    int status = tl_outfile_open(path, &trace->file);
    if (status >= 0)
        status = tl_outfile_write(trace->file, magic, sizeof(magic));
    if (status >= 0)
        status = put_u32(trace, tl_store_banks(store));
    for (uint32_t i = 0; i < tl_store_banks(store) && status >= 0; i++)
        status = put_u32(trace, tl_store_bank_experts(store, i));
    if (status < 0) {
        tl_outfile_close(trace->file);
        tl_free(trace);
        return status;
    }
    *ret_trace = trace;
    return 0;
}

int tl_trace_add(struct tl_trace *trace, uint32_t bank, const uint32_t *experts, uint32_t n_experts)
{
    int status = 0;
    if (!trace)
        return 0;
    status = put(trace, bank);
    if (status >= 0)
        status = put(trace, n_experts);
    for (uint32_t i = 0; i < n_experts && status >= 0; i++)
        status = put(trace, experts[i] - (i ? experts[i - 1] : UINT32_MAX));
    return status;
}

int tl_trace_close(struct tl_trace *trace)
{
    if (!trace)
        return 0;
    int status = tl_outfile_commit(trace->file);
    tl_outfile_close(trace->file);
    tl_free(trace);
    return status;
}

void tl_trace_drop(struct tl_trace *trace)
{
    if (!trace)
        return;
    tl_outfile_close(trace->file);
    tl_free(trace);
}

/* --- reading --- */

struct reader { const char *path; const uint8_t *at, *end; };

static int fail(const struct reader *r, const char *what) { return tl_fail(TL_E_FILE, "%s: %s", r->path, what); }

static int get_u32(struct reader *r, uint32_t most, uint32_t *ret)
{
    if (r->end - r->at < 4)
        return fail(r, "the trace ends inside its header");
    *ret = r->at[0] | (uint32_t)r->at[1] << 8 | (uint32_t)r->at[2] << 16 | (uint32_t)r->at[3] << 24;
    r->at += 4;
    return *ret <= most ? 0 : fail(r, "the trace's header holds a number that is too large");
}

static int get(struct reader *r, uint32_t most, uint32_t *ret)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        if (r->at == r->end)
            return fail(r, "the trace ends inside a record");
        value |= (uint64_t)(*r->at & 0x7f) << shift;
        if (*r->at++ < 0x80) {
            *ret = (uint32_t)value;
            return value <= most ? 0 : fail(r, "a record of the trace holds a number that is too large");
        }
    }
    return fail(r, "a record of the trace holds a number that is too large");
}

struct banks { uint32_t n, *first_key; };        /* [n + 1] */

static int read_record(struct reader *r, const struct banks *banks, struct tl_accesses *a, uint32_t *bank_before)
{
    uint32_t bank, n, expert = UINT32_MAX, more;
    int status = get(r, banks->n - 1, &bank);
    if (status < 0)
        return status;
    uint32_t n_experts = banks->first_key[bank + 1] - banks->first_key[bank];
    status = get(r, n_experts, &n);
    a->n_steps += bank <= *bank_before || a->n_asks == 0;
    *bank_before = bank;
    a->ask_at[a->n_asks++] = (uint32_t)a->n_accesses;
    for (uint32_t i = 0; i < n && status >= 0; i++) {
        status = get(r, n_experts, &more);
        expert += more;
        if (status >= 0 && (more == 0 || expert >= n_experts))
            status = fail(r, "a record of the trace does not ascend");
        if (status >= 0)
            a->keys[a->n_accesses++] = banks->first_key[bank] + expert;
    }
    return status;
}

static int read_all(struct reader *r, struct banks *banks, struct tl_accesses *a)
{
    uint32_t bank_before = 0;
    if (r->end - r->at < (ptrdiff_t)sizeof(magic) || memcmp(r->at, magic, sizeof(magic)) != 0)
        return fail(r, "found something else, expected a trace of accesses, version 1");
    r->at += sizeof(magic);
    int status = get_u32(r, MAX_BANKS, &banks->n);
    banks->first_key = status < 0 ? NULL : tl_alloc(banks->n + 1u, sizeof(*banks->first_key));
    if (!banks->first_key)
        return status < 0 ? status : TL_E_NOMEM;
    for (uint32_t i = 0, n = 0; i < banks->n && status >= 0; i++) {
        status = get_u32(r, MAX_EXPERTS, &n);
        banks->first_key[i + 1] = banks->first_key[i] + n;
        if (status >= 0 && banks->first_key[i + 1] > 1u << 24)
            status = fail(r, "the trace names too many experts");
    }
    size_t left = (size_t)(r->end - r->at);
    a->keys = status < 0 ? NULL : tl_alloc(left, sizeof(*a->keys));      /* a byte at least each */
    a->ask_at = status < 0 ? NULL : tl_alloc(left + 1, sizeof(*a->ask_at));
    if (!a->keys || !a->ask_at)
        return status < 0 ? status : TL_E_NOMEM;
    a->n_banks = banks->n;
    a->n_keys = banks->first_key[banks->n];
    while (r->at < r->end && status >= 0)
        status = banks->n ? read_record(r, banks, a, &bank_before) : fail(r, "the trace has records but no banks");
    a->ask_at[a->n_asks] = (uint32_t)a->n_accesses;
    return status;
}

int tl_trace_read(const char *path, struct tl_accesses *ret_accesses)
{
    char *bytes;
    size_t n_bytes;
    struct banks banks = {0};
    struct tl_accesses accesses = {0};
    int status = tl_file_slurp(path, MAX_FILE_BYTES, &bytes, &n_bytes);
    if (status < 0)
        return status;
    struct reader reader = {path, (const uint8_t *)bytes, (const uint8_t *)bytes + n_bytes};
    status = read_all(&reader, &banks, &accesses);
    tl_free(banks.first_key);
    tl_free(bytes);
    if (status < 0)
        tl_accesses_done(&accesses);
    else
        *ret_accesses = accesses;
    return status;
}

void tl_accesses_done(struct tl_accesses *accesses)
{
    tl_free(accesses->keys);
    tl_free(accesses->ask_at);
    *accesses = (struct tl_accesses){0};
}
