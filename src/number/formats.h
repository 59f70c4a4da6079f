/* SPDX-License-Identifier: MIT */
/* Private to this room: declares `tl_number_<name>` for every row of numbers.def. */
#ifndef TL_NUMBER_FORMATS_H
#define TL_NUMBER_FORMATS_H

#include "number/number.h"

#define NUMBER(id, name) extern const struct tl_number tl_number_##name;
#include "number/numbers.def"
#undef NUMBER

#endif
