/* SPDX-License-Identifier: MIT */
/* Lines of a batch's answers: completions and chats, cut anywhere, odd ones, and one that failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "compress/reply.h"

static void both_kinds(void **state)
{
    static const char plain[] = "{\"id\":\"x\",\"custom_id\":\"0\",\"response\":{\"status_code\":200,\"body\":{\"choices\":[{\"index\":0,\"text\":\"a \\u00e9\","
        "\"logprobs\":{\"tokens\":[\"a\",\" \"],\"token_logprobs\":[-1,-2.5],\"top_logprobs\":null,\"text_offset\":[0,1]},\"finish_reason\":\"stop\"},"
        "{\"index\":1,\"text\":\"\",\"logprobs\":null,\"finish_reason\":\"length\"}],\"usage\":{\"x\":[1]}}},\"error\":null}";
    static const char chat[] = "{\"response\":{\"body\":{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"logprobs\":{\"content\":["
        "{\"token\":\"h\",\"logprob\":-0.5,\"bytes\":[1],\"top_logprobs\":[{\"logprob\":-7}]},{\"logprob\":-1,\"top_logprobs\":[]}],\"refusal\":null},"
        "\"finish_reason\":\"stop\"}]}}}";
    struct tl_reply reply;
    (void)state;
    assert_int_equal(tl_reply_read("x", plain, strlen(plain), &reply), 0);
    assert_int_equal(reply.n, 2);
    assert_string_equal(reply.choice[0].text, "a é");
    assert_true(reply.choice[0].nll == 3.5 && reply.choice[0].tokens == 2 && !reply.choice[0].cut);
    assert_true(reply.choice[1].cut && reply.choice[1].tokens == 0 && reply.choice[1].n_bytes == 0);
    tl_reply_done(&reply);
    assert_int_equal(tl_reply_read("x", chat, strlen(chat), &reply), 0);
    assert_int_equal(reply.n, 1);
    assert_true(reply.choice[0].nll == 1.5 && reply.choice[0].tokens == 2);
    tl_reply_done(&reply);
    for (size_t n = 0; n < strlen(chat); n++) {
        assert_int_equal(tl_reply_read("x", chat, n, &reply), TL_E_FILE);
        tl_reply_done(&reply);
    }
    static const char *const odd[] = {"{\"response\":{\"body\":{\"choices\":3}}}", "{\"response\":{\"body\":{\"choices\":[3]}}}",
        "{\"response\":{\"body\":{\"choices\":[{}]}}}", "{\"response\":{\"body\":{\"choices\":[{\"text\":\"\",\"logprobs\":{\"content\":[true]}}]}}}",
        "{\"response\":{\"body\":{\"choices\":[{\"text\":\"\",\"finish_reason\":[]}]}}}"};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        if (tl_reply_read("x", odd[i], strlen(odd[i]), &reply) != TL_E_FILE)
            fail_msg("%s was taken", odd[i]);
        tl_reply_done(&reply);
    }
    static const char error[] = "{\"response\":{\"status_code\":400,\"body\":{\"error\":{\"message\":\"no\"}}},\"error\":null}";
    assert_int_equal(tl_reply_read("x", error, strlen(error), &reply), 0);
    assert_int_equal(reply.n, 0);
    tl_reply_done(&reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_kinds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
