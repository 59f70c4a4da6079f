/* SPDX-License-Identifier: MIT */
/* Lines of tasks and prompts, and answers: any bytes are taken or refused with a sentence that has the file; what is taken keeps
 * its bounds. Answers are judged without a crash, and in the same way twice. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "compress/eval_lines.h"
#include "compress/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void require(bool good)
{
    if (!good)
        abort();
}

static void read_as(const char *text, size_t n_bytes, bool tasks, const struct tl_eval_order *order)
{
    struct tl_eval_items items = {0};
    int status = tl_eval_items_parse(&items, "file", text, n_bytes, tasks, order);
    require(status >= 0 || strncmp(tl_error_text(), "file: ", 6) == 0);
    for (uint64_t i = 0; i < items.n; i++) {
        const struct tl_eval_item *item = &items.item[i];
        char *messages = NULL;
        require(!item->prompt != !item->messages);
        require(item->kind != TL_EVAL_CHOICE || (item->choices.n >= 2 && item->right < item->choices.n));
        require((item->kind >= 0) == tasks);
        require(!item->verify || order->trust);
        require(tl_eval_item_messages(item, true, &messages) >= 0 && messages);
        tl_free(messages);
    }
    tl_eval_items_done(&items);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static const struct tl_eval_order plain, trusting = {.verify = "true", .trust = true};
    char *text = malloc(n_bytes + 1);
    if (!text)
        return 0;
    memcpy(text, bytes, n_bytes);
    text[n_bytes] = 0;
    read_as(text, n_bytes, true, &plain);
    read_as(text, n_bytes, true, &trusting);
    read_as(text, n_bytes, false, &plain);
    require(tl_judge_loops(text, n_bytes) == tl_judge_loops(text, n_bytes));
    require(tl_judge_refuses(text, n_bytes) == tl_judge_refuses(text, n_bytes));
    require(tl_judge_same(text, n_bytes, text, n_bytes));
    tl_judge_json(text, n_bytes);
    free(text);
    return 0;
}
