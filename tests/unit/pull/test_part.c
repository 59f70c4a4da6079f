/* SPDX-License-Identifier: MIT */
/* Files on their way: pieces in any order, what a process that is gone has left, contents against their hashes, and the
 * layout of the cache. */
#include "folder.h"
#include "must.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/file.h"
#include "base/memory.h"
#include "pull/layout.h"
#include "pull/part.h"
#include "pull/verify.h"

enum { PIECE = 2 << 20 };
#define SIZE (UINT64_C(2) * PIECE + 1000)

static char bytes[PIECE];

/* Pieces cover the file without gaps, whatever its size; nothing is written for it. */
static void test_cut(void **state)
{
    static const uint64_t sizes[] = {1, PIECE - 1, PIECE, PIECE + 1, 16 * PIECE - 1, 16 * PIECE + 1, UINT64_C(50) << 20, (UINT64_C(50) << 20) + 1};
    (void)state;
    for (size_t i = 0; i < TL_COUNT(sizes); i++) {
        struct tl_part part = {.fd = -1};
        uint64_t sum = 0;
        unlink(in_folder("cut"));
        if (tl_part_open(in_folder("cut"), NULL, sizes[i], &part) < 0)           /* no room for it here */
            continue;
        for (uint32_t k = 0; k < part.n_pieces; k++) {
            assert_true(tl_part_offset(&part, k) == sum);
            assert_in_range(tl_part_piece_bytes(&part, k), 1, 64 << 20);
            sum += tl_part_piece_bytes(&part, k);
        }
        assert_true(sum == sizes[i]);
        assert_true(part.n_pieces <= 17 || part.whole_piece == 64 << 20);
        tl_part_close(&part);
        unlink(in_folder("cut"));
    }
}

static void test_pieces(void **state)
{
    struct tl_part part;
    (void)state;
    must(tl_part_open(in_folder("a"), NULL, SIZE, &part));
    assert_int_equal(part.n_pieces, 3);
    assert_int_equal(tl_part_piece_bytes(&part, 2), 1000);
    must(tl_part_add(&part, 2, bytes, 1000));
    must(tl_part_add(&part, 0, bytes, 5000));
    assert_true(part.bytes == 6000 && tl_part_ready(&part) == 5000);
    must(tl_part_add(&part, 1, bytes, 3));
    must(tl_part_add(&part, 0, bytes, PIECE - 5000));
    assert_true(tl_part_ready(&part) == PIECE + 3);
    tl_part_close(&part);
    must(tl_part_open(in_folder("a"), NULL, SIZE, &part));               /* all of it is there again */
    assert_true(part.bytes == PIECE + 1003 && tl_part_ready(&part) == PIECE + 3);
    must(tl_part_add(&part, 1, bytes, PIECE - 3));
    assert_true(part.bytes == SIZE && tl_part_ready(&part) == SIZE);
    must(tl_part_forget(&part));
    assert_true(part.bytes == 0 && tl_part_ready(&part) == 0);
    tl_part_close(&part);
    must(tl_part_open(in_folder("a"), NULL, SIZE - 1, &part));           /* of another size: nothing of it counts */
    assert_true(part.bytes == 0);
    tl_part_close(&part);
}

static void test_empty(void **state)
{
    struct tl_part part;
    (void)state;
    must(tl_part_open(in_folder("b"), NULL, 0, &part));
    assert_true(part.n_pieces == 0 && tl_part_ready(&part) == 0 && part.bytes == 0);
    must(tl_part_cut(part.fd, part.path, 0));
    tl_part_close(&part);
    assert_int_equal(tl_part_open(in_folder("b"), NULL, TL_PART_MAX_BYTES + 1, &part), TL_E_FILE);
}

/* Notes that cannot be right, byte by byte wrong, are no notes. */
static void test_damaged(void **state)
{
    struct tl_part part;
    TL_AUTO char *text = NULL;
    size_t n;
    (void)state;
    must(tl_part_open(in_folder("c"), NULL, 1000, &part));
    must(tl_part_add(&part, 0, bytes, 1000));
    tl_part_close(&part);
    must(tl_file_slurp(in_folder("c"), 1 << 20, &text, &n));
    assert_int_equal(n, 1000 + 24 + 4);
    for (size_t at = 1000; at < n; at++) {
        text[at] ^= 0x55;
        make_file(in_folder("c"), text, n);
        must(tl_part_open(in_folder("c"), NULL, 1000, &part));
        assert_true(part.bytes <= 1000);
        assert_true(at >= 1024 || part.bytes == 0);
        tl_part_close(&part);
        text[at] ^= 0x55;
    }
    make_file(in_folder("c"), text, 700);                                /* a beginning without notes */
    must(tl_part_open(in_folder("c"), NULL, 1000, &part));
    assert_true(part.bytes == 700);
    tl_part_close(&part);
    make_file(in_folder("other"), text, 300);
    must(tl_part_open(in_folder("d"), in_folder("other"), 1000, &part));
    assert_true(part.bytes == 300 && !tl_file_exists(in_folder("other")));
    tl_part_close(&part);
    shell("ln -s nowhere link; mkfifo pipe; mkdir dir");
    assert_int_equal(tl_part_open(in_folder("link"), NULL, 10, &part), TL_E_IO);
    assert_int_equal(tl_part_open(in_folder("pipe"), NULL, 10, &part), TL_E_IO);
    assert_int_equal(tl_part_open(in_folder("dir"), NULL, 10, &part), TL_E_IO);
}

/* Every write fails once: what was said to be there is there. */
static void test_failing_writes(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        struct tl_part part;
        unlink(in_folder("e"));
        tl_file_fail_after(n);
        int r = tl_part_open(in_folder("e"), NULL, 100, &part);
        int w = r < 0 ? r : tl_part_add(&part, 0, bytes, 60);
        tl_file_fail_after(-1);
        if (r >= 0)
            tl_part_close(&part);
        must(tl_part_open(in_folder("e"), NULL, 100, &part));
        assert_true(part.bytes == 0 || part.bytes == 60);
        assert_true(w < 0 || part.bytes == 60);
        tl_part_close(&part);
        if (w >= 0)
            return;
        assert_int_equal(w, TL_E_IO);
    }
}

/* --- contents ----------------------------------------------------------------------------------------------------- */

/* FIPS 180-4's examples, and names that git gives. */
static void test_hashes(void **state)
{
    static const struct { const char *text, *hash; } rows[] = {
        {"what is up, doc?", "bd9dbf5aae1a3862dd1526723246b20206e5fc37"}, {"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}, {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    };
    (void)state;
    for (size_t i = 0; i < TL_COUNT(rows); i++) {
        struct tl_content content;
        char found[TL_CONTENT_HEX + 1];
        assert_true(tl_content_is_hash(rows[i].hash));
        tl_content_init(&content, rows[i].hash, strlen(rows[i].text));
        for (const char *at = rows[i].text; *at; at++)
            tl_content_add(&content, at, 1);
        tl_content_end(&content, found);
        assert_string_equal(found, rows[i].hash);
    }
    struct tl_sha1 sha;
    uint8_t digest[TL_SHA1_BYTES];
    static const uint8_t million[TL_SHA1_BYTES] = {0x34, 0xaa, 0x97, 0x3c, 0xd4, 0xc4, 0xda, 0xa4, 0xf6, 0x1e, 0xeb, 0x2b, 0xdb, 0xad, 0x27, 0x31, 0x65, 0x34, 0x01, 0x6f};
    char a[997];
    memset(a, 'a', sizeof a);
    tl_sha1_init(&sha);
    for (size_t left = 1000000; left > 0; left -= left < sizeof a ? left : sizeof a)
        tl_sha1_add(&sha, a, left < sizeof a ? left : sizeof a);
    tl_sha1_end(&sha, digest);
    assert_memory_equal(digest, million, sizeof digest);
}

static enum tl_verdict wait_for(struct tl_verifier *verifier, struct tl_verify_file *file)
{
    enum tl_verdict verdict;
    while ((verdict = tl_verifier_ask(verifier, file)) == TL_VERDICT_NONE)
        usleep(1000);
    return verdict;
}

static void test_verifier(void **state)
{
    static const char *const expected[] = {"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f"};
    struct tl_verifier *verifier;
    struct tl_part part;
    (void)state;
    must(tl_verifier_open(NULL, &verifier));
    for (size_t i = 0; i < 2; i++) {
        struct tl_verify_file file = {0};
        must(tl_part_open(in_folder("v"), NULL, 3, &part));
        must(tl_part_add(&part, 0, "abc", 3));
        file.fd = part.fd, file.size = 3, file.path = part.path, file.expected = expected[i];
        tl_verifier_add(verifier, &file);
        tl_verifier_ready(verifier, &file, 1);
        usleep(2000);
        assert_int_equal(tl_verifier_ask(verifier, &file), TL_VERDICT_NONE);
        tl_verifier_ready(verifier, &file, 3);
        assert_int_equal(wait_for(verifier, &file), TL_VERDICT_GOOD);
        tl_verifier_remove(verifier, &file);
        file.expected = "0000000000000000000000000000000000000000";
        tl_verifier_add(verifier, &file);
        tl_verifier_ready(verifier, &file, 3);
        assert_int_equal(wait_for(verifier, &file), TL_VERDICT_WRONG);
        assert_string_equal(file.found, expected[1]);
        tl_verifier_remove(verifier, &file);
        assert_int_equal(truncate(in_folder("v"), 2), 0);                /* under its hands */
        tl_verifier_add(verifier, &file);
        tl_verifier_ready(verifier, &file, 3);
        assert_int_equal(wait_for(verifier, &file), TL_VERDICT_FAILED);
        tl_verifier_remove(verifier, &file);
        tl_verifier_remove(verifier, &file);
        tl_part_close(&part);
        unlink(in_folder("v"));
    }
    tl_verifier_close(verifier);
}

/* --- the cache ---------------------------------------------------------------------------------------------------- */

static void test_layout(void **state)
{
    static const char commit[] = "0123456789abcdef0123456789abcdef01234567";
    struct tl_layout layout;
    struct stat facts;
    int first = -1, second = -1;
    (void)state;
    must(tl_layout_init(in_folder("cache"), "own/na-me", commit, &layout));
    assert_int_equal(tl_layout_lock(&layout, "abc", &first), 1);
    assert_int_equal(tl_layout_lock(&layout, "abc", &second), 0);
    shell("[ -f cache/.locks/models--own--na-me/abc.lock ]");
    unlink(in_folder("cache/.locks/models--own--na-me/abc.lock"));       /* as others do when they let go */
    assert_int_equal(tl_layout_lock(&layout, "abc", &second), 1);
    tl_layout_unlock(first);
    tl_layout_unlock(second);
    assert_false(tl_layout_has(&layout, "abc"));
    shell("put cache/models--own--na-me/blobs/abc content");
    assert_true(tl_layout_has(&layout, "abc"));
    must(tl_layout_link(&layout, "a/b/c.json", "abc"));
    must(tl_layout_link(&layout, "top.json", "def"));
    must(tl_layout_link(&layout, "top.json", "abc"));
    must(tl_layout_link(&layout, "top.json", "abc"));
    must(tl_layout_set_ref(&layout, "main", commit));
    must(tl_layout_set_ref(&layout, "refs/pr/1", commit));
    must(tl_layout_set_ref(&layout, commit, commit));
    shell("cd cache/models--own--na-me && s=snapshots/0123456789abcdef0123456789abcdef01234567 && "
          "[ \"$(cat $s/a/b/c.json $s/top.json | tr -d '\\n')\" = contentcontent ] && "
          "[ \"$(readlink $s/a/b/c.json)\" = ../../../../blobs/abc ] && [ \"$(readlink $s/top.json)\" = ../../blobs/abc ] && "
          "[ \"$(cat refs/main)\" = 0123456789abcdef0123456789abcdef01234567 ] && [ \"$(cat refs/refs/pr/1)\" = \"$(cat refs/main)\" ] && "
          "[ \"$(find . -name '*.part-*' | wc -l)\" = 0 ]");
    assert_int_equal(tl_layout_link(&layout, "top.json/x", "abc"), TL_E_IO);             /* a file is no folder */
    assert_int_equal(lstat(in_folder("cache/models--own--na-me/refs/0123456789abcdef0123456789abcdef01234567"), &facts), -1);
    tl_layout_done(&layout);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cut), cmocka_unit_test(test_pieces), cmocka_unit_test(test_empty), cmocka_unit_test(test_damaged), cmocka_unit_test(test_failing_writes),
                                       cmocka_unit_test(test_hashes), cmocka_unit_test(test_verifier), cmocka_unit_test(test_layout)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
