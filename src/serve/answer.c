/* SPDX-License-Identifier: MIT */
/* Requests for answers. */
#include "serve/routes.h"

int tl_answer_post(struct tl_exchange *exchange)
{
    tl_exchange_fail(exchange, 501, "answers are not served yet", NULL);
    return 0;
}
