/* SPDX-License-Identifier: MIT */
/* How the next token is chosen, as options. The rows are in decoding_options.def; the defaults there are those of the
 * program (the library's own default is greedy). The same question, seed and options give the same answer. */
#ifndef TL_CLI_DECODING_H
#define TL_CLI_DECODING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/option.h"
#include "trill.h"

struct tl_decoding {
    int64_t tokens;          /* -1: until the answer ends */
    double temperature, top_p, min_p, typical_p;
    double repeat_penalty, presence_penalty, frequency_penalty;
    uint64_t top_k, repeat_last, seed;
    struct tl_option_list stop, bias;
    const char *grammar, *schema;        /* files */
    int64_t think_tokens;    /* -1: no bound */
    bool special;
};

/* What generate options borrow. */
struct tl_decoding_kept {
    struct trill_bias *bias;
    char *grammar, *schema;
};

/* Fills what these options say and leaves the rest. ret_kept: tl_decoding_done, whatever is returned. */
int tl_decoding_apply(const struct tl_decoding *decoding, struct trill_generate_options *options, struct tl_decoding_kept *ret_kept);
void tl_decoding_done(struct tl_decoding_kept *kept);

/* The same as fields of a request, a JSON object: what requests leave unsaid. */
int tl_decoding_json(const struct tl_decoding *decoding, bool with_seed, struct tl_buffer *out);

#endif
