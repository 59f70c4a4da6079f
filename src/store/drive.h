/* SPDX-License-Identifier: MIT */
/* The queue of direct reads, and the frames that they fill.
 *
 * A frame is memory for one expert. It is queued with a priority; its pieces are read in turn, several at a time, each into
 * a raw buffer, and wait there as landed until somebody packs them into the frame. Everything here is under `lock`; reads
 * are begun and ended by whichever thread makes room, and only the thread that runs a step changes what a frame holds. */
#ifndef TL_STORE_DRIVE_H
#define TL_STORE_DRIVE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/meter.h"
#include "modelfile/modelfile.h"
#include "store/io.h"

enum { TL_DRIVE_ALIGN = 4096, TL_DRIVE_DEPTH = 4, TL_DRIVE_LEAST_RAWS = 12, TL_DRIVE_RAWS = 48 };
enum tl_priority { TL_DEMAND, TL_NEXT, TL_AHEAD, TL_PRIORITIES };      /* needed now; needed for certain; likely */
enum tl_frame_state { TL_FRAME_EMPTY, TL_FRAME_LOADING, TL_FRAME_READY };

struct tl_frame {
    enum tl_frame_state state;
    uint32_t key, bank, expert;          /* key TL_NO_KEY: none; bank TL_TRUNK, TL_ROWS: of the trunk, expert is the use */
    uint32_t place, ring;                /* which of the two it has; the other one is TL_NO_KEY */
    uint32_t pins;
    bool wanted;                         /* asked for and not yet handed out */
    bool ahead;                          /* read by look-ahead and not yet used */
    bool queued, given_up;
    enum tl_priority priority;
    uint32_t next_piece, n_pieces, n_left;       /* to be read next; of all; not yet packed */
    uint32_t next;                       /* in the queue */
};
#define TL_NO_KEY UINT32_MAX
#define TL_TRUNK UINT32_MAX
#define TL_ROWS (UINT32_MAX - 1)

/* A run of bytes in a part of the model. A piece has one, or two where scales lie apart from codes. */
enum { TL_EXTENTS = 2 };
struct tl_extent { uint32_t part; uint64_t offset, n_bytes; };
static inline uint64_t tl_extent_room(uint64_t n_bytes)               /* in a raw buffer, wherever its borders lie */
{
    return (n_bytes + 2 * TL_DRIVE_ALIGN - 2) / TL_DRIVE_ALIGN * TL_DRIVE_ALIGN;
}

/* Reads of the extents follow each other. */
struct tl_raw {
    uint8_t *data;
    uint32_t frame, piece, next;
    struct tl_extent extents[TL_EXTENTS];
    const uint8_t *read[TL_EXTENTS];     /* where the extents' bytes are, once landed */
    uint32_t n_extents, extent;          /* extent: that is being read */
    uint8_t *to;                         /* of this extent: the buffer, its wanted bytes behind `skip` */
    uint64_t offset, skip, length, done, begun;  /* length: of the read; begun: where it goes on */
    bool direct;
    int error;                           /* errno; -1: the file ends before the wanted bytes do */
};

struct tl_drive_part {
    int direct_fd, fd;
    bool direct;
    const char *path;
    uint64_t size_bytes;                 /* these two: when it was opened */
    struct timespec changed;
};

struct tl_drive {
    pthread_mutex_t lock;
    pthread_cond_t landed;
    bool is_open;
    const struct tl_io *io;
    void *io_state;
    struct tl_meters *meters;
    struct tl_drive_part *parts;
    uint32_t n_parts;
    /* which bytes a piece of a frame is; how many extents */
    uint32_t (*locate)(void *context, const struct tl_frame *frame, uint32_t piece, struct tl_extent ret_extents[TL_EXTENTS]);
    void *context;
    struct tl_frame *frames;
    uint8_t *memory;
    uint64_t frame_bytes, raw_bytes;
    uint32_t n_frames, n_raws, depth;
    struct tl_raw *raws;
    uint32_t free_raw, n_free, landed_first, landed_last, n_landed, n_in_flight;
    uint32_t first[TL_PRIORITIES], last[TL_PRIORITIES];
    uint64_t busy_since_ns;
};

/* Opens the parts for direct reads where the system can, and starts `io`, or the best way that works when it is NULL.
 * What is not possible is told through log. */
int tl_drive_open(struct tl_drive *drive, const struct tl_modelfile *file, uint32_t n_parts, const struct tl_io *io,
                  void (*log)(void *context, int level, const char *text), void *log_context);
void tl_drive_close(struct tl_drive *drive);                          /* waits for what is in flight */

/* Under lock, all of them. */
void tl_drive_queue(struct tl_drive *drive, uint32_t frame, enum tl_priority priority);      /* key, bank, expert, n_pieces are set */
void tl_drive_move(struct tl_drive *drive, uint32_t frame, enum tl_priority priority);       /* behind others of it; what is demanded stays so */
void tl_drive_give_up(struct tl_drive *drive, uint32_t frame);        /* reads no more of it; true end when n_left is 0 */
uint32_t tl_drive_landed(struct tl_drive *drive, uint32_t *ret_raws, uint32_t most);         /* hands out landed buffers, oldest first */
void tl_drive_release(struct tl_drive *drive, uint32_t raw);          /* packed: free for the next read */
void tl_drive_pump(struct tl_drive *drive);                           /* begins what can be begun */
int tl_drive_fail(const struct tl_drive *drive, const struct tl_raw *raw);                   /* the sentence for raw->error */
int tl_drive_wait(struct tl_drive *drive);                            /* until something has landed; counts as a stall */
int tl_drive_check(const struct tl_drive *drive);                     /* fails where a file has changed since; without lock */

#endif
