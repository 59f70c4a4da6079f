/* SPDX-License-Identifier: MIT */
/* What suits a machine, as JSON. */
#include <inttypes.h>
#include <string.h>

#include "plan/suits.h"

static double rate(const struct tl_cost *c) { return c->seconds > 0 ? c->tokens / c->seconds : 0; }

static void put_suit(const struct tl_suit *s, struct tl_buffer *json)
{
    static const char *const held[] = {[TL_FIT_TRUNK_PASSES] = "streamed", [TL_FIT_EXPERTS_PASS] = "experts streamed", [TL_FIT_RESIDENT] = "resident"};
    tl_buffer_printf(json, "{\"model\":\"%s\",\"licence\":\"%s\",\"format\":\"%s\",\"native\":%s,\"pace\":\"%s\",\"held\":\"%s\",\"on_disk\":%s",
                     s->known->name, s->known->licence, s->format, strcmp(s->format, s->known->native) == 0 ? "true" : "false",
                     tl_pace_names[s->pace], held[s->way], s->on_disk ? "true" : "false");
    tl_buffer_printf(json, ",\"parameters\":%" PRIu64 ",\"active_parameters\":%" PRIu64 ",\"like_dense_parameters\":%.6g,\"weight_bytes\":%" PRIu64
                           ",\"peak_bytes\":%" PRIu64, s->parameters, s->active_parameters, s->gives, s->weight_bytes, s->peak_bytes);
    tl_buffer_printf(json, ",\"decode_tokens_per_s\":%.6g,\"bound\":\"%s\",\"joules_per_token\":%.6g", rate(&s->decode), tl_bound_name(s->decode.bound),
                     s->decode.tokens > 0 ? s->decode.joules / s->decode.tokens : 0);
    tl_buffer_printf(json, ",\"price_per_million_tokens\":%.6g", s->decode.tokens > 0 ? s->decode.money / s->decode.tokens * 1e6 : 0);
    tl_buffer_printf(json, ",\"twice_drive_tokens_per_s\":%.6g,\"twice_ram_tokens_per_s\":%.6g", s->faster_drive, s->more_memory);
    if (s->score.seconds > 0)
        tl_buffer_printf(json, ",\"score_tokens_per_s\":%.6g,\"score_bound\":\"%s\",\"score_joules_per_token\":%.6g}", rate(&s->score),
                         tl_bound_name(s->score.bound), s->score.joules / s->score.tokens);
    else
        tl_buffer_printf(json, ",\"score_tokens_per_s\":null}");
}

void tl_suits_write(const struct tl_suits *suits, struct tl_buffer *json)
{
    size_t n = 0;
    tl_buffer_printf(json, "\"suits\":[");
    for (; n < suits->n && !suits->suits[n].why_not; n++) {
        tl_buffer_printf(json, n ? ",\n " : "\n ");
        put_suit(&suits->suits[n], json);
    }
    tl_buffer_printf(json, "],\n\"left_out\":[");
    for (size_t i = n; i < suits->n; i++) {
        tl_buffer_printf(json, "%s{\"model\":\"%s\",\"why\":", i > n ? ",\n " : "\n ", suits->suits[i].known->name);
        tl_buffer_json_string(json, suits->suits[i].why_not, strlen(suits->suits[i].why_not));
        tl_buffer_printf(json, "}");
    }
    tl_buffer_printf(json, "]");
}
