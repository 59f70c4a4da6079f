/* SPDX-License-Identifier: MIT */
/* What is told of the open model in more than one place. */
#ifndef TL_SERVE_STATE_H
#define TL_SERVE_STATE_H

#include "serve/models.h"

/* "status":..., "model":..., and how far loading is: members of an object. Under the lock of the models. */
void tl_state_write_model(const struct tl_models *models, struct tl_buffer *out);

#endif
