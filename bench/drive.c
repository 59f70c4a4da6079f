/* SPDX-License-Identifier: MIT */
/* A drive of a stated speed, for comparing programs that stream while the real one drifts. Direct reads of `--io pread` take as
 * long as with a drive that brings DRIVE_MB megabytes a second, one request after the other, each DRIVE_US microseconds late
 * (100). The bytes come as pages of the system's cache put in place of the buffer's, which costs the processors little, as
 * with a device that writes them; so the file has to fit in memory beside the budget (trill synth --share).
 *
 *     gcc -O2 -D_GNU_SOURCE -shared -fPIC bench/drive.c -o drive.so
 *     DRIVE_MB=2500 LD_PRELOAD=./drive.so trill bench MODEL --ram 2G --io pread -p 0 -n 40 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { ALIGN = 4096, LEAST_BYTES = 65536 };      /* smaller reads are of the headers */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ssize_t (*real)(int fd, void *to, size_t n_bytes, off_t offset);
static double ns_a_byte, late_ns;
static uint64_t free_at_ns;

static void set_up(void)
{
    const char *mb = getenv("DRIVE_MB"), *us = getenv("DRIVE_US");
    ns_a_byte = 1e3 / (mb ? atof(mb) : 2500);
    late_ns = 1e3 * (us ? atof(us) : 100);
    *(void **)&real = dlsym(RTLD_NEXT, "pread64");
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* When a read that begins now ends: behind all that began before. */
static uint64_t end_of(size_t n_bytes)
{
    pthread_mutex_lock(&lock);
    uint64_t now = now_ns();
    free_at_ns = (free_at_ns > now ? free_at_ns : now) + (uint64_t)((double)n_bytes * ns_a_byte);
    uint64_t end = free_at_ns + (uint64_t)late_ns;
    pthread_mutex_unlock(&lock);
    return end;
}

static bool is_direct(int fd, const void *to, size_t n_bytes, off_t offset)
{
    return n_bytes >= LEAST_BYTES && ((uintptr_t)to | n_bytes | (uint64_t)offset) % ALIGN == 0 && fcntl(fd, F_GETFL) & O_DIRECT;
}

ssize_t pread64(int fd, void *to, size_t n_bytes, off_t offset)
{
    static __thread bool exact;
    pthread_once(&once, set_up);
    if (!is_direct(fd, to, n_bytes, offset))
        return real(fd, to, n_bytes, offset);
    uint64_t end = end_of(n_bytes);
    if (!exact)
        prctl(PR_SET_TIMERSLACK, 1);
    exact = true;
    if (mmap(to, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, offset) != to)
        return real(fd, to, n_bytes, offset);
    madvise(to, n_bytes, MADV_POPULATE_READ);
    struct timespec until = { (time_t)(end / 1000000000u), (long)(end % 1000000000u) };
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    return (ssize_t)n_bytes;
}
