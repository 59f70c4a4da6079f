/* SPDX-License-Identifier: MIT */
/* Real chat templates, rendered by the text room and by Jinja2 (templates.py): equal in at least 98 % of the cases, and
 * no case may fail here that does not fail there. TRILL_PYTHON names another Python. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "text/template.h"

enum { TEMPLATE, CASE, TEXT, MESSAGES, TOOLS, EXTRA, EXPECTED, FIELDS };
static const char *const names[FIELDS] = {"template", "case", "text", "messages", "tools", "extra", "expected"};

struct example { char *field[FIELDS]; size_t n[FIELDS]; bool prompt; };

static void free_example(struct example *e)
{
    for (int i = 0; i < FIELDS; i++)
        tl_free(e->field[i]);
    *e = (struct example){0};
}

static int read_field(struct tl_json *json, int field, struct example *e)
{
    int event = tl_json_next(json);
    if (field < 0 || event == TL_JSON_NULL) {
        e->prompt = field < 0 ? event == TL_JSON_TRUE : e->prompt;
        return event;
    }
    e->n[field] = json->string.len;
    e->field[field] = tl_strndup(json->string.data ? json->string.data : "", json->string.len);
    return event == TL_JSON_STRING && e->field[field] ? 0 : -1;
}

static int read_example(const char *line, size_t n, struct example *e)
{
    struct tl_json json;
    tl_json_init(&json, "templates.py", line, n);
    int r = tl_json_next(&json);
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY) {
        int field = -1;
        for (int i = 0; i < FIELDS; i++)
            if (tl_json_is(&json, names[i]))
                field = i;
        r = read_field(&json, field, e);
    }
    tl_json_done(&json);
    return r < 0 ? r : 0;
}

static char *render(const struct example *e, size_t *ret_n)
{
    struct tl_template_input input = {.messages_json = e->field[MESSAGES], .tools_json = e->field[TOOLS], .extra_json = e->field[EXTRA],
                                      .bos = "<|bos|>", .eos = "<|eos|>", .add_generation_prompt = e->prompt, .now = 1721990096};
    struct tl_template *template = NULL;
    struct tl_parts parts = {0};
    char *joined = NULL;
    int r = tl_template_new(e->field[TEXT], e->n[TEXT], &template);
    if (r >= 0)
        r = tl_template_render(template, &input, &parts);
    *ret_n = 0;
    for (size_t i = 0; i < parts.count; i++)
        *ret_n += parts.part[i].n_bytes;
    if (r >= 0)
        joined = tl_alloc(*ret_n + 1, 1);
    for (size_t i = 0, at = 0; i < parts.count; at += parts.part[i++].n_bytes)
        memcpy(joined + at, parts.part[i].text, parts.part[i].n_bytes);
    tl_parts_done(&parts);
    tl_template_free(template);
    return joined;
}

/* Is it as Jinja2 has it? Says where not. */
static bool compare(const struct example *e)
{
    size_t n;
    char *ours = render(e, &n);
    const char *theirs = e->field[EXPECTED];
    bool equal = !ours ? !theirs : theirs && n == e->n[EXPECTED] && memcmp(ours, theirs, n) == 0;
    if (!equal) {
        size_t at = 0;
        while (ours && theirs && at < n && at < e->n[EXPECTED] && ours[at] == theirs[at])
            at++;
        at = at > 40 ? at - 40 : 0;
        fprintf(stderr, "%s, %s, %s:\n    ours:   %.160s\n    Jinja2: %.160s\n", e->field[TEMPLATE], e->field[CASE],
                e->prompt ? "with prompt" : "without", ours ? ours + at : tl_error_text(), theirs ? theirs + at : "an exception");
    }
    tl_free(ours);
    return equal;
}

int main(void)
{
    const char *python = getenv("TRILL_PYTHON"), *tests = getenv("TRILL_TESTS");
    char command[2000], *line = NULL;
    size_t cap = 0, n_cases = 0, n_equal = 0, n_failing = 0;
    ssize_t n;
    snprintf(command, sizeof command, "'%s' '%s/peer/templates.py'", python ? python : "python3", tests ? tests : "tests");
    FILE *examples = popen(command, "r");
    while (examples && (n = getline(&line, &cap, examples)) > 0) {
        struct example e = {0};
        if (read_example(line, (size_t)n, &e) < 0) {
            fprintf(stderr, "%s\n", tl_error_text());
            return 1;
        }
        n_cases++;
        n_failing += e.field[EXPECTED] == NULL;
        n_equal += compare(&e);
        free_example(&e);
    }
    int status = examples ? pclose(examples) : -1;
    free(line);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        return 77;
    fprintf(stderr, "%zu of %zu cases as Jinja2 has them, %zu of them exceptions\n", n_equal, n_cases, n_failing);
    return status != 0 || n_cases == 0 || n_equal * 100 < n_cases * 98;
}
