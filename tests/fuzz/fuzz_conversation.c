/* SPDX-License-Identifier: MIT */
/* Any bytes as a document of a conversation are refused with a sentence, or kept; what is kept is one JSON document, which comes back
 * the same when it is imported again. Any bytes may be searched for. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "serve/conversations.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

enum { ID_BYTES = 17, HEAD_BYTES = 8 + ID_BYTES };       /* {"id":"0123456789abcdef" */

static char folder[] = "/tmp/trill-fuzz-XXXXXX";
static struct tl_conversations *store;

static void require(bool good)
{
    if (!good) {
        fprintf(stderr, "%s\n", tl_error_text());
        abort();
    }
}

static bool is_document(const struct tl_buffer *text)
{
    struct tl_json json;
    tl_json_init(&json, "kept", text->data, text->len);
    bool good = tl_json_next(&json) == TL_JSON_OBJECT && tl_json_skip(&json) >= 0 && tl_json_next(&json) == TL_JSON_END;
    tl_json_done(&json);
    return good;
}

static void forget(void)
{
    static const char *const files[] = {"", "/conversations.db", "/conversations.db-wal", "/conversations.db-shm"};
    char path[80];
    tl_conversations_free(store);
    for (size_t i = sizeof files / sizeof *files; i-- > 0;) {
        snprintf(path, sizeof path, "%s%s", folder, files[i]);
        if (i)
            unlink(path);
        else
            rmdir(path);
    }
}

static bool refused(int status)
{
    return status == TL_E_USAGE || status == TL_E_FILE || status == TL_E_BUDGET;
}

static bool add(const char *text, size_t n_bytes, char ret_id[ID_BYTES])
{
    struct tl_buffer said;
    tl_buffer_init(&said, 0);
    int status = tl_conversations_add(store, text, n_bytes, &said);
    require(status > 0 || refused(status));
    require(status < 0 || sscanf(said.data, "{\"id\":\"%16[0-9a-f]\",", ret_id) == 1);
    tl_buffer_done(&said);
    return status > 0;
}

static void get(const char *id, struct tl_buffer *ret_text)
{
    tl_buffer_init(ret_text, 0);
    require(tl_conversations_get(store, id, ret_text) == 1);
    require(is_document(ret_text));
}

static void search(const uint8_t *bytes, size_t n_bytes)
{
    char words[60];
    struct tl_buffer list;
    size_t n = n_bytes < sizeof words ? n_bytes : sizeof words - 1;
    memcpy(words, bytes, n);
    words[n] = 0;
    tl_buffer_init(&list, 0);
    int status = tl_conversations_list(store, words, NULL, 5, &list);
    require(status >= 0 ? is_document(&list) : status == TL_E_USAGE);
    tl_buffer_done(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct tl_buffer first, second, changed, read;
    char id[ID_BYTES], again[ID_BYTES];
    if (!store) {
        require(mkdtemp(folder) && tl_conversations_new(folder, &store) >= 0);
        atexit(forget);
    }
    if (!add((const char *)bytes, n_bytes, id))
        return 0;
    get(id, &first);
    require(add(first.data, first.len, again));
    get(again, &second);
    require(first.len == second.len && memcmp(first.data + HEAD_BYTES, second.data + HEAD_BYTES, first.len - HEAD_BYTES) == 0);
    search(bytes, n_bytes);
    tl_buffer_init(&changed, 0);
    require(tl_conversations_change(store, again, (const char *)bytes, n_bytes, &changed) == 1);
    tl_buffer_init(&read, 0);
    require(tl_conversations_markdown(store, again, &read) == 1);
    require(tl_conversations_remove(store, id) == 1 && tl_conversations_remove(store, again) == 1);
    tl_buffer_done(&first);
    tl_buffer_done(&second);
    tl_buffer_done(&changed);
    tl_buffer_done(&read);
    return 0;
}
