/* SPDX-License-Identifier: MIT */
/* Corpora from files: texts, folders, lines of JSON, messages; what is dropped, left out and refused. The tokenizer has one
 * token a byte. */
#include <sys/stat.h>

#include "base/error.h"
#include "base/memory.h"
#include "folder.h"
#include "train/data_impl.h"
#include "words.h"

static struct tl_tokenizer *tokenizer;
static struct tl_template *template;

static const char chatml[] =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

static int set_up(void **state)
{
    struct tl_modelfile *file = NULL;
    int status = make_folder(state);
    if (status >= 0)
        status = make_words(in_folder("model.gguf"));
    if (status >= 0)
        status = tl_modelfile_open(in_folder("model.gguf"), &file);
    if (status >= 0)
        status = tl_tokenizer_new(file, &tokenizer);
    tl_modelfile_close(file);
    return status < 0 ? status : tl_template_new(chatml, strlen(chatml), &template);
}

static int tear_down(void **state)
{
    tl_tokenizer_free(tokenizer);
    tl_template_free(template);
    return remove_folder(state);
}

static const char *put(const char *name, const void *bytes, size_t n_bytes)
{
    const char *path = in_folder(name);
    make_file(path, bytes, n_bytes);
    return path;
}

static const char *put_text(const char *name, const char *text) { return put(name, text, strlen(text)); }

static struct tl_corpus_how how_of(uint32_t window)
{
    return (struct tl_corpus_how){ .tokenizer = tokenizer, .template = template, .window = window };
}

static struct tl_corpus *corpus_of(const char *path, uint32_t window)
{
    struct tl_corpus_how how = how_of(window);
    struct tl_corpus *corpus = NULL;
    if (tl_corpus_read(path, &how, &corpus) < 0)
        fail_msg("%s", tl_error_text());
    return corpus;
}

static void refused(const char *path, int status, const char *what)
{
    struct tl_corpus_how how = how_of(16);
    struct tl_corpus *corpus = NULL;
    assert_int_equal(tl_corpus_read(path, &how, &corpus), status);
    assert_null(corpus);
    if (!strstr(tl_error_text(), what))
        fail_msg("\"%s\" does not say \"%s\"", tl_error_text(), what);
}

/* The bytes of a document; the end of a text as $. */
static void document(const struct tl_corpus *corpus, uint64_t i, char *to)
{
    for (uint64_t at = corpus->starts[i]; at < corpus->starts[i + 1]; at++) {
        const char *piece;
        size_t n;
        assert_int_equal(tl_tokenizer_piece(tokenizer, corpus->ids[at], false, &piece, &n), 0);
        *to++ = corpus->ids[at] == tl_tokenizer_eos(tokenizer) ? '$' : piece[0];
    }
    *to = 0;
}

static void test_text(void **state)
{
    char text[64];
    (void)state;
    struct tl_corpus *corpus = corpus_of(put_text("a.txt", "Hello, world."), 16);
    assert_int_equal(corpus->n_documents, 1);
    document(corpus, 0, text);
    assert_string_equal(text, "Hello, world.$");
    tl_corpus_free(corpus);
}

static void test_folder(void **state)
{
    char text[64];
    struct tl_corpus_counts counts;
    (void)state;
    assert_int_equal(mkdir(in_folder("in"), 0700), 0);
    put_text("in/b", "second");
    put_text("in/a", "first");
    put_text("in/c", "first");
    put_text("in/d", " \n\n");
    put("in/e", "bin\0ary", 7);
    put("in/f", "\xff\xfe\xff\xfe", 4);
    put_text("in/g.jsonl", "{\"text\": \"third\", \"source\": {\"a\": [1]}}\n\n{\"id\": 4, \"text\": \"second\"}");
    struct tl_corpus *corpus = corpus_of(in_folder("in"), 16);
    tl_corpus_count(corpus, &counts);
    assert_int_equal(counts.texts, 3);
    assert_int_equal(counts.duplicates, 2);
    assert_int_equal(counts.left_out, 2);
    assert_int_equal(counts.documents, 3);
    static const char *const expected[] = {"first$", "second$", "third$"};
    for (uint64_t i = 0; i < 3; i++) {
        document(corpus, i, text);
        assert_string_equal(text, expected[i]);
    }
    tl_corpus_free(corpus);
}

/* More than a block, with lines and without. */
static void test_long(void **state)
{
    enum { BYTES = 5 << 19 };
    char *bytes = malloc(BYTES);
    (void)state;
    for (int way = 0; way < 3; way++) {
        for (int i = 0; i < BYTES; i++)
            bytes[i] = way == 0 && i % 70 == 69 ? '\n' : way == 2 ? "\xc3\xa9"[i % 2] : (char)('a' + i % 23);
        struct tl_corpus *corpus = corpus_of(put("long", bytes, BYTES), 64);
        assert_int_equal(corpus->n_ids, BYTES + 1);
        assert_int_equal(corpus->n_documents, (BYTES + 1 + 64 * TL_CORPUS_PIECE - 1) / (64 * TL_CORPUS_PIECE));
        for (int i = 0; i < BYTES; i++) {
            const char *piece;
            size_t n;
            tl_tokenizer_piece(tokenizer, corpus->ids[i], false, &piece, &n);
            if (piece[0] != bytes[i])
                fail_msg("byte %d differs", i);
        }
        tl_corpus_free(corpus);
    }
    free(bytes);
}

/* What may be predicted of the text, the rest as dots. */
static void loud(const struct tl_corpus *corpus, char *to)
{
    document(corpus, 0, to);
    for (uint64_t i = 0; i < corpus->n_ids; i++)
        if (corpus->silent && corpus->silent[i / 8] >> i % 8 & 1)
            to[i] = '.';
}

static void test_messages(void **state)
{
    char text[400], *at = text;
    (void)state;
    struct tl_corpus *corpus = corpus_of(put_text("chat.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}, {\"role\": "
        "\"assistant\", \"content\": \"Hello\"}, {\"role\": \"user\", \"content\": \"2+2?\"}, {\"content\": \"Four\", \"role\": \"assistant\"}]}\n"), 16);
    loud(corpus, text);
    const char *first = strstr(text, "Hello<|im_end|>\n"), *second = strstr(text, "Four<|im_end|>\n");
    assert_non_null(first);
    assert_non_null(second);
    for (; *at; at++)
        if ((at < first || at >= first + 16) && (at < second || at >= second + 15))
            assert_int_equal(*at, '.');
    document(corpus, 0, text);
    assert_string_equal(text, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n"
                              "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\nFour<|im_end|>\n");
    tl_corpus_free(corpus);
}

static void test_refused(void **state)
{
    (void)state;
    refused(put_text("empty", ""), TL_E_USAGE, "holds 0 tokens");
    refused(put_text("blank", "\n \n"), TL_E_USAGE, "holds 0 tokens");
    refused(put("nul", "ab\0c", 4), TL_E_USAGE, "byte 2 is NUL");
    refused(put("latin", "\xe9\xe9\xe9", 3), TL_E_USAGE, "no UTF-8");
    refused("/nowhere/at/all", TL_E_IO, "/nowhere/at/all");
    mkdir(in_folder("only"), 0700);
    refused(in_folder("only"), TL_E_USAGE, "holds 0 tokens");
    put("only/x", "\0", 1);
    refused(in_folder("only"), TL_E_USAGE, "holds no text: 1 files are none (of the first, byte 0 is NUL");
    refused(put_text("x.jsonl", "{\"text\": 5}"), TL_E_USAGE, "x.jsonl: line 1");
    refused(put_text("x.jsonl", "{\"text\": \"a\"}\n[1]\n"), TL_E_USAGE, "x.jsonl: line 2");
    refused(put_text("x.jsonl", "{\"text\": \"a\"}\n{\"other\": 1}\n"), TL_E_USAGE, "line 2: found neither");
    refused(put_text("x.jsonl", "{\"text\": \"a\"} {}\n"), TL_E_USAGE, "line 1");
    refused(put_text("x.jsonl", "{\"messages\": [{\"role\": \"nobody\"}]}\n"), TL_E_USAGE, "line 1");
    refused(put_text("x.jsonl", "{\"messages\": {}}\n"), TL_E_USAGE, "line 1");
    struct tl_corpus_how how = how_of(16);
    struct tl_corpus *corpus;
    how.template = NULL;
    assert_int_equal(tl_corpus_read(put_text("x.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}\n"), &how, &corpus), TL_E_USAGE);
    assert_non_null(strstr(tl_error_text(), "no chat template"));
    how.ram_bytes = 1000;
    assert_int_equal(tl_corpus_read(put_text("big", "This is a text of more than nothing."), &how, &corpus), TL_E_BUDGET);
    assert_non_null(strstr(tl_error_text(), "more --ram"));
}

/* Every allocation fails once. */
static void test_no_memory(void **state)
{
    const char *path = put_text("y.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"b\"}]}\n"
                                           "{\"text\": \"c\"}\n");
    (void)state;
    for (long n = 0; n < 100000; n++) {
        struct tl_corpus_how how = how_of(16);
        struct tl_corpus *corpus = NULL;
        tl_memory_fail_after(n);
        int status = tl_corpus_read(path, &how, &corpus);
        tl_memory_fail_after(-1);
        if (status >= 0) {
            tl_corpus_free(corpus);
            assert_true(n > 20);
            return;
        }
        assert_null(corpus);
    }
    fail_msg("it never succeeds");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text), cmocka_unit_test(test_folder), cmocka_unit_test(test_long), cmocka_unit_test(test_messages),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
