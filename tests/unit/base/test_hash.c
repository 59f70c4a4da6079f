/* SPDX-License-Identifier: MIT */
/* SHA-256 against the examples of FIPS 180-4 and its length borders; the table hash against plain properties. */
#include "base_test.h"

#include <string.h>

#include "base/hash.h"

static void digest_of(const char *text, size_t n, size_t step, char ret[65])
{
    struct tl_sha256 sha;
    uint8_t digest[TL_SHA256_BYTES];
    tl_sha256_init(&sha);
    for (size_t at = 0; at < n; at += step)
        tl_sha256_add(&sha, text + at, step < n - at ? step : n - at);
    tl_sha256_end(&sha, digest);
    tl_sha256_hex(digest, ret);
}

static void published_digests(void **state)
{
    (void)state;
    static char million[1000000];
    memset(million, 'a', sizeof million);
    static const struct { const char *text; size_t n; const char *digest; } rows[] = {
        {"", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {million, sizeof million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint8_t digest[TL_SHA256_BYTES];
        char text[65];
        for (size_t step = 1; step < 200; step += 9) {
            digest_of(rows[i].text, rows[i].n, step, text);
            assert_string_equal(text, rows[i].digest);
        }
        tl_sha256_of(rows[i].text, rows[i].n, digest);
        tl_sha256_hex(digest, text);
        assert_string_equal(text, rows[i].digest);
    }
}

/* SHA-256 of the digests of 'x' repeated 0..300 times, made with sha256sum: every padding border is in it. */
static void every_length(void **state)
{
    (void)state;
    char text[300], digest[65], all[301 * 64];
    memset(text, 'x', sizeof text);
    for (size_t n = 0; n <= 300; n++) {
        digest_of(text, n, 300, digest);
        memcpy(all + 64 * n, digest, 64);
    }
    digest_of(all, sizeof all, 1000, digest);
    assert_string_equal(digest, "4f1214e9ef2dcfefe099f05aaaceccdad8549cc50a52723cdba372bb89323705");
}

/* Large pieces and small ones take other ways to the same digest. */
static void every_way(void **state)
{
    (void)state;
    static char text[20000];
    char whole[65], parts[65];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 131 + i / 251);
    for (size_t n = 4000; n <= sizeof text; n += 1237) {
        digest_of(text, n, n, whole);
        for (size_t step = 63; step < 9000; step = step * 3 / 2) {
            digest_of(text, n, step, parts);
            assert_string_equal(parts, whole);
        }
    }
}

static void table_hash_spreads(void **state)
{
    (void)state;
    static uint8_t seen[1 << 16];
    unsigned most = 0;
    for (uint32_t i = 0; i < 1 << 16; i++) {
        uint8_t *slot = &seen[tl_hash_bytes(&i, sizeof i, 0) & 0xFFFF];
        if (++*slot > most)
            most = *slot;
    }
    assert_in_range(most, 2, 14);
    char bytes[40] = {0};
    for (size_t n = 0; n < 40; n++)
        for (size_t bit = 0; bit < 8 * n; bit++) {
            uint64_t before = tl_hash_bytes(bytes, n, 1);
            bytes[bit / 8] ^= (char)(1 << bit % 8);
            uint64_t changed = before ^ tl_hash_bytes(bytes, n, 1);
            assert_in_range(__builtin_popcountll(changed), 8, 56);
            bytes[bit / 8] ^= (char)(1 << bit % 8);
        }
    assert_true(tl_hash_bytes("abc", 3, 0) != tl_hash_bytes("abc", 3, 1));
    assert_true(tl_hash_bytes("\0", 1, 0) != tl_hash_bytes("\0\0", 2, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_digests), cmocka_unit_test(every_length), cmocka_unit_test(every_way), cmocka_unit_test(table_hash_spreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
