/* SPDX-License-Identifier: MIT */
/* What several answers at a time give together, and how even their tokens come: tokens a second of all, and of each answer
 * the times between tokens (median, 95th percentile, longest). Every answer has a thread and a session of its own.
 *
 *   streams MODEL [ANSWERS=8] [TOKENS=128] [PROMPT=64] [THREADS=0] [LATE=0] [DRAFTS=off]
 *
 * LATE: another prompt of so many tokens comes when the others are halfway. Tokens are drawn with the usual sampling. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "trill.h"

enum { MOST = 256, MOST_TOKENS = 4096 };

struct stream {
    struct trill_session *session;
    int32_t *ids;
    size_t n_prompt;
    uint32_t tokens, n, delay_at;
    double at[MOST_TOKENS], began, first;
    struct stream *behind;               /* begins when that one is halfway */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int must(int status)
{
    if (status < 0) {
        fprintf(stderr, "streams: %s\n", trill_error());
        exit(1);
    }
    return status;
}

static int on_text(void *context, const char *bytes, size_t n_bytes)
{
    struct stream *s = context;
    (void)bytes;
    (void)n_bytes;
    if (s->n < MOST_TOKENS)
        s->at[s->n] = now();
    __atomic_add_fetch(&s->n, 1, __ATOMIC_RELEASE);
    return 0;
}

static void *answer(void *context)
{
    struct stream *s = context;
    struct trill_generate_options how;
    struct trill_generation g;
    while (s->behind && __atomic_load_n(&s->behind->n, __ATOMIC_ACQUIRE) < s->behind->tokens / 2)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    trill_generate_options_init(&how, sizeof(how));
    how.max_tokens = s->tokens;
    how.ignore_end = 1;
    how.seed = s->n_prompt;
    how.flags = TRILL_SPECIAL;
    how.text = on_text;
    how.context_pointer = s;
    s->began = now();
    must(trill_session_set(s->session, s->ids, s->n_prompt));
    must(trill_session_generate(s->session, &how, &g, sizeof(g)));
    s->first = g.first_token_seconds;
    trill_generation_done(&g);
    return NULL;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void make(struct trill_model *model, struct stream *s, int i, size_t n_prompt, uint32_t tokens, uint32_t vocabulary)
{
    *s = (struct stream){.n_prompt = n_prompt, .tokens = tokens, .ids = malloc(n_prompt * sizeof(int32_t))};
    for (size_t k = 0; k < n_prompt; k++)
        s->ids[k] = (int32_t)((k * 7919 + (size_t)i * 104729 + k * k * 31) % vocabulary);
    must(trill_session_open(model, &s->session));
}

int main(int argc, char **argv)
{
    int n = argc > 2 ? atoi(argv[2]) : 8, tokens = argc > 3 ? atoi(argv[3]) : 128, prompt = argc > 4 ? atoi(argv[4]) : 64;
    int threads = argc > 5 ? atoi(argv[5]) : 0, late = argc > 6 ? atoi(argv[6]) : 0, all = n + (late > 0);
    struct trill_model_options options;
    struct trill_model_figures figures;
    struct trill_model *model;
    static struct stream stream[MOST];
    pthread_t thread[MOST];
    if (argc < 2 || n < 1 || all > MOST || tokens < 2 || tokens > MOST_TOKENS || prompt < 1)
        return fprintf(stderr, "streams MODEL [ANSWERS] [TOKENS] [PROMPT] [THREADS] [LATE] [DRAFTS]\n"), 2;
    trill_model_options_init(&options, sizeof(options));
    options.threads = (uint32_t)threads;
    options.sessions = (uint32_t)all;
    options.drafts = argc > 7 ? argv[7] : "off";
    options.context = (uint32_t)((late > prompt ? late : prompt) + tokens);
    must(trill_model_open(argv[1], &options, &model));
    must(trill_model_figures(model, &figures, sizeof(figures)));
    for (int i = 0; i < n; i++)
        make(model, &stream[i], i, (size_t)prompt, (uint32_t)tokens, figures.vocabulary);
    if (late) {
        make(model, &stream[n], n, (size_t)late, 2, figures.vocabulary);
        stream[n].behind = &stream[0];
    }
    double began = now(), ended = 0, begun = 0;
    for (int i = 0; i < all; i++)
        pthread_create(&thread[i], NULL, answer, &stream[i]);
    for (int i = 0; i < all; i++)
        pthread_join(thread[i], NULL);
    double *gap = malloc(sizeof(*gap) * (size_t)n * (size_t)tokens);
    size_t n_gaps = 0;
    for (int i = 0; i < n; i++) {
        struct stream *s = &stream[i];
        for (uint32_t k = 1; k < s->n; k++)
            gap[n_gaps++] = s->at[k] - s->at[k - 1];
        ended = s->at[s->n - 1] > ended ? s->at[s->n - 1] : ended;
        begun = s->at[0] > begun ? s->at[0] : begun;
    }
    qsort(gap, n_gaps, sizeof(*gap), ascending);
    printf("%d answers of %d tokens behind %d: %.1f tokens/s in all, %.1f behind the last one's first token; between tokens %.2f ms (median), "
           "%.2f (95 %%), %.2f (most)\n", n, tokens, prompt, n * tokens / (ended - began), n * tokens / (ended - begun), 1e3 * gap[n_gaps / 2],
           1e3 * gap[n_gaps * 95 / 100], 1e3 * gap[n_gaps - 1]);
    if (late)
        printf("the late prompt of %d tokens: first token after %.2f s\n", late, stream[n].first);
    for (int i = 0; i < all; i++)
        trill_session_close(stream[i].session);
    trill_model_close(model);
    return 0;
}
