/* SPDX-License-Identifier: MIT */
/* Renders a chat template by the text room alone:
 *     render_template TEMPLATE MESSAGES [TOOLS|- [EXTRA|- [bos [eos [prompt|no-prompt [now [parts]]]]]]]
 * The text goes to stdout; with "parts" each part in a line, T or U before it. Fails with the status code's exit. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "text/template.h"

static char *slurp(const char *path)
{
    char *text = NULL;
    size_t n;
    if (strcmp(path, "-") == 0)
        return NULL;
    if (tl_file_slurp(path, 64 << 20, &text, &n) < 0) {
        fprintf(stderr, "%s\n", tl_error_text());
        exit(1);
    }
    return text;
}

static void write_parts(const struct tl_parts *parts, bool marked)
{
    for (size_t i = 0; i < parts->count; i++) {
        if (marked)
            printf("%c ", parts->part[i].from_user ? 'U' : 'T');
        fwrite(parts->part[i].text, 1, parts->part[i].n_bytes, stdout);
        if (marked)
            putchar('\n');
    }
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    const char *none[] = {"-", "-", "", "", "prompt", "0", ""};
    for (int i = 3; i < argc && i < 10; i++)
        none[i - 3] = argv[i];
    char *template_text = slurp(argv[1]), *messages = slurp(argv[2]), *tools = slurp(none[0]), *extra = slurp(none[1]);
    struct tl_template_input input = {.messages_json = messages, .tools_json = tools, .extra_json = extra, .bos = none[2], .eos = none[3],
                                      .add_generation_prompt = strcmp(none[4], "prompt") == 0, .now = strtoll(none[5], NULL, 10)};
    struct tl_template *template = NULL;
    struct tl_parts parts = {0};
    int r = tl_template_new(template_text ? template_text : "", template_text ? strlen(template_text) : 0, &template);
    uint64_t start = tl_clock_ns();
    if (r >= 0)
        r = tl_template_render(template, &input, &parts);
    if (r < 0)
        fprintf(stderr, "%s\n", tl_error_text());
    else
        write_parts(&parts, strcmp(none[6], "parts") == 0);
    if (getenv("TIMES"))
        fprintf(stderr, "%.3f ms\n", tl_clock_seconds(start) * 1e3);
    tl_parts_done(&parts);
    tl_template_free(template);
    tl_free(template_text);
    tl_free(messages);
    tl_free(tools);
    tl_free(extra);
    return tl_status_exit(r < 0 ? r : 0);
}
