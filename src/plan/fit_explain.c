/* SPDX-License-Identifier: MIT */
/* A fit in words. */
#include "plan/fit_impl.h"

void tl_fit_explain(const struct tl_fit *fit, struct tl_buffer *out) { (void)fit; (void)out; }
