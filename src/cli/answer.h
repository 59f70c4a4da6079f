/* SPDX-License-Identifier: MIT */
/* One answer of a session, streamed to standard output, and the figures of answers: what was computed, how fast, and
 * which share of the memory roofline that is. */
#ifndef TL_CLI_ANSWER_H
#define TL_CLI_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "cli/streaming.h"
#include "trill.h"

/* Generates; each piece of text is written as it comes where `stream` is set, with a line end behind the last one. Stops
 * on Ctrl-C and when standard output fails. On TL_E_CANCEL what was generated is there; the caller ends
 * with trill_generation_done in every case. */
int tl_answer_generate(struct trill_session *session, const struct trill_generate_options *options, bool stream,
                       struct trill_generation *ret_generation);

struct tl_answer_sums {              /* over answers */
    uint64_t prompt_tokens, reused_tokens, tokens, steps, drafted, accepted;
    double prefill_seconds, decode_seconds, first_token_seconds;     /* the last of the last answer */
};

void tl_answer_add(struct tl_answer_sums *sums, const struct trill_generation *generation);

/* Some lines for people on stderr. With `measure`, memory is measured for them where there was decoding enough to
 * compare: call it when the model is closed, so that the measuring takes no memory on top of the model's. The
 * texts in `figures` are not used. */
void tl_answer_note(const struct tl_answer_sums *sums, const struct tl_streaming *streaming, bool measure);

/* The document of `run --json`; ledger: the row of the ledger, an object. */
int tl_answer_json(const struct trill_generation *generation, const struct tl_streaming *streaming, const char *ledger,
                   struct tl_buffer *buffer);

#endif
