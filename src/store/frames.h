/* SPDX-License-Identifier: MIT */
/* What frames hold and who fills them. Private to this room; all of it under the drive's lock. */
#ifndef TL_STORE_FRAMES_H
#define TL_STORE_FRAMES_H

#include "store/store_impl.h"

static inline struct tl_frame *tl_frame_at(struct tl_store *s, uint32_t frame) { return &s->drive.frames[frame]; }
static inline uint8_t *tl_frame_memory(const struct tl_store *s, uint32_t frame) { return s->drive.memory + frame * s->drive.frame_bytes; }

static inline bool tl_frame_of_trunk(const struct tl_frame *f) { return f->bank >= TL_ROWS; }

/* After any change of pins, wanted or state: may its place be given to another? */
void tl_frame_mark(struct tl_store *store, const struct tl_frame *frame);
/* Queues an expert to be read into the frame; who was in it is gone. */
void tl_frame_load(struct tl_store *store, uint32_t frame, uint32_t bank, uint32_t expert, enum tl_priority priority);
/* Ends the reading of a frame that loads: what is in flight comes to nothing, nobody finds it any more. */
void tl_frame_give_up(struct tl_store *store, uint32_t frame);
/* Its expert is no longer there. */
void tl_frame_empty(struct tl_store *store, uint32_t frame);
/* A frame of the ring that may be filled; for what is not demanded none that look-ahead has filled. TL_NONE: all are in use. */
uint32_t tl_frame_of_ring(struct tl_store *store, bool demand);
/* An expert of the ring that is to be kept changes frames with whoever leaves the shelf. */
void tl_frame_keep(struct tl_store *store, uint32_t frame);
/* Packs all that has landed, the lock given up meanwhile. Fails with the first failed read of a wanted expert. */
int tl_frame_pack(struct tl_store *store);

#endif
