/* SPDX-License-Identifier: MIT */
/* Checkpoints of a training: a header that says of which work, the state, then values and both moments, and at the end one
 * SHA-256 over header, state and the digests of all pieces of the rest, so that threads can share it. Written beside its
 * place and put there when it is whole. A file that is damaged or of other work is never taken up. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "train/lora.h"
#include "train/train_impl.h"

enum { PIECE_BYTES = 1 << 20, LEAST_PAUSE = 20 };     /* a checkpoint costs at most a twentieth of the time */
enum { CORPUS, RECIPE, START, WORKS };

static const char magic[8] = "trilltc1";
static const char *const work_names[WORKS] = { "another corpus", "another recipe", "another model to begin with" };

struct header {
    char magic[8];
    uint64_t n_values, state_bytes;
    uint8_t work[WORKS][TL_SHA256_BYTES];
};

/* --- digests ------------------------------------------------------------------------------------------------------ */

struct hashing { const uint8_t *bytes; uint64_t n_bytes; uint8_t (*digests)[TL_SHA256_BYTES]; };

static void hash_piece(void *context, uint32_t piece, uint32_t thread)
{
    const struct hashing *h = context;
    uint64_t at = (uint64_t)piece * PIECE_BYTES, left = h->n_bytes - at;
    (void)thread;
    tl_sha256_of(h->bytes + at, left < PIECE_BYTES ? left : PIECE_BYTES, h->digests[piece]);
}

/* Adds the digests of an array's pieces. */
static int add_array(const struct tl_training *t, struct tl_sha256 *sha, const float *values)
{
    uint64_t n_bytes = t->weights->n_values * sizeof(*values), n_pieces = (n_bytes + PIECE_BYTES - 1) / PIECE_BYTES;
    TL_AUTO uint8_t (*digests)[TL_SHA256_BYTES] = tl_alloc(n_pieces + 1, sizeof(*digests));
    if (!digests)
        return TL_E_NOMEM;
    tl_pool_run(t->pool, (uint32_t)n_pieces, hash_piece, &(struct hashing){ (const uint8_t *)values, n_bytes, digests });
    tl_sha256_add(sha, digests, n_pieces * sizeof(*digests));
    return 0;
}

static void digest_recipe(const struct tl_train_how *how, uint32_t windows, uint8_t ret[TL_SHA256_BYTES])
{
    const struct tl_schedule *s = &how->schedule;
    const struct tl_adamw *a = &how->adamw;
    struct tl_sha256 sha;
    char text[640];
    int n = snprintf(text, sizeof(text), "1 %u %u %u %" PRIu64 " %.17g %" PRIu64 " %d %d %.17g %.17g %.17g %" PRIu64 " %" PRIu64 " %.9g %.9g %.9g %.9g %.9g %d %.9g",
                     windows, how->batch, how->window, how->tokens, how->tokens ? 0 : how->seconds, how->seed, how->bf16, (int)s->kind, s->peak, s->least,
                     s->decay_share, s->warmup, s->steps, (double)a->beta1, (double)a->beta2, (double)a->epsilon, (double)a->decay, (double)a->clip,
                     how->teaching != NULL, how->teaching ? (double)how->teaching->weight : 0);
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, text, (size_t)n);
    if (how->teaching)
        tl_sha256_add(&sha, how->teaching->digest, sizeof(how->teaching->digest));
    tl_sha256_end(&sha, ret);
}

/* Shapes and values, those too that are not trained: nothing else of a model matters. */
static int digest_start(const struct tl_training *t, uint8_t ret[TL_SHA256_BYTES])
{
    const struct tl_weights *w = t->weights;
    struct tl_sha256 sha;
    tl_sha256_init(&sha);
    for (uint32_t i = 0; i < w->n; i++) {
        const struct tl_parameter *p = &w->parameters[i];
        uint64_t facts[] = { p->id, p->role, p->layer, p->count, p->rows, p->cols, p->gradient != NULL, p->decays };
        tl_sha256_add(&sha, facts, sizeof(facts));
    }
    if (w->frozen)
        tl_sha256_add(&sha, &tl_model_cache(w->model)->fingerprint, sizeof(uint64_t));
    if (w->lora)
        tl_sha256_add(&sha, &w->lora->alpha, sizeof(w->lora->alpha));
    int status = add_array(t, &sha, w->values);
    tl_sha256_end(&sha, ret);
    return status;
}

int tl_train_identify(struct tl_training *t)
{
    tl_corpus_digest(t->corpus, t->work[CORPUS]);
    digest_recipe(&t->how, t->plan.windows, t->work[RECIPE]);
    return digest_start(t, t->work[START]);
}

static int digest_all(const struct tl_training *t, const struct header *h, const struct tl_train_state *state, const float *values, uint8_t ret[TL_SHA256_BYTES])
{
    const float *arrays[] = { values, t->adamw.first, t->adamw.second };
    struct tl_sha256 sha;
    int status = 0;
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, h, sizeof(*h));
    tl_sha256_add(&sha, state, sizeof(*state));
    for (int i = 0; i < 3 && status >= 0; i++)
        status = add_array(t, &sha, arrays[i]);
    tl_sha256_end(&sha, ret);
    return status;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int check_header(const struct tl_training *t, const struct tl_file *file, const struct header *h)
{
    uint64_t expected = sizeof(*h) + sizeof(struct tl_train_state) + 3 * t->weights->n_values * sizeof(float) + TL_SHA256_BYTES;
    if (memcmp(h->magic, magic, sizeof(magic)) != 0)
        return tl_fail(TL_E_FAIL, "%s: is not a checkpoint of training; name another file, or --force replaces it", file->path);
    for (int i = WORKS; i-- > 0;)
        if (memcmp(h->work[i], t->work[i], TL_SHA256_BYTES) != 0)
            return tl_fail(TL_E_USAGE, "%s: is a checkpoint of other work (%s); remove it, or --force begins anew", file->path, work_names[i]);
    if (h->n_values != t->weights->n_values || h->state_bytes != sizeof(struct tl_train_state) || file->size_bytes != expected)
        return tl_fail(TL_E_FAIL, "%s: the checkpoint is damaged: it has %" PRIu64 " bytes, expected %" PRIu64 "; remove it, or --force begins anew",
                       file->path, file->size_bytes, expected);
    return 0;
}

/* Values come where gradients will be, so that those to begin with stay until all is known to be good. */
static int read_all(struct tl_training *t, const struct tl_file *file, const struct header *h, struct tl_train_state *state)
{
    uint64_t n_bytes = t->weights->n_values * sizeof(float), at = sizeof(*h) + sizeof(*state);
    uint8_t digest[TL_SHA256_BYTES], stored[TL_SHA256_BYTES];
    float *arrays[] = { t->weights->gradients, t->adamw.first, t->adamw.second };
    int status = tl_file_read(file, sizeof(*h), state, sizeof(*state));
    for (int i = 0; i < 3 && status >= 0; i++, at += n_bytes)
        status = tl_file_read(file, at, arrays[i], n_bytes);
    if (status >= 0)
        status = tl_file_read(file, at, stored, sizeof(stored));
    if (status >= 0)
        status = digest_all(t, h, state, arrays[0], digest);
    if (status < 0)
        return status;
    if (memcmp(digest, stored, sizeof(digest)) != 0)
        return tl_fail(TL_E_FAIL, "%s: the checkpoint is damaged: its checksum does not fit; remove it, or --force begins anew", file->path);
    return 0;
}

static int take_up(struct tl_training *t, const struct tl_file *file)
{
    uint64_t n_bytes = t->weights->n_values * sizeof(float);
    struct tl_train_state state;
    struct header header;
    if (file->size_bytes < sizeof(header) + TL_SHA256_BYTES)
        return tl_fail(TL_E_FAIL, "%s: is not a checkpoint of training; name another file, or --force replaces it", file->path);
    int status = tl_file_read(file, 0, &header, sizeof(header));
    if (status >= 0)
        status = check_header(t, file, &header);
    if (status < 0)
        return status;
    status = read_all(t, file, &header, &state);
    if (status >= 0) {
        memcpy(t->weights->values, t->weights->gradients, n_bytes);
        t->state = state;
    } else {
        memset(t->adamw.first, 0, n_bytes);
        memset(t->adamw.second, 0, n_bytes);
    }
    memset(t->weights->gradients, 0, n_bytes);
    return status;
}

int tl_train_resume(struct tl_training *t)
{
    struct tl_file *file = NULL;
    if (!tl_file_exists(t->how.checkpoint))
        return 0;
    int status = tl_file_open(t->how.checkpoint, &file);
    if (status >= 0)
        status = take_up(t, file);
    tl_file_close(file);
    if (status < 0 && status != TL_E_NOMEM && t->how.anew) {
        if (t->how.warn)
            t->how.warn(t->how.context, tl_error_text());
        return 0;
    }
    return status < 0 ? status == TL_E_FILE ? tl_error_set(TL_E_FAIL, tl_error_text()) : status : 1;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

bool tl_train_is_due(const struct tl_training *t)
{
    uint64_t age_ns = tl_clock_ns() - t->written_ns;
    if (!t->how.checkpoint)
        return false;
    return t->how.checkpoint_seconds <= 0 || ((double)age_ns * 1e-9 >= t->how.checkpoint_seconds && age_ns / LEAST_PAUSE >= t->cost_ns);
}

static int write_all(struct tl_training *t, const struct header *h, const uint8_t digest[TL_SHA256_BYTES])
{
    const float *arrays[] = { t->weights->values, t->adamw.first, t->adamw.second };
    struct tl_outfile *file;
    int status = tl_outfile_open(t->how.checkpoint, &file);
    if (status < 0)
        return status;
    status = tl_outfile_write(file, h, sizeof(*h));
    if (status >= 0)
        status = tl_outfile_write(file, &t->state, sizeof(t->state));
    for (int i = 0; i < 3 && status >= 0; i++)
        status = tl_outfile_write(file, arrays[i], t->weights->n_values * sizeof(float));
    if (status >= 0)
        status = tl_outfile_write(file, digest, TL_SHA256_BYTES);
    if (status >= 0)
        status = tl_outfile_commit(file);
    tl_outfile_close(file);
    return status;
}

int tl_train_keep(struct tl_training *t)
{
    struct header header = { .n_values = t->weights->n_values, .state_bytes = sizeof(t->state) };
    uint8_t digest[TL_SHA256_BYTES];
    uint64_t began_ns = tl_clock_ns();
    memcpy(header.magic, magic, sizeof(magic));
    memcpy(header.work, t->work, sizeof(header.work));
    t->state.seconds = t->seconds_before + tl_clock_seconds(t->began_ns);
    t->state.adamw_steps = t->adamw.steps;
    int status = digest_all(t, &header, &t->state, t->weights->values, digest);
    if (status >= 0)
        status = write_all(t, &header, digest);
    t->written_ns = tl_clock_ns();
    t->cost_ns = t->written_ns - began_ns;
    return status;
}

void tl_train_forget(const struct tl_train_how *how)
{
    if (how->checkpoint)
        unlink(how->checkpoint);
}
