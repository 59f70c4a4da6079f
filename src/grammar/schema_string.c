/* SPDX-License-Identifier: MIT */
/* Strings: their length in characters. */
#include "grammar/schema.h"

uint32_t tl_schema_string(struct tl_schema *schema, const struct tl_conjunction *c)
{
    struct tl_draft *draft = &schema->draft;
    uint32_t min = 0, max = TL_GRAMMAR_NO_END;
    for (uint32_t i = 0; i < c->n; i++) {
        const struct tl_json_node *node = tl_schema_node(schema, c->item[i].node);
        uint32_t at_least, at_most;
        if (tl_schema_count(schema, node, "minLength", 0, &at_least) < 0 || tl_schema_count(schema, node, "maxLength", TL_GRAMMAR_NO_END, &at_most) < 0)
            return TL_EXPR_DEAD;
        min = at_least > min ? at_least : min;
        max = at_most < max ? at_most : max;
    }
    if (min == 0 && max == TL_GRAMMAR_NO_END)
        return schema->string;
    if (min > max)
        return TL_EXPR_DEAD;
    return tl_draft_sequence(draft, (const uint32_t[]){schema->quote, tl_draft_repeat(draft, schema->character, min, max), schema->quote}, 3);
}

uint32_t tl_schema_number(struct tl_schema *schema, const struct tl_conjunction *c, bool whole)
{
    (void)c;
    return whole ? schema->integer : schema->number;
}
