/* SPDX-License-Identifier: MIT */
/* The rows of rates.def: what shares of a machine's peaks our kernels reach. Private to this room. */
#ifndef TL_PLAN_RATES_H
#define TL_PLAN_RATES_H

#include "number/number.h"

struct tl_rate { double one, many; };    /* shares of the peak: with one row of activations, with hundreds */
extern const struct tl_rate tl_rates[TL_NUMBERS];

enum tl_reach {
#define RATE(format, one, many)
#define REACH(id, value, meaning) TL_REACH_##id,
#include "plan/rates.def"
#undef RATE
#undef REACH
    TL_REACHES
};

struct tl_reach_row { double value; const char *meaning; };
extern const struct tl_reach_row tl_reaches[TL_REACHES];

#endif
