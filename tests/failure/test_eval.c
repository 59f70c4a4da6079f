/* SPDX-License-Identifier: MIT */
/* An evaluation in which an allocation, or a read or write of a file, fails somewhere: it ends with a status and its sentence or is
 * as good as ever; nothing leaks, and no reference is left that is not whole. */
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "compress/eval.h"
#include "folder.h"
#include "golden_file.h"

enum { STEPS = 25, FIRST = 12 };

static char path_model[300], path_text[300], path_store[100], path_lines[120], path_prompts[120];

static int evaluate(double *ret_kl, char *ret_stored, size_t room)
{
    const char *models[] = {path_model}, *tasks[] = {path_lines}, *prompts[] = {path_prompts};
    struct tl_eval_order order = {
        .models = models, .n_models = 1, .reference = path_model, .text = path_text, .tasks = tasks, .n_tasks = 1, .prompts = prompts, .n_prompts = 1,
        .window = 64, .max_tokens = 3, .store = path_store, .verify = "true", .engine = {.threads = 1},
    };
    struct tl_eval eval;
    struct tl_buffer json;
    tl_buffer_init(&json, 0);
    int status = tl_eval(&order, NULL, &eval);
    if (status >= 0) {
        tl_eval_write(&eval, &json);
        status = json.status;
        *ret_kl = eval.model[0].kl.mean + (double)(eval.model[0].kl.n == 0);
        snprintf(ret_stored, room, "%s", eval.reference.file);
    }
    tl_buffer_done(&json);
    tl_eval_done(&eval);
    return status;
}

static int setup(void **state)
{
    snprintf(path_model, sizeof(path_model), "%s", golden_file("llama/model.gguf"));
    snprintf(path_text, sizeof(path_text), "%s", golden_file("eval/text.txt"));
    if (make_folder(state) < 0)
        return -1;
    snprintf(path_store, sizeof(path_store), "%s/store", folder);
    snprintf(path_lines, sizeof(path_lines), "%s/tasks", folder);
    snprintf(path_prompts, sizeof(path_prompts), "%s/prompts", folder);
    make_text(path_lines, "{\"prompt\": \"the weight\", \"choices\": [\" a\", \" b\"], \"answer\": 0}\n{\"prompt\": \"the\", \"verify\": true}\n");
    make_text(path_prompts, "{\"prompt\": \"the weight\", \"tags\": \"a\"}\n");
    return 0;
}

static void run(void (*fail_after)(long), long k, bool *ret_good)
{
    char stored[300] = "";
    double kl = -1;
    fail_after(k);
    int status = evaluate(&kl, stored, sizeof(stored));
    fail_after(-1);
    if (status < 0)
        assert_true(status >= TL_E_CANCEL && *tl_error_text());
    else
        assert_true(kl == 0);
    if (*stored)
        unlink(stored);
    *ret_good = status >= 0;
}

static void fail_everywhere(void (*fail_after)(long))
{
    bool good = false;
    long k;
    for (k = 0; k < FIRST; k++)
        run(fail_after, k, &good);
    for (good = false; !good; k *= 2)                /* how many there are, about */
        run(fail_after, k, &good);
    for (long at = FIRST, step = k / STEPS + 1; at < k; at += step)
        run(fail_after, at, &good);
}

static void memory(void **state) { (void)state; fail_everywhere(tl_memory_fail_after); }
static void files(void **state) { (void)state; fail_everywhere(tl_file_fail_after); }

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory), cmocka_unit_test(files)};
    return cmocka_run_group_tests(tests, setup, remove_folder);
}
