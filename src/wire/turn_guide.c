/* SPDX-License-Identifier: MIT */
/* A turn as the guide of its answer. */
#include "wire/turn_impl.h"

int tl_turn_steer_new(struct tl_turn *turn)
{
    turn->steer = NULL;
    return 0;
}

void tl_turn_steer_free(struct tl_turn *turn) { turn->steer = NULL; }

struct tl_guide *tl_turn_guide(struct tl_turn *turn)
{
    (void)turn;
    return NULL;
}

uint32_t tl_turn_least(const struct tl_turn *turn)
{
    (void)turn;
    return 1;
}
