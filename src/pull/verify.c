/* SPDX-License-Identifier: MIT */
/* The thread takes turns among the files of which something is there that it has not seen. */
#include "pull/verify.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "pull/part.h"
#include "pull/web.h"

enum { SLICE_BYTES = 2 << 20 };

struct tl_verifier {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work, idle;           /* something to do; a file is no longer busy */
    bool stop;
    struct tl_verify_file *files;
    struct tl_web *wake;
    char slice[SLICE_BYTES];
};

static struct tl_verify_file *find_work(struct tl_verifier *v)
{
    for (struct tl_verify_file *file = v->files; file; file = file->next)
        if (file->verdict == TL_VERDICT_NONE && (file->seen < file->ready || file->ready == file->size))
            return file;
    return NULL;
}

static enum tl_verdict fail(struct tl_verify_file *file, const char *problem)
{
    snprintf(file->problem, sizeof file->problem, "%.390s", problem);
    return TL_VERDICT_FAILED;
}

/* All bytes were seen. Without the lock: only this thread touches what it writes, but the verdict. */
static enum tl_verdict finish(struct tl_verify_file *file)
{
    tl_content_end(&file->content, file->found);
    if (strcmp(file->found, file->expected) != 0)
        return TL_VERDICT_WRONG;
    return tl_part_cut(file->fd, file->path, file->size) < 0 ? fail(file, tl_error_text()) : TL_VERDICT_GOOD;
}

/* A slice, or the end. */
static enum tl_verdict look(struct tl_verifier *v, struct tl_verify_file *file, uint64_t from, uint64_t to)
{
    size_t n = to - from < SLICE_BYTES ? (size_t)(to - from) : SLICE_BYTES;
    ssize_t got = n == 0 ? 0 : tl_file_permit() ? pread(file->fd, v->slice, n, (off_t)from) : -1;
    if (got < 0 && errno == EINTR)
        return TL_VERDICT_NONE;
    if (got < 0 || (got == 0 && n > 0)) {
        char text[400];
        snprintf(text, sizeof text, "%.300s: reading: %s", file->path, got < 0 ? strerror(errno) : "it has become shorter");
        return fail(file, text);
    }
    tl_content_add(&file->content, v->slice, (size_t)got);
    file->seen = from + (uint64_t)got;
    return file->seen == file->size ? finish(file) : TL_VERDICT_NONE;
}

static void *work(void *context)
{
    struct tl_verifier *v = context;
    pthread_mutex_lock(&v->lock);
    while (!v->stop) {
        struct tl_verify_file *file = find_work(v);
        if (!file) {
            pthread_cond_wait(&v->work, &v->lock);
            continue;
        }
        uint64_t from = file->seen, to = file->ready;
        file->busy = true;
        pthread_mutex_unlock(&v->lock);
        enum tl_verdict verdict = look(v, file, from, to);
        pthread_mutex_lock(&v->lock);
        file->busy = false;
        file->verdict = verdict;
        pthread_cond_broadcast(&v->idle);
        if (verdict != TL_VERDICT_NONE && v->wake)
            tl_web_wake(v->wake);
    }
    pthread_mutex_unlock(&v->lock);
    return NULL;
}

int tl_verifier_open(struct tl_web *wake, struct tl_verifier **ret_verifier)
{
    struct tl_verifier *v = tl_alloc(1, sizeof *v);
    if (!v)
        return TL_E_NOMEM;
    v->wake = wake;
    pthread_mutex_init(&v->lock, NULL);
    pthread_cond_init(&v->work, NULL);
    pthread_cond_init(&v->idle, NULL);
    if (!tl_memory_permit() || pthread_create(&v->thread, NULL, work, v) != 0) {
        tl_free(v);
        return tl_fail(TL_E_NOMEM, "a thread cannot be made");
    }
    *ret_verifier = v;
    return 0;
}

void tl_verifier_close(struct tl_verifier *v)
{
    if (!v)
        return;
    pthread_mutex_lock(&v->lock);
    v->stop = true;
    pthread_cond_signal(&v->work);
    pthread_mutex_unlock(&v->lock);
    pthread_join(v->thread, NULL);
    pthread_cond_destroy(&v->work);
    pthread_cond_destroy(&v->idle);
    pthread_mutex_destroy(&v->lock);
    tl_free(v);
}

void tl_verifier_add(struct tl_verifier *v, struct tl_verify_file *file)
{
    file->ready = file->seen = 0;
    file->busy = false;
    file->verdict = TL_VERDICT_NONE;
    tl_content_init(&file->content, file->expected, file->size);
    pthread_mutex_lock(&v->lock);
    file->next = v->files;
    v->files = file;
    pthread_cond_signal(&v->work);
    pthread_mutex_unlock(&v->lock);
}

void tl_verifier_ready(struct tl_verifier *v, struct tl_verify_file *file, uint64_t bytes)
{
    pthread_mutex_lock(&v->lock);
    file->ready = bytes;
    pthread_cond_signal(&v->work);
    pthread_mutex_unlock(&v->lock);
}

enum tl_verdict tl_verifier_ask(struct tl_verifier *v, struct tl_verify_file *file)
{
    pthread_mutex_lock(&v->lock);
    enum tl_verdict verdict = file->busy ? TL_VERDICT_NONE : file->verdict;
    pthread_mutex_unlock(&v->lock);
    return verdict;
}

void tl_verifier_remove(struct tl_verifier *v, struct tl_verify_file *file)
{
    pthread_mutex_lock(&v->lock);
    for (struct tl_verify_file **at = &v->files; *at; at = &(*at)->next)
        if (*at == file) {
            *at = file->next;
            break;
        }
    while (file->busy)
        pthread_cond_wait(&v->idle, &v->lock);
    pthread_mutex_unlock(&v->lock);
}
