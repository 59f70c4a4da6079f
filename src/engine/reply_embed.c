/* SPDX-License-Identifier: MIT */
/* Embeddings. */
#include "base/error.h"
#include "engine/reply_impl.h"

int tl_reply_embed(struct tl_reply *reply, uint32_t part, struct tl_session *session, struct tl_replied *replied)
{
    (void)reply, (void)part, (void)session, (void)replied;
    return tl_fail(TL_E_USAGE, "embeddings are not computed");
}
