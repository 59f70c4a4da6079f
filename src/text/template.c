/* SPDX-License-Identifier: MIT */
/* Chat templates: compiling one, and running it on messages.
 *
 * What a template sees are the variables that Hugging Face's apply_chat_template gives it. All strings of the messages,
 * the tools and the extra variables are the caller's; only a message's role counts as the template's own when it is one
 * of the known names, because some templates build control tokens from it ('<|' + role + '|>'). */
#include "text/template.h"

#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "text/jinja.h"
#include "text/jinja_builtin.h"
#include "text/jinja_literal.h"
#include "text/jinja_parser.h"
#include "text/jinja_text.h"

enum { MAX_BYTES = 4 << 20 };

/* What is not limited by the caller: enough for any conversation, so it grows with the input. */
static struct tl_template_limits limits_of(const struct tl_template_input *input)
{
    struct tl_template_limits limits = input->limits;
    uint64_t n_bytes = 0;
    n_bytes += input->messages_json ? strlen(input->messages_json) : 0;
    n_bytes += input->tools_json ? strlen(input->tools_json) : 0;
    n_bytes += input->extra_json ? strlen(input->extra_json) : 0;
    limits.steps = limits.steps ? limits.steps : 2000000 + 32 * n_bytes;
    limits.depth = limits.depth ? limits.depth : 1000;
    limits.output_bytes = limits.output_bytes ? limits.output_bytes : (16 << 20) + 4 * n_bytes;
    limits.value_bytes = limits.value_bytes ? limits.value_bytes : (64 << 20) + 16 * n_bytes;
    return limits;
}

static const char *const roles[] = {"system", "user", "assistant", "tool", "developer", "function", "ipython", "model",
                                    "environment", "observation", "context", "tool_call", "tool_response"};

int tl_template_new(const char *text, size_t n_bytes, struct tl_template **ret_template)
{
    if (n_bytes > MAX_BYTES)
        return tl_fail(TL_E_FILE, "template: expected at most %d bytes, found %zu", MAX_BYTES, n_bytes);
    if (!tl_utf8_valid(text, n_bytes))
        return tl_fail(TL_E_FILE, "template: expected UTF-8, found other bytes");
    struct tl_template *template = tl_alloc(1, sizeof *template);
    if (!template)
        return TL_E_NOMEM;
    int r;
    char *source = tl_jinja_memory_take(&template->memory, n_bytes, 1, &r);
    if (source)
        r = tl_jinja_parser_run(template, source, tl_jinja_literal_normalise(text, n_bytes, source));
    if (r < 0) {
        tl_template_free(template);
        return r;
    }
    *ret_template = template;
    return 0;
}

void tl_template_free(struct tl_template *template)
{
    if (!template)
        return;
    tl_jinja_names_done(template);
    tl_jinja_memory_done(&template->memory);
    tl_free(template);
}

/* --- variables ---------------------------------------------------------------------------------------------------------- */

static void set(struct tl_jinja *j, const char *name, struct tl_jinja_value value)
{
    struct tl_jinja_text text = {.bytes = name, .n = strlen(name)};
    text.hash = tl_jinja_text_hash_bytes(text.bytes, text.n);
    uint32_t number = tl_jinja_names_find(j->template, &text);
    if (number != UINT32_MAX)
        j->global[number] = value;
}

static int set_text(struct tl_jinja *j, const char *name, const char *text)
{
    struct tl_jinja_value value;
    int r = tl_jinja_text_new(j, text ? text : "", text ? strlen(text) : 0, false, &value);
    if (r >= 0)
        set(j, name, value);
    return r;
}

static int set_extra(struct tl_jinja *j, const char *json)
{
    struct tl_jinja_value extra;
    int r = tl_jinja_json_read(j, "template variables", json, &extra);
    if (r < 0)
        return r;
    if (extra.kind != TL_JINJA_DICT)
        return tl_fail(TL_E_USAGE, "template variables: expected an object, found a %s", tl_jinja_kind_name(&extra));
    for (size_t i = 0; i < extra.dict->n; i++) {
        const struct tl_jinja_text *name = extra.dict->pair[i].key.text;
        tl_jinja_text_hash(name);
        uint32_t number = tl_jinja_names_find(j->template, name);
        if (number != UINT32_MAX)
            j->global[number] = extra.dict->pair[i].value;
    }
    return 0;
}

static int trust_role(struct tl_jinja *j, struct tl_jinja_dict *message)
{
    static const struct tl_jinja_text name = {.bytes = "role", .n = 4, .chars = 4};
    struct tl_jinja_text probe = name;
    struct tl_jinja_value key = tl_jinja_string(&probe), role;
    const struct tl_jinja_value *found;
    int r = tl_jinja_dict_find(j, message, &key, &found);
    for (size_t i = 0; r > 0 && tl_jinja_is_string(found) && i < TL_COUNT(roles); i++)
        if (tl_jinja_text_is(found->text, roles[i])) {
            if ((r = tl_jinja_text_literal(j, roles[i], &role)) >= 0)
                r = tl_jinja_dict_put(j, message, &key, &role);
            break;
        }
    return r < 0 ? r : 0;
}

static int set_messages(struct tl_jinja *j, const char *json)
{
    struct tl_jinja_value messages;
    int r = json ? tl_jinja_json_read(j, "messages", json, &messages) : tl_fail(TL_E_USAGE, "messages: none are given");
    if (r < 0)
        return r;
    if (messages.kind != TL_JINJA_LIST)
        return tl_fail(TL_E_USAGE, "messages: expected a list, found a %s", tl_jinja_kind_name(&messages));
    for (size_t i = 0; i < messages.list->n && r >= 0; i++) {
        if (messages.list->item[i].kind != TL_JINJA_DICT)
            return tl_fail(TL_E_USAGE, "messages: item %zu: expected an object, found a %s", i, tl_jinja_kind_name(&messages.list->item[i]));
        r = trust_role(j, messages.list->item[i].dict);
    }
    set(j, "messages", messages);
    return r;
}

static int set_tools(struct tl_jinja *j, const char *json)
{
    struct tl_jinja_value tools = tl_jinja_none();
    int r = json ? tl_jinja_json_read(j, "tools", json, &tools) : 0;
    if (r >= 0 && tools.kind != TL_JINJA_LIST && tools.kind != TL_JINJA_NONE)
        return tl_fail(TL_E_USAGE, "tools: expected a list, found a %s", tl_jinja_kind_name(&tools));
    set(j, "tools", tools);
    return r;
}

static int set_variables(struct tl_jinja *j)
{
    const struct tl_template_input *input = j->input;
    const struct tl_jinja_builtin *builtin;
    int r = tl_jinja_take(j, j->template->n_names, sizeof *j->global, &j->global);
    if (r < 0)
        return r;
    for (size_t i = 0; (builtin = tl_jinja_builtin_global(i)); i++)
        set(j, builtin->name, (struct tl_jinja_value){.kind = TL_JINJA_BUILTIN, .builtin = builtin});
    set(j, "documents", tl_jinja_none());
    if ((r = set_text(j, "bos_token", input->bos)) < 0 || (r = set_text(j, "eos_token", input->eos)) < 0 ||
        (input->extra_json && (r = set_extra(j, input->extra_json)) < 0) || (r = set_tools(j, input->tools_json)) < 0)
        return r;
    set(j, "add_generation_prompt", tl_jinja_bool(input->add_generation_prompt));
    return set_messages(j, input->messages_json);
}

/* --- rendering ---------------------------------------------------------------------------------------------------------- */

int tl_template_render(const struct tl_template *template, const struct tl_template_input *input, struct tl_parts *ret_parts)
{
    const struct tl_template_limits limits = limits_of(input);
    struct tl_jinja j = {
        .template = template, .input = input, .line = 1, .limit_steps = limits.steps, .limit_depth = limits.depth,
        .output = {.limit = limits.output_bytes}, .memory = {.limit_bytes = limits.value_bytes},
    };
    int r = set_variables(&j);
    if (r >= 0 && (r = tl_jinja_execute(&j, template->body, NULL)) >= 0)
        r = tl_jinja_output_parts(&j, ret_parts);
    tl_jinja_output_done(&j.output);
    tl_jinja_memory_done(&j.memory);
    return r < 0 ? r : 0;
}

void tl_parts_done(struct tl_parts *parts)
{
    if (!parts)
        return;
    for (size_t i = 0; i < parts->count; i++)
        tl_free(parts->part[i].text);
    tl_free(parts->part);
    *parts = (struct tl_parts){0};
}
