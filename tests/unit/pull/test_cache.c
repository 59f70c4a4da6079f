/* SPDX-License-Identifier: MIT */
/* Models at hand: the hub's cache and ollama's store as other programs leave them, whole, half and damaged; and memory that
 * runs out while they are looked at. */
#include "folder.h"
#include "must.h"

#include "base/array.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"
#include "pull/cache.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LAYER(kind, digest) "{\"layers\":[{\"size\":3,\"digest\":\"sha256:1\",\"mediaType\":\"x\"},{\"mediaType\":\"application/vnd.ollama.image." kind "\",\"digest\":\"" digest "\",\"size\":5}]}"

static int make_caches(void **state)
{
    int r = make_folder(state);
    shell("c=hub/models--own--both; put $c/refs/main " A "; put $c/refs/v1 " B "; put $c/snapshots/" A "/config.json {}; put $c/snapshots/" A "/model.safetensors 1234;"
          "put $c/snapshots/" A "/m-Q8_0.gguf 1; put $c/snapshots/" A "/sub/m-Q4_0-00001-of-00002.gguf 1; put $c/snapshots/" A "/sub/m-Q4_0-00002-of-00002.gguf 1;"
          "put $c/snapshots/" B "/m-Q2_K.gguf 12345; ln -s nowhere $c/snapshots/" A "/m-F16.gguf;"
          "c=hub/models--own--only; put $c/snapshots/" B "/m.gguf 123;"
          "c=hub/models--own--two; put $c/snapshots/" A "/m.gguf 1; put $c/snapshots/" B "/m.gguf 1;"
          "c=hub/models--own--half; put $c/refs/main " A "; put $c/snapshots/" A "/m-Q4_0-00002-of-00002.gguf 1;"
          "c=hub/models--own--lost; put $c/refs/main " A ";"
          "c=hub/models--own--liar; put $c/refs/main ../../models--own--both/snapshots/" A "; mkdir $c/snapshots;"
          "mkdir hub/models--nothing hub/datasets--own--x hub/.locks; put hub/file x");
    shell("m=store/manifests/registry.ollama.ai/library; put $m/one/latest '" LAYER("model", "sha256:" DIGITS) "'; put store/blobs/sha256-" DIGITS " model;"
          "put $m/tags/b '" LAYER("model", "sha256:" DIGITS) "'; put $m/tags/a '" LAYER("model", "sha256:" DIGITS) "'; put $m/bad/kind '" LAYER("tensor", "sha256:" DIGITS) "';"
          "put $m/bad/digest '" LAYER("model", "sha256:../../../../etc/passwd") "'; put $m/bad/json '{'; put $m/bad/list '[]'; put $m/bad/none '{\"layers\":[]}';"
          "put store/manifests/registry.ollama.ai/me/mine/7b '" LAYER("model", "sha256:" DIGITS) "'; put store/manifests/hf.co/own/name/Q8_0 '" LAYER("model", "sha256:" DIGITS) "'");
    return r;
}

static void test_cache_names(void **state)
{
    static const struct { const char *name; int status; const char *tail; } rows[] = {
        {"own/both", 1, "snapshots/" A}, {"own/both:Q8_0", 1, A "/m-Q8_0.gguf"}, {"own/both:q4_0", 1, A "/sub/m-Q4_0-00001-of-00002.gguf"}, {"own/both:F16", TL_E_USAGE, NULL},
        {"own/both@v1", 1, B "/m-Q2_K.gguf"}, {"own/both@" B, 1, B "/m-Q2_K.gguf"}, {"own/both@v2", 0, NULL}, {"own/both@cccccccccccccccccccccccccccccccccccccccc", 0, NULL},
        {"own/both/sub/m-Q4_0-00001-of-00002.gguf", 1, "-00001-of-00002.gguf"}, {"own/both/m-F16.gguf", 0, NULL}, {"own/both/config.json", 1, "config.json"},
        {"own/only", 1, B "/m.gguf"}, {"own/two", 0, NULL}, {"own/half", TL_E_FILE, NULL}, {"own/lost", 0, NULL}, {"own/liar", 0, NULL}, {"own/none", 0, NULL}, {"one", 0, NULL}, {"../x", 0, NULL},
    };
    (void)state;
    for (size_t i = 0; i < TL_COUNT(rows); i++) {
        TL_AUTO char *path = NULL;
        int r = tl_cache_find(in_folder("hub"), rows[i].name, &path);
        if (r != rows[i].status || (r > 0) != (path != NULL) || (path && !tl_text_ends(path, rows[i].tail)))
            fail_msg("%s: %d, %s", rows[i].name, r, path ? path : tl_error_text());
    }
}

static void test_ollama_names(void **state)
{
    static const struct { const char *name; int status; } rows[] = {
        {"one", 1}, {"one:latest", 1}, {"one:b", 0}, {"tags", TL_E_USAGE}, {"tags:a", 1}, {"me/mine", 1}, {"me/mine:7b", 1}, {"mine", 0}, {"library/one", 1}, {"hf.co/own/name:Q8_0", 1},
        {"hf.co/own/name", 1}, {"bad:kind", TL_E_FILE}, {"bad:digest", TL_E_FILE}, {"bad:json", TL_E_FILE}, {"bad:list", TL_E_FILE}, {"bad:none", TL_E_FILE}, {"", 0}, {":", 0}, {"one:", 0},
        {"../../x", 0}, {"one:../latest", 0}, {"a/b/c/d", 0}, {".", 0}, {"one:a:b", 0}, {"none", 0}, {"registry.ollama.ai/library/one:latest", 1},
    };
    (void)state;
    for (size_t i = 0; i < TL_COUNT(rows); i++) {
        TL_AUTO char *path = NULL;
        int r = tl_ollama_find(in_folder("store"), rows[i].name, &path);
        if (r != rows[i].status || (r > 0) != (path != NULL) || (path && !tl_text_ends(path, "/blobs/sha256-" DIGITS)))
            fail_msg("%s: %d, %s", rows[i].name, r, path ? path : tl_error_text());
    }
}

static int append(void *context, const struct tl_at_hand *model)
{
    return tl_buffer_printf(context, "%s %u\n", model->name, (unsigned)model->bytes);
}

static void test_lists(void **state)
{
    struct tl_buffer text;
    (void)state;
    tl_buffer_init(&text, 0);
    must(tl_cache_list(in_folder("hub"), append, &text));
    assert_string_equal(text.data, "own/both 5\nown/both:Q8_0 2\nown/both:Q4_0 4\nown/only:m 4\n");
    tl_buffer_clear(&text);
    must(tl_ollama_list(in_folder("store"), append, &text));
    assert_string_equal(text.data, "hf.co/own/name:Q8_0 5\none:latest 5\ntags:a 5\ntags:b 5\nme/mine:7b 5\n");
    tl_buffer_clear(&text);
    must(tl_cache_list(in_folder("nowhere"), append, &text));
    must(tl_ollama_list(in_folder("nowhere"), append, &text));
    assert_int_equal(text.len, 0);
    tl_buffer_done(&text);
}

/* Every allocation fails once. */
static void test_memory(void **state)
{
    bool good = false;
    (void)state;
    for (long n = 0; !good; n++) {
        TL_AUTO char *path = NULL, *other = NULL;
        struct tl_buffer text;
        tl_buffer_init(&text, 0);
        tl_memory_fail_after(n);
        int r = tl_cache_find(in_folder("hub"), "own/both:Q4_0", &path);
        if (r > 0)
            r = tl_ollama_find(in_folder("store"), "me/mine", &other);
        if (r > 0)
            r = tl_cache_list(in_folder("hub"), append, &text);
        if (r >= 0)
            r = tl_ollama_list(in_folder("store"), append, &text);
        tl_memory_fail_after(-1);
        good = r >= 0 && text.status >= 0 && text.len > 100;
        tl_buffer_done(&text);
        assert_true(n < 10000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cache_names), cmocka_unit_test(test_ollama_names), cmocka_unit_test(test_lists), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, make_caches, remove_folder);
}
