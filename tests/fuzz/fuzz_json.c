/* SPDX-License-Identifier: MIT */
/* The JSON reader: any bytes end in the end or in a failure; levels open and close in pairs; skipping the document
 * finds the same outcome as reading it; strings are UTF-8. */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void require(bool good)
{
    if (!good)
        abort();
}

static int read_all(const char *text, size_t n_bytes)
{
    struct tl_json json;
    int event;
    unsigned depth = 0;
    tl_json_init(&json, "fuzz", text, n_bytes);
    while ((event = tl_json_next(&json)) > 0) {
        depth += event == TL_JSON_OBJECT || event == TL_JSON_ARRAY;
        depth -= event == TL_JSON_OBJECT_END || event == TL_JSON_ARRAY_END;
        require(depth == json.depth && depth <= TL_JSON_DEPTH);
        if (event == TL_JSON_STRING || event == TL_JSON_KEY)
            require(tl_utf8_valid(json.string.data, json.string.len));
    }
    require(event < 0 || depth == 0);
    tl_json_done(&json);
    return event;
}

static int skip_all(const char *text, size_t n_bytes)
{
    struct tl_json json;
    tl_json_init(&json, "fuzz", text, n_bytes);
    int event = tl_json_next(&json);
    if (event >= 0 && tl_json_skip(&json) >= 0)
        event = tl_json_next(&json);
    else
        event = -1;
    tl_json_done(&json);
    return event;
}

static void read_values(const char *text, size_t n_bytes)
{
    struct tl_json json;
    double number;
    uint64_t integer;
    for (int kind = 0; kind < 2; kind++) {
        tl_json_init(&json, "fuzz", text, n_bytes);
        if (tl_json_next(&json) == TL_JSON_ARRAY)
            for (int i = 0; i < 100; i++)
                if ((kind ? tl_json_u64(&json, 1000, &integer) : tl_json_f64(&json, &number)) < 0)
                    break;
        tl_json_done(&json);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    const char *text = (const char *)bytes;
    int read = read_all(text, n_bytes), skipped = skip_all(text, n_bytes);
    require((read < 0) == (skipped < 0));
    read_values(text, n_bytes);
    return 0;
}
