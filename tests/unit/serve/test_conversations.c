/* SPDX-License-Identifier: MIT */
/* Conversations: what is put comes back, words are found, changes are whole or not there, and hostile documents, full drives,
 * folders that cannot be written and damaged files cost a sentence and nothing that was kept. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "folder.h"
#include "must.h"
#include "serve/conversations.h"
#include "serve/sql.h"

static struct tl_conversations *store;
static struct tl_buffer out;

static int set_up(void **state)
{
    tl_buffer_init(&out, 0);
    return make_folder(state) < 0 ? -1 : tl_conversations_new(folder, &store);
}

static int tear_down(void **state)
{
    tl_conversations_free(store);
    tl_buffer_done(&out);
    return remove_folder(state);
}

/* The id of what was added, good until the next call. */
static const char *add(const char *text)
{
    static char id[64];
    tl_buffer_clear(&out);
    must(tl_conversations_add(store, text, strlen(text), &out));
    assert_int_equal(sscanf(out.data, "{\"id\":\"%16[0-9a-f]\",", id), 1);
    return id;
}

static int change(const char *id, const char *text)
{
    tl_buffer_clear(&out);
    return tl_conversations_change(store, id, text, strlen(text), &out);
}

static const char *get(const char *id)
{
    tl_buffer_clear(&out);
    int there = tl_conversations_get(store, id, &out);
    must(there);
    return there ? out.data : "";
}

static const char *list(const char *search)
{
    tl_buffer_clear(&out);
    must(tl_conversations_list(store, search, NULL, 50, &out));
    return out.data;
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        n++;
    return n;
}

static int found(const char *search) { return count(list(search), "\"id\":"); }

static const char two[] =
    "{\"title\":\"Trains\",\"head\":\"b\",\"settings\":{\"system\":\"x\"},\"messages\":["
    "{\"id\":\"a\",\"parent\":\"\",\"role\":\"user\",\"content\":\"When does the train to Z\\u00fcrich leave?\"},"
    "{\"id\":\"b\",\"parent\":\"a\",\"role\":\"assistant\",\"content\":\"At ten.\",\"reasoning\":\"let me\\nsee\",\"data\":{\"model\":\"m\"}}]}";

/* --- what is kept --------------------------------------------------------------------------------------------------------- */

static void what_is_put_comes_back(void **state)
{
    (void)state;
    const char *text = get(add(two));
    static const char *const parts[] = {"\"title\":\"Trains\"", "\"head\":\"b\"", "\"settings\":{\"system\":\"x\"}", "train to Zürich",
                                        "\"parent\":\"a\"", "\"reasoning\":\"let me\\nsee\"", "\"data\":{\"model\":\"m\"}", "\"data\":{}"};
    for (size_t i = 0; i < TL_COUNT(parts); i++)
        if (!strstr(text, parts[i]))
            fail_msg("%s is not in %s", parts[i], text);
    assert_string_equal(get("0123"), "");
    assert_string_equal(get(""), "");
}

static void a_change_replaces_what_it_names(void **state)
{
    (void)state;
    const char *id = add(two);
    assert_int_equal(change(id, "{\"messages\":[{\"id\":\"b\",\"parent\":\"a\",\"role\":\"assistant\",\"content\":\"At eleven.\"},"
                                "{\"id\":\"c\",\"parent\":\"a\",\"role\":\"assistant\",\"content\":\"Never.\"}],\"head\":\"c\"}"), 1);
    const char *text = get(id);
    assert_non_null(strstr(text, "At eleven."));
    assert_null(strstr(text, "At ten."));
    assert_non_null(strstr(text, "\"head\":\"c\""));
    assert_non_null(strstr(text, "\"title\":\"Trains\""));
    assert_int_equal(count(text, "\"parent\""), 3);
    assert_int_equal(change("0123456789abcdef", "{}"), 0);
}

static void an_export_can_be_added_again(void **state)
{
    (void)state;
    char *copy = strdup(get(add(two)));
    const char *again = get(add(copy));
    assert_string_not_equal(copy, again);                        /* another id */
    assert_string_equal(strstr(copy, "\"title\""), strstr(again, "\"title\""));       /* all else, times among it */
    free(copy);
}

static void the_way_to_the_head_is_markdown(void **state)
{
    (void)state;
    const char *id = add(two);
    tl_buffer_clear(&out);
    assert_int_equal(tl_conversations_markdown(store, id, &out), 1);
    assert_string_equal(out.data, "# Trains\n\n## User\n\nWhen does the train to Zürich leave?\n\n## Assistant\n\n> let me\n> see\n\nAt ten.\n");
    id = add("{\"head\":\"b\",\"messages\":[{\"id\":\"a\",\"parent\":\"b\",\"role\":\"user\",\"content\":\"1\"},"
             "{\"id\":\"b\",\"parent\":\"a\",\"role\":\"user\",\"content\":\"2\"}]}");           /* a circle */
    tl_buffer_clear(&out);
    assert_int_equal(tl_conversations_markdown(store, id, &out), 1);
    assert_string_equal(out.data, "# \n\n## User\n\n1\n\n## User\n\n2\n");
}

static void what_is_removed_is_gone(void **state)
{
    (void)state;
    const char *id = add(two);
    assert_int_equal(found("train"), 1);
    assert_int_equal(tl_conversations_remove(store, id), 1);
    assert_int_equal(tl_conversations_remove(store, id), 0);
    assert_string_equal(get(id), "");
    assert_int_equal(found("train"), 0);
    assert_int_equal(found("Trains"), 0);
    assert_int_equal(found(NULL), 0);
}

static void it_is_there_after_a_restart(void **state)
{
    (void)state;
    char id[64];
    struct stat facts;
    snprintf(id, sizeof id, "%s", add(two));
    assert_int_equal(stat(in_folder("conversations.db"), &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    tl_conversations_free(store);
    store = NULL;
    must(tl_conversations_new(folder, &store));
    assert_non_null(strstr(get(id), "At ten."));
}

/* --- finding ---------------------------------------------------------------------------------------------------------------- */

static void words_are_found(void **state)
{
    (void)state;
    add(two);
    assert_non_null(strstr(list(NULL), "\"messages\":2"));
    assert_non_null(strstr(list("train"), "\"messages\":2"));
    add("{\"title\":\"Cooking 100%\",\"messages\":[{\"id\":\"a\",\"role\":\"user\",\"content\":\"米を炊く方法。 50% of \\\"it\\\" OR else_\"}]}");
    static const struct { const char *search; int n; } cases[] = {
        {NULL, 2}, {"", 2}, {"   ", 2}, {"train", 1}, {"TRAIN", 1}, {"rain", 1}, {"zürich train", 1}, {"zürich cooking", 0}, {"Cook", 1},
        {"炊く方", 1}, {"炊く", 1}, {"te", 1}, {"xq", 0}, {"\"it\"", 1}, {"OR", 1}, {"NEAR(", 0}, {"50%", 1}, {"0%", 1}, {"%", 1}, {"_", 1},
        {"e_", 1}, {"*", 0}, {"\"\"\"", 0}, {"text:train", 0}, {"' OR 1=1 --", 0}, {"trainless", 0},
    };
    for (size_t i = 0; i < TL_COUNT(cases); i++)
        if (found(cases[i].search) != cases[i].n)
            fail_msg("\"%s\" finds %d, not %d", cases[i].search, found(cases[i].search), cases[i].n);
    assert_non_null(strstr(list("zürich"), "\\u0002Zürich\\u0003"));
    tl_buffer_clear(&out);
    assert_int_equal(tl_conversations_list(store, "a b c d e f g h i", NULL, 50, &out), TL_E_USAGE);
    assert_int_equal(tl_conversations_list(store, "a\xff" "b", NULL, 50, &out), TL_E_USAGE);
}

static void a_changed_text_is_found_by_its_new_words_alone(void **state)
{
    (void)state;
    const char *id = add(two);
    change(id, "{\"title\":\"Ships\",\"messages\":[{\"id\":\"b\",\"parent\":\"a\",\"role\":\"assistant\",\"content\":\"By boat\"}]}");
    assert_int_equal(found("Trains"), 0);
    assert_int_equal(found("At ten"), 0);
    assert_int_equal(found("ships"), 1);
    assert_int_equal(found("boat"), 1);
}

static void a_list_goes_on_where_it_ended(void **state)
{
    (void)state;
    char text[64];
    for (int i = 1; i <= 5; i++) {
        snprintf(text, sizeof text, "{\"title\":\"number %d\",\"changed\":%d}", i, i * 10);
        add(text);
    }
    tl_buffer_clear(&out);
    must(tl_conversations_list(store, NULL, NULL, 2, &out));
    assert_int_equal(count(out.data, "\"id\":"), 2);
    assert_true(strstr(out.data, "number 5") < strstr(out.data, "number 4"));
    assert_non_null(strstr(out.data, "\"next\":\"40.4\""));
    tl_buffer_clear(&out);
    must(tl_conversations_list(store, "number", &(struct tl_conversation_place){40, 4}, 3, &out));
    assert_int_equal(count(out.data, "\"id\":"), 3);
    assert_non_null(strstr(out.data, "\"next\":null"));
}

static void those_of_one_millisecond_are_listed_once_each(void **state)
{
    (void)state;
    static const char *const pages[] = {"number 5", "number 4", "number 3", "number 2", "number 1"};
    struct tl_conversation_place place = {INT64_MAX, INT64_MAX};
    char text[64];
    for (int i = 1; i <= 5; i++) {
        snprintf(text, sizeof text, "{\"title\":\"number %d\",\"changed\":7}", i);
        add(text);
    }
    for (int i = 0; i < 5; i++) {
        tl_buffer_clear(&out);
        must(tl_conversations_list(store, i % 2 ? "number" : NULL, &place, 1, &out));
        assert_int_equal(count(out.data, "\"id\":"), 1);
        assert_non_null(strstr(out.data, pages[i]));
        const char *next = strstr(out.data, "\"next\":\"");
        assert_int_equal(next != NULL, i < 4);
        assert_true(!next || sscanf(next, "\"next\":\"%" SCNd64 ".%" SCNd64, &place.changed, &place.number) == 2);
    }
}

/* --- what is hostile ---------------------------------------------------------------------------------------------------------- */

static void refused(const char *text, size_t n_bytes)
{
    tl_buffer_clear(&out);
    int status = tl_conversations_add(store, text, n_bytes, &out);
    if (status != TL_E_USAGE && status != TL_E_FILE && status != TL_E_BUDGET)
        fail_msg("%.80s: %d", text, status);
}

static void hostile_documents_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "[]", "1", "{", "{}x", "{\"title\":1}", "{\"title\":null}", "{\"head\":\"a b\"}", "{\"head\":\"../x\"}", "{\"settings\":[]}",
        "{\"settings\":{\"a\":}}", "{\"messages\":{}}", "{\"messages\":[1]}", "{\"messages\":[{}]}", "{\"messages\":[[]]}",
        "{\"messages\":[{\"id\":\"a\",\"role\":\"user\"}]}", "{\"messages\":[{\"id\":\"\",\"role\":\"user\",\"content\":\"\"}]}",
        "{\"messages\":[{\"id\":\"a\",\"role\":\"root\",\"content\":\"\"}]}", "{\"messages\":[{\"id\":\"a\",\"role\":\"user\",\"content\":[]}]}",
        "{\"messages\":[{\"id\":\"a\",\"role\":\"user\",\"content\":\"\",\"data\":[]}]}", "{\"created\":-1}", "{\"created\":1e99}",
        "{\"title\":\"\xff\"}", "{\"changed\":\"now\"}", "{\"messages\":[{\"id\":\"12345678901234567890123456789012x\",\"role\":\"user\",\"content\":\"\"}]}",
    };
    for (size_t i = 0; i < TL_COUNT(texts); i++)
        refused(texts[i], strlen(texts[i]));
    char deep[400] = "{\"settings\":";
    memset(deep + 12, '[', 300);
    refused(deep, strlen(deep));
    assert_int_equal(found(NULL), 0);                            /* nothing of them stayed */
}

static void texts_have_bounds(void **state)
{
    (void)state;
    size_t n = TL_CONVERSATION_TEXT_BYTES + 200;
    char *text = malloc(n);
    int at = snprintf(text, n, "{\"messages\":[{\"id\":\"a\",\"role\":\"user\",\"content\":\"");
    memset(text + at, 'x', n - (size_t)at);
    memcpy(text + n - 4, "\"}]}", 4);
    refused(text, n);
    memcpy(text + 2000, "\"}]}", 4);
    tl_buffer_clear(&out);
    must(tl_conversations_add(store, text, 2004, &out));
    memcpy(text, "{\"title\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 50);
    refused(text, 2004);
    free(text);
    assert_int_equal(found(NULL), 1);
}

/* What the page keeps with each message counts as their texts do. */
static void conversations_have_bounds(void **state)
{
    (void)state;
    enum { FILLING = TL_CONVERSATION_DATA_BYTES - 100, MESSAGES = TL_CONVERSATION_BYTES / FILLING + 1 };
    char *filling = malloc(FILLING);
    struct tl_buffer text;
    memset(filling, 'x', FILLING);
    tl_buffer_init(&text, 0);
    tl_buffer_printf(&text, "{\"messages\":[");
    for (int i = 0; i < MESSAGES; i++)
        tl_buffer_printf(&text, "%s{\"id\":\"%d\",\"role\":\"user\",\"content\":\"\",\"data\":{\"a\":\"%.*s\"}}", i ? "," : "", i, FILLING, filling);
    must(tl_buffer_printf(&text, "]}"));
    assert_int_equal(tl_conversations_add(store, text.data, text.len, &out), TL_E_BUDGET);
    assert_int_equal(found(NULL), 0);
    tl_buffer_done(&text);
    free(filling);
}

static void a_failed_change_changes_nothing(void **state)
{
    (void)state;
    const char *id = add(two);
    assert_int_equal(change(id, "{\"title\":\"Lost\",\"messages\":[{\"id\":\"b\",\"role\":\"user\",\"content\":\"new\"},{\"id\":1}]}"), TL_E_USAGE);
    const char *text = get(id);
    assert_non_null(strstr(text, "Trains"));
    assert_non_null(strstr(text, "At ten."));
    assert_int_equal(found("Lost"), 0);
}

/* Cut anywhere and wrong anywhere: refused or kept, and what is kept can be read. */
static void broken_documents_break_nothing(void **state)
{
    (void)state;
    static const char wrong[] = "\"{}[],:\\\xff\0a0";
    char text[sizeof two];
    for (size_t n = 0; n < sizeof two - 1; n++)
        refused(two, n);
    for (size_t i = 0; i < sizeof two - 1; i++) {
        memcpy(text, two, sizeof two);
        text[i] = wrong[i * 7 % sizeof wrong];
        tl_buffer_clear(&out);
        int status = tl_conversations_add(store, text, sizeof two - 1, &out);
        if (status < 0 && status != TL_E_USAGE && status != TL_E_FILE)
            fail_msg("byte %zu: %s", i, tl_error_text());
        char id[64];
        if (status > 0 && sscanf(out.data, "{\"id\":\"%16[0-9a-f]\",", id) == 1)
            assert_string_not_equal(get(id), "");
    }
    list("train");
}

static void zero_bytes_are_replaced(void **state)
{
    (void)state;
    const char *id = add("{\"messages\":[{\"id\":\"a\",\"role\":\"user\",\"content\":\"one\\u0000two\\u0000\"}]}");
    assert_non_null(strstr(get(id), "one\xEF\xBF\xBDtwo\xEF\xBF\xBD"));
}

/* --- what fails --------------------------------------------------------------------------------------------------------------- */

static void every_allocation_may_fail(void **state)
{
    (void)state;
    char id[64], title[] = "{\"title\":\"Trains no more\"}";
    snprintf(id, sizeof id, "%s", add(two));
    for (long i = 0, good = 0; !good && i < 1000; i++) {
        tl_buffer_done(&out);
        tl_buffer_init(&out, 0);
        tl_memory_fail_after(i);
        good = tl_conversations_list(store, "train xx ten", NULL, 50, &out) >= 0 && tl_conversations_get(store, id, &out) > 0 &&
               tl_conversations_markdown(store, id, &out) > 0 && tl_conversations_change(store, id, title, strlen(title), &out) > 0;
        tl_memory_fail_after(-1);
        assert_true(i < 999);
    }
    assert_non_null(strstr(get(id), "Trains no more"));
    assert_non_null(strstr(get(id), "At ten."));
}

/* A text of so many bytes as the one message of a document. */
static char *long_document(size_t n_bytes)
{
    char *text = malloc(n_bytes + 100);
    int at = snprintf(text, 100, "{\"messages\":[{\"id\":\"a\",\"role\":\"user\",\"content\":\"");
    for (size_t i = 0; i < n_bytes; i++)
        text[(size_t)at + i] = (char)('a' + i * i % 23);
    memcpy(text + at + n_bytes, "\"}]}", 5);
    return text;
}

/* In a child, whose files may not grow past what is there now and some more. */
static int in_full_drive(const char *id)
{
    struct rlimit limit = {.rlim_cur = 256 << 10, .rlim_max = 256 << 10};
    char *text = long_document(1 << 20);
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
        return 77;
    tl_buffer_clear(&out);
    int added = tl_conversations_add(store, text, strlen(text), &out);
    bool said = strstr(tl_error_text(), "no room") != NULL;
    tl_buffer_clear(&out);
    int changed = tl_conversations_change(store, id, text, strlen(text), &out);
    bool there = strstr(get(id), "At ten.") != NULL;
    tl_buffer_clear(&out);
    int small = tl_conversations_change(store, id, "{\"title\":\"still\"}", 17, &out);
    tl_conversations_free(store);
    return added != TL_E_BUDGET ? 1 : !said ? 2 : changed != TL_E_BUDGET ? 3 : !there ? 4 : small != 1 ? 5 : 0;
}

static void a_full_drive_loses_nothing(void **state)
{
    (void)state;
    char id[64];
    int status;
    snprintf(id, sizeof id, "%s", add(two));
    tl_conversations_free(store);                                /* no connection is carried over the fork */
    store = NULL;
    pid_t child = fork();
    if (child == 0) {
        tl_conversations_new(folder, &store);
        _exit(in_full_drive(id));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
    must(tl_conversations_new(folder, &store));
    assert_non_null(strstr(get(id), "At ten."));
    assert_non_null(strstr(get(id), "\"title\":\"still\""));
    assert_int_equal(found(NULL), 1);
}

static void a_folder_that_cannot_be_written_can_be_read(void **state)
{
    (void)state;
    char id[64];
    int status;
    snprintf(id, sizeof id, "%s", add(two));
    tl_conversations_free(store);
    store = NULL;
    assert_int_equal(chmod(in_folder("conversations.db"), 0444), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && seteuid(65534) < 0)                /* nobody is to be refused */
            _exit(77);
        tl_conversations_new(folder, &store);
        bool there = strstr(get(id), "At ten.") != NULL;
        int changed = change(id, "{\"title\":\"x\"}");
        bool said = strstr(tl_error_text(), "cannot be written") != NULL;
        _exit(!there ? 1 : changed != TL_E_IO ? 2 : !said ? 3 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(chmod(in_folder("conversations.db"), 0644), 0);
    status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (geteuid() == 0 && (status == 1 || status == 77))         /* the folder of the test is another user's */
        skip();
    assert_int_equal(status, 0);
}

static void what_is_damaged_says_so_and_is_kept(void **state)
{
    (void)state;
    add(two);
    tl_conversations_free(store);
    store = NULL;
    make_text(in_folder("conversations.db"), "this is no database, and it is long enough to be looked at as if it were one, which takes a hundred bytes");
    must(tl_conversations_new(folder, &store));
    tl_buffer_clear(&out);
    assert_int_equal(tl_conversations_list(store, NULL, NULL, 50, &out), TL_E_FAIL);
    assert_non_null(strstr(tl_error_text(), "damaged"));
    assert_int_equal(rename(in_folder("conversations.db"), in_folder("old.db")), 0);
    assert_int_equal(found(NULL), 0);                            /* without a restart */
    add(two);
}

static void a_newer_file_is_left_alone(void **state)
{
    (void)state;
    struct tl_sql sql;
    add(two);
    tl_conversations_free(store);
    store = NULL;
    must(tl_sql_open(in_folder("conversations.db"), &sql));
    must(tl_sql_run(&sql, "PRAGMA user_version = 2"));
    tl_sql_close(&sql);
    must(tl_conversations_new(folder, &store));
    tl_buffer_clear(&out);
    assert_int_equal(tl_conversations_list(store, NULL, NULL, 50, &out), TL_E_FAIL);
    assert_non_null(strstr(tl_error_text(), "version 2"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_put_comes_back), TEST(a_change_replaces_what_it_names), TEST(an_export_can_be_added_again),
        TEST(the_way_to_the_head_is_markdown), TEST(what_is_removed_is_gone), TEST(it_is_there_after_a_restart), TEST(words_are_found),
        TEST(a_changed_text_is_found_by_its_new_words_alone), TEST(a_list_goes_on_where_it_ended), TEST(those_of_one_millisecond_are_listed_once_each),
        TEST(hostile_documents_are_refused),
        TEST(texts_have_bounds), TEST(conversations_have_bounds), TEST(a_failed_change_changes_nothing), TEST(broken_documents_break_nothing), TEST(zero_bytes_are_replaced), TEST(every_allocation_may_fail),
        TEST(a_full_drive_loses_nothing), TEST(a_folder_that_cannot_be_written_can_be_read), TEST(what_is_damaged_says_so_and_is_kept),
        TEST(a_newer_file_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
