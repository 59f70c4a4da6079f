/* SPDX-License-Identifier: MIT */
/* What a teacher is asked to write: lines of a batch (engine/batch.h), from the begins of documents that it goes on with, or
 * from prompts of one domain, {"prompt": TEXT} or {"messages": [...]} a line, whatever else is in it. Every answer is asked for with
 * its log-likelihoods. custom_id is the number of the document or of the prompt's line. */
#ifndef TL_COMPRESS_DISTILL_ASK_H
#define TL_COMPRESS_DISTILL_ASK_H

#include "base/progress.h"
#include "engine/batch_input.h"
#include "text/tokenizer.h"

struct tl_distill_ask {
    uint32_t prompt_tokens;              /* of a document's begin, in the vocabulary that it comes in */
    uint32_t answer_tokens, answers;     /* of an answer at most; to each prompt, at most TL_OPENAI_CHOICES */
    double temperature;
    uint64_t seed;
    bool chats;                          /* the teacher has a chat template: a prompt is what a user says */
};

/* Documents as ids; those that `taken` says (NULL: all). Of one that is shorter than two prompts a half is the prompt. */
struct tl_distill_documents {
    const struct tl_tokenizer *tokenizer;
    const int32_t *ids;
    const uint64_t *starts;              /* [n + 1] */
    uint64_t n;
    bool (*taken)(const void *context, uint64_t document);
    const void *context;
};

/* TL_E_USAGE: there is nothing to be asked, or a line is no prompt. */
int tl_distill_ask_documents(const struct tl_distill_documents *documents, const struct tl_distill_ask *how, const char *path,
                             uint64_t *ret_requests);
int tl_distill_ask_prompts(const char *prompts, const struct tl_distill_ask *how, const char *path, struct tl_progress *progress,
                           uint64_t *ret_requests);

/* Line number `index` as text; the buffer is cleared before. */
int tl_distill_line(const struct tl_batch_input *lines, uint64_t index, struct tl_buffer *ret_line);

#endif
