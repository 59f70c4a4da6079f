/* SPDX-License-Identifier: MIT */
/* Answering with adapters, merging them and training one, with the N-th allocation or the N-th read or write failing, for every
 * N: a status and a sentence each time, no output that is not whole, nothing leaked (the sanitizer builds look). */
#include <stdbool.h>

#include "base/file.h"
#include "base/memory.h"
#include "folder.h"
#include "golden_file.h"
#include "trill.h"

static int answer(void)
{
    static const int32_t ids[] = { 5, 6, 7, 8 };
    const struct trill_adapter adapters[] = { { golden_file("adapters/llama-all/adapter.gguf"), 1 }, { golden_file("adapters/llama-few"), 0.5f } };
    struct trill_model_options options;
    struct trill_model *model = NULL;
    struct trill_session *session = NULL;
    trill_model_options_init(&options, sizeof(options));
    options.threads = 1;
    options.adapters = adapters;
    options.n_adapters = 2;
    int status = trill_model_open(golden_file("llama"), &options, &model);
    if (status >= 0)
        status = trill_session_open(model, &session);
    if (status >= 0)
        status = trill_session_set(session, ids, 4);
    if (status >= 0)
        status = trill_session_compute(session, NULL, NULL);
    trill_session_close(session);
    trill_model_close(model);
    return status;
}

static int work(const char *kind, const char *text)
{
    struct trill_job *job = NULL;
    int status = trill_job_new(kind, NULL, text, &job);
    if (status >= 0)
        status = trill_job_run(job, NULL, NULL);
    trill_job_close(job);
    return status;
}

static int merge(void)
{
    char text[2000];
    snprintf(text, sizeof(text), "{\"model\":\"%s\",\"lora\":[\"%s:0.5\"],\"output\":\"%s\",\"threads\":1,\"force\":true}", golden_file("llama/model.gguf"),
             golden_file("adapters/llama-all"), in_folder("merged.gguf"));
    return work("merge", text);
}

static int train(void)
{
    char text[2000];
    snprintf(text, sizeof(text), "{\"model\":\"%s\",\"lora-rank\":2,\"lora-targets\":\"q,v\",\"text\":\"%s\",\"tokens\":\"16\",\"window\":8,\"batch\":1,\"threads\":1,"
             "\"held\":0,\"output\":\"%s\",\"checkpoint\":\"%s\",\"force\":true,\"no-ledger\":true}", golden_file("llama/model.gguf"), in_folder("text.txt"),
             in_folder("adapter.gguf"), in_folder("kept"));
    return work("train", text);
}

static void try_all(const char *name, int (*run)(void), const char *file, void (*fail_after)(long countdown))
{
    char output[600];
    long n = 0;
    snprintf(output, sizeof(output), "%s", in_folder(file));
    for (int status = -1; status < 0; n++) {
        remove(output);
        fail_after(n);
        status = run();
        fail_after(-1);
        if (status < 0 && !*trill_error())
            fail_msg("%s: the failure of call %ld has no sentence", name, n);
        char *json = NULL;
        if (status < 0 && access(output, F_OK) == 0 && trill_inspect(output, &json) < 0)
            fail_msg("%s: call %ld failed and left an output that is not whole: %s", name, n, trill_error());
        trill_free(json);
        assert_true(n < 100000);
    }
    print_message("%s: %ld failing calls\n", name, n - 1);
    assert_true(n > 10);
}

static void test_answers(void **state)
{
    (void)state;
    try_all("answer", answer, "none", tl_memory_fail_after);
    try_all("answer", answer, "none", tl_file_fail_after);
}

static void test_merges(void **state)
{
    (void)state;
    try_all("merge", merge, "merged.gguf", tl_memory_fail_after);
    try_all("merge", merge, "merged.gguf", tl_file_fail_after);
}

static void test_trains(void **state)
{
    (void)state;
    make_text(in_folder("text.txt"), "the weight that is read is the weight that is used");
    try_all("train", train, "adapter.gguf", tl_memory_fail_after);
    try_all("train", train, "adapter.gguf", tl_file_fail_after);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_answers), cmocka_unit_test(test_merges), cmocka_unit_test(test_trains) };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
