/* SPDX-License-Identifier: MIT */
/* One step of the scheduler. Private to scheduler.c and lead.c. */
#ifndef TL_ENGINE_LEAD_H
#define TL_ENGINE_LEAD_H

#include "engine/engine.h"
#include "engine/scheduler.h"

/* Under the lock, which it leaves while it computes; nobody else may be in. False: there was nothing to do. */
bool tl_lead_step(struct tl_engine *engine);
void tl_request_append(struct tl_engine *engine, struct tl_request *request);      /* to those who wait */
void tl_request_unlink(struct tl_engine *engine, struct tl_request *request);

#endif
