/* SPDX-License-Identifier: MIT */
/* The table of prices, and how it is told. */
#include "plan/prices.h"

#include <string.h>

const struct tl_price tl_prices[] = {
#define PRICE(geometry, name, vendor, read, written, seen, source) {geometry, name, vendor, read, written, seen, source},
#include "base/array.h"
#include "plan/prices.def"
#undef PRICE
};
const size_t tl_price_count = TL_COUNT(tl_prices);

const struct tl_price *tl_price_of(const char *geometry)
{
    for (size_t i = 0; geometry && i < tl_price_count; i++)
        if (tl_prices[i].geometry && strcmp(tl_prices[i].geometry, geometry) == 0)
            return &tl_prices[i];
    return NULL;
}

static void write_one(const struct tl_price *price, bool same, bool first, struct tl_buffer *json)
{
    tl_buffer_printf(json, "%s{\"name\":\"%s\",\"vendor\":\"%s\",\"same_model\":%s,\"open_weights\":%s,\"read_dollars_per_million\":%.4g,"
                           "\"written_dollars_per_million\":%.4g,\"seen\":\"%s\",\"source\":\"%s\"}", first ? "" : ",\n  ", price->name, price->vendor,
                     same ? "true" : "false", price->geometry ? "true" : "false", price->read, price->written, price->seen, price->source);
}

void tl_prices_write(const char *geometry, struct tl_buffer *json)
{
    const struct tl_price *own = tl_price_of(geometry);
    bool first = true;
    tl_buffer_printf(json, "[");
    if (own)
        write_one(own, true, true, json);
    first = !own;
    for (size_t i = 0; i < tl_price_count; i++) {
        if (&tl_prices[i] == own)
            continue;
        write_one(&tl_prices[i], false, first, json);
        first = false;
    }
    tl_buffer_printf(json, "]");
}
