/* SPDX-License-Identifier: MIT */
/* Where a prompt's text comes from, and conversations through the library's templates. */
#include "cli/prompt.h"

#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/messages.h"

int tl_prompt_text(const char *given, const char *file, int exact, char **ret_text, size_t *ret_bytes)
{
    if (given && file)
        return tl_fail(TL_E_USAGE, "--prompt and --file: only one of them is expected, found both");
    if (given && strcmp(given, "-") != 0) {
        char *text = tl_strdup(given);
        if (!text)
            return TL_E_NOMEM;
        *ret_text = text;
        *ret_bytes = strlen(text);
        return 0;
    }
    if (!given && !file && isatty(STDIN_FILENO))
        return tl_fail(TL_E_USAGE, "a text is missing: -p TEXT, -f FILE, or standard input");
    int r = tl_input_text(file ? file : "-", ret_text, ret_bytes);
    if (r < 0 || exact)
        return r;
    if (*ret_bytes && (*ret_text)[*ret_bytes - 1] == '\n')
        (*ret_text)[--*ret_bytes] = 0;
    return 0;
}

int tl_prompt_chat(struct trill_model *model, const struct tl_messages *messages, const char *template_text, int32_t **ret_ids,
                   size_t *ret_count)
{
    struct tl_buffer json;
    tl_buffer_init(&json, 0);
    int r = tl_messages_json(messages, &json);
    if (r >= 0) {
        struct trill_chat chat;
        trill_chat_init(&chat, sizeof chat);
        chat.messages = json.data;
        chat.template_text = template_text;
        r = tl_command_status(trill_chat_tokenize(model, &chat, ret_ids, ret_count));
    }
    tl_buffer_done(&json);
    return r;
}
