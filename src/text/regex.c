/* SPDX-License-Identifier: MIT */
/* PCRE2 behind four functions. Its memory comes from base, so that tests can make it fail.
 *
 * Bounds: PCRE2's match limit stops a single attempt that backtracks without end; searches are cut into windows of start
 * offsets so that the clock is looked at even where every attempt is long; the JIT stack grows once, to a limit. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/regex.h"

#include <inttypes.h>
#include <pcre2.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "text/regex_translate.h"

enum { STEP_LIMIT = 20000000, STACK_BYTES = 64 << 20, HEAP_KIB = 64 << 10, CALLS_PER_CLOCK = 64 };
#define WINDOW_WORK (UINT64_C(1) << 28)      /* start offsets times bytes behind them */

struct tl_regex {
    pcre2_code *code;
    char *pattern;
    size_t n_pattern;
};

static void *take(PCRE2_SIZE n_bytes, void *context)
{
    (void)context;
    return tl_alloc(n_bytes, 1);
}

static void give(void *memory, void *context)
{
    (void)context;
    tl_free(memory);
}

/* --- compiling ---------------------------------------------------------------------------------------------------- */

static int compile(struct tl_regex *regex, pcre2_compile_context *context)
{
    struct tl_buffer translated;
    tl_buffer_init(&translated, 16 * TL_REGEX_MAX_BYTES);
    int code, r = tl_regex_translate(regex->pattern, regex->n_pattern, &translated);
    PCRE2_SIZE at;
    if (r < 0)
        goto out;
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    regex->code = pcre2_compile((PCRE2_SPTR)(translated.data ? translated.data : ""), translated.len,
                                PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C | PCRE2_USE_OFFSET_LIMIT,
                                &code, &at, context);
    if (!regex->code) {
        char why[120] = "unknown error";
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
        r = code == PCRE2_ERROR_HEAP_FAILED || code == PCRE2_ERROR_NOMEMORY ? TL_E_NOMEM :
            tl_fail(TL_E_FILE, "regular expression '%.80s': %s", regex->pattern, why);
        goto out;
    }
    pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE);
out:
    tl_buffer_done(&translated);
    return r;
}

int tl_regex_new(const char *pattern, size_t n_bytes, struct tl_regex **ret_regex)
{
    struct tl_regex *regex = tl_alloc(1, sizeof *regex);
    int r = TL_E_NOMEM;
    if (!regex || !(regex->pattern = tl_strndup(pattern, n_bytes)))
        goto out;
    regex->n_pattern = n_bytes;
    r = tl_fail(TL_E_NOMEM, "out of memory");
    pcre2_general_context *general = pcre2_general_context_create(take, give, NULL);
    pcre2_compile_context *context = general ? pcre2_compile_context_create(general) : NULL;
    if (context)
        r = compile(regex, context);
    pcre2_compile_context_free(context);
    pcre2_general_context_free(general);
out:
    if (r < 0)
        tl_regex_free(regex);
    else
        *ret_regex = regex;
    return r < 0 ? r : 0;
}

void tl_regex_free(struct tl_regex *regex)
{
    if (!regex)
        return;
    pcre2_code_free(regex->code);
    tl_free(regex->pattern);
    tl_free(regex);
}

/* --- matching ----------------------------------------------------------------------------------------------------- */

void tl_regex_scratch_init(struct tl_regex_scratch *scratch, size_t text_bytes)
{
    *scratch = (struct tl_regex_scratch){0};
    scratch->deadline_ns = tl_clock_ns() + UINT64_C(10000000000) + 2000 * (uint64_t)text_bytes;
}

void tl_regex_scratch_done(struct tl_regex_scratch *scratch)
{
    pcre2_match_data_free(scratch->match);
    pcre2_match_context_free(scratch->limits);
    pcre2_jit_stack_free(scratch->stack);
    *scratch = (struct tl_regex_scratch){0};
}

static int prepare(struct tl_regex_scratch *scratch)
{
    pcre2_general_context *general = pcre2_general_context_create(take, give, NULL);
    if (general) {
        scratch->match = pcre2_match_data_create(1, general);
        scratch->limits = scratch->match ? pcre2_match_context_create(general) : NULL;
    }
    pcre2_general_context_free(general);
    if (!scratch->limits) {
        pcre2_match_data_free(scratch->match);
        scratch->match = NULL;
        return tl_fail(TL_E_NOMEM, "out of memory");
    }
    pcre2_set_match_limit(scratch->limits, STEP_LIMIT);
    pcre2_set_heap_limit(scratch->limits, HEAP_KIB);
    return 0;
}

/* The JIT's own stack of 32 KiB was too small. */
static int grow_stack(struct tl_regex_scratch *scratch)
{
    if (scratch->stack)
        return PCRE2_ERROR_JIT_STACKLIMIT;
    pcre2_general_context *general = pcre2_general_context_create(take, give, NULL);
    scratch->stack = general ? pcre2_jit_stack_create(1 << 18, STACK_BYTES, general) : NULL;
    pcre2_general_context_free(general);
    if (!scratch->stack)
        return PCRE2_ERROR_NOMEMORY;
    pcre2_jit_stack_assign(scratch->limits, NULL, scratch->stack);
    return 0;
}

static int attempt(const struct tl_regex *regex, struct tl_regex_scratch *scratch, const char *text, size_t n_bytes, size_t from,
                   size_t limit)
{
    int r;
    pcre2_set_offset_limit(scratch->limits, limit);
    do
        r = pcre2_match(regex->code, (PCRE2_SPTR)text, n_bytes, from, PCRE2_NO_UTF_CHECK, scratch->match, scratch->limits);
    while (r == PCRE2_ERROR_JIT_STACKLIMIT && (r = grow_stack(scratch)) == 0);
    return r;
}

static int give_up(const struct tl_regex *regex, int code)
{
    char why[120] = "unknown error";
    if (code == PCRE2_ERROR_NOMEMORY)
        return tl_fail(TL_E_NOMEM, "out of memory");
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
    return tl_fail(TL_E_FILE, "regular expression '%.80s' on this text: %s", regex->pattern, why);
}

int tl_regex_find(const struct tl_regex *regex, struct tl_regex_scratch *scratch, const char *text, size_t n_bytes, size_t from,
                  size_t *ret_start, size_t *ret_end)
{
    int r = scratch->match ? 0 : prepare(scratch);
    if (r < 0)
        return r;
    while (from <= n_bytes) {
        uint64_t window = WINDOW_WORK / (n_bytes - from + 1) + 256;
        size_t limit = window < n_bytes - from ? from + (size_t)window : n_bytes;
        while (limit < n_bytes && (text[limit] & 0xC0) == 0x80)
            limit++;
        r = attempt(regex, scratch, text, n_bytes, from, limit);
        if (r >= 0) {
            const PCRE2_SIZE *place = pcre2_get_ovector_pointer(scratch->match);
            *ret_start = place[0];
            *ret_end = place[1] > place[0] ? place[1] : place[0];
        } else if (r != PCRE2_ERROR_NOMATCH) {
            return give_up(regex, r);
        }
        if ((++scratch->calls % CALLS_PER_CLOCK == 0 || limit < n_bytes) && tl_clock_ns() > scratch->deadline_ns)
            return tl_fail(TL_E_FILE, "regular expression '%.80s' takes too long on this text", regex->pattern);
        if (r >= 0)
            return 1;
        from = limit + 1;
        while (from < n_bytes && (text[from] & 0xC0) == 0x80)
            from++;
    }
    return 0;
}
