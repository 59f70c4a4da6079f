/* SPDX-License-Identifier: MIT */
/* The two real models against their float32-decoded weights (real/<name>.json, made by bench/reference): perplexity within
 * 0.5 %, top-1 agreement at least the peer's, greedy continuations equal up to a near-tie: a gap of the reference's two
 * best below three times the rms error of the logits at that step. Skips where the models are not in the cache.
 * TRILL_FAST: only the continuations. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "golden_file.h"
#include "trill.h"

enum { STEPS = 64, PROMPTS = 5, PROBES = 32, MOST_IDS = 4096 };

struct greedy { int32_t prompt[512], ids[STEPS]; size_t n_prompt; float top[STEPS][2]; };

struct reference {
    int32_t text[MOST_IDS], probe_ids[PROBES];
    size_t n_text;
    double perplexity, peer_top1;
    struct greedy greedy[PROMPTS];
    float probe[PROMPTS][STEPS][PROBES];
    int32_t argmax[MOST_IDS];
};

/* --- reading the reference --- */

static size_t read_ids(struct tl_json *json, int32_t *ids, size_t most)
{
    size_t n = 0;
    assert_int_equal(tl_json_next(json), TL_JSON_ARRAY);
    while (tl_json_next(json) == TL_JSON_NUMBER) {
        assert_true(n < most);
        ids[n++] = atoi(json->raw);
    }
    return n;
}

static void read_pairs(struct tl_json *json, float top[STEPS][2])
{
    assert_int_equal(tl_json_next(json), TL_JSON_ARRAY);
    for (int i = 0; tl_json_next(json) == TL_JSON_ARRAY; i++)
        for (int k = 0; tl_json_next(json) == TL_JSON_NUMBER; k++)
            top[i][k] = strtof(json->raw, NULL);
}

static void read_greedy(struct tl_json *json, struct reference *ref)
{
    assert_int_equal(tl_json_next(json), TL_JSON_ARRAY);
    for (int i = 0; tl_json_next(json) == TL_JSON_OBJECT; i++) {
        struct greedy *g = &ref->greedy[i];
        while (tl_json_next(json) == TL_JSON_KEY) {
            if (tl_json_is(json, "prompt_ids"))
                g->n_prompt = read_ids(json, g->prompt, 512);
            else if (tl_json_is(json, "ids"))
                assert_int_equal(read_ids(json, g->ids, STEPS), STEPS);
            else if (tl_json_is(json, "top2_logits"))
                read_pairs(json, g->top);
            else
                tl_json_skip(json);
        }
    }
}

static void read_peer(struct tl_json *json, struct reference *ref)
{
    assert_int_equal(tl_json_next(json), TL_JSON_OBJECT);
    while (tl_json_next(json) == TL_JSON_KEY) {
        if (tl_json_is(json, "top1_agreement"))
            tl_json_f64(json, &ref->peer_top1);
        else
            tl_json_skip(json);
    }
}

static void read_npy(const char *name, const char *part, void *to, size_t n_bytes)
{
    unsigned char start[10];
    FILE *file = fopen(golden_file("real/%s-%s.npy", name, part), "rb");
    assert_non_null(file);
    assert_int_equal(fread(start, 1, 10, file), 10);
    fseek(file, start[8] + 256 * start[9], SEEK_CUR);
    assert_int_equal(fread(to, 1, n_bytes, file), n_bytes);
    fclose(file);
}

static void read_reference(const char *name, struct reference *ref)
{
    const char *path = golden_file("real/%s.json", name);
    char *text;
    size_t n_bytes;
    struct tl_json json;
    assert_int_equal(tl_file_slurp(path, 1 << 20, &text, &n_bytes), 0);
    tl_json_init(&json, path, text, n_bytes);
    assert_int_equal(tl_json_next(&json), TL_JSON_OBJECT);
    while (tl_json_next(&json) == TL_JSON_KEY) {
        if (tl_json_is(&json, "text_ids"))
            ref->n_text = read_ids(&json, ref->text, MOST_IDS);
        else if (tl_json_is(&json, "probe_ids"))
            read_ids(&json, ref->probe_ids, PROBES);
        else if (tl_json_is(&json, "perplexity"))
            tl_json_f64(&json, &ref->perplexity);
        else if (tl_json_is(&json, "peer"))
            read_peer(&json, ref);
        else if (tl_json_is(&json, "greedy"))
            read_greedy(&json, ref);
        else
            tl_json_skip(&json);
    }
    tl_json_done(&json);
    tl_free(text);
    read_npy(name, "probe", ref->probe, sizeof(ref->probe));
    read_npy(name, "text-argmax", ref->argmax, (ref->n_text - 1) * sizeof(int32_t));
}

/* --- the text --- */

struct scoring { const struct reference *ref; double nll; size_t agree, n; };

static size_t best_of(const float *logits, size_t vocabulary)
{
    size_t best = 0;
    for (size_t i = 1; i < vocabulary; i++)
        best = logits[i] > logits[best] ? i : best;
    return best;
}

static int score(void *context, size_t position, const float *logits, size_t vocabulary)
{
    struct scoring *s = context;
    double sum = 0, most = logits[best_of(logits, vocabulary)];
    if (position + 1 >= s->ref->n_text)
        return 0;
    for (size_t i = 0; i < vocabulary; i++)
        sum += exp(logits[i] - most);
    s->nll += most + log(sum) - logits[s->ref->text[position + 1]];
    s->agree += best_of(logits, vocabulary) == (size_t)s->ref->argmax[position];
    s->n++;
    return 0;
}

static void check_text(struct trill_session *session, const struct reference *ref)
{
    struct scoring s = { .ref = ref };
    assert_int_equal(trill_session_set(session, ref->text, ref->n_text), 0);
    assert_int_equal(trill_session_compute(session, score, &s), 0);
    double perplexity = exp(s.nll / (double)s.n), top1 = (double)s.agree / (double)s.n;
    print_message("  perplexity %.4f, reference %.4f (%+.3f %%); top-1 agreement %.4f, the peer's %.4f\n", perplexity, ref->perplexity,
                  100 * (perplexity / ref->perplexity - 1), top1, ref->peer_top1);
    assert_true(fabs(perplexity / ref->perplexity - 1) <= 0.005);
    assert_true(top1 >= ref->peer_top1);
}

/* --- greedy answers, along the reference's ids --- */

struct steps { const struct reference *ref; int prompt; bool differed; };

static int step(void *context, size_t position, const float *logits, size_t vocabulary)
{
    struct steps *s = context;
    const struct greedy *g = &s->ref->greedy[s->prompt];
    if (position + 1 < g->n_prompt || s->differed)
        return 0;
    size_t i = position + 1 - g->n_prompt, best = best_of(logits, vocabulary);
    double squares = 0;
    for (int k = 0; k < PROBES; k++) {
        double difference = logits[s->ref->probe_ids[k]] - s->ref->probe[s->prompt][i][k];
        squares += difference * difference;
    }
    if (best == (size_t)g->ids[i])
        return 0;
    double rms = sqrt(squares / PROBES), gap = g->top[i][0] - g->top[i][1];
    print_message("  prompt %d differs first at step %zu: ours %zu, reference %d; gap of its two best %.4f, rms error here %.4f\n", s->prompt, i,
                  best, g->ids[i], gap, rms);
    s->differed = true;
    return gap < 3 * rms ? 0 : 1;
}

static void check_greedy(struct trill_session *session, const struct reference *ref)
{
    int equal = 0;
    for (int i = 0; i < PROMPTS; i++) {
        struct steps s = { .ref = ref, .prompt = i };
        const struct greedy *g = &ref->greedy[i];
        assert_int_equal(trill_session_set(session, NULL, 0), 0);
        assert_int_equal(trill_session_append(session, g->prompt, g->n_prompt), 0);
        assert_int_equal(trill_session_append(session, g->ids, STEPS - 1), 0);
        assert_int_equal(trill_session_compute(session, step, &s), 0);
        equal += !s.differed;
    }
    print_message("  %d of %d greedy continuations of %d tokens are equal, the others up to a near-tie\n", equal, PROMPTS, STEPS);
}

static void check(const char *name, const char *file)
{
    char path[600];
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    snprintf(path, sizeof(path), "%s%s/trill/%s", cache ? cache : home ? home : "", cache ? "" : "/.cache", file);
    if (access(path, R_OK) != 0) {
        print_message("%s is not there: tool/fetch-models all\n", path);
        skip();
    }
    struct reference *ref = calloc(1, sizeof(*ref));
    struct trill_model *model;
    struct trill_session *session;
    read_reference(name, ref);
    if (trill_model_open(path, NULL, &model) < 0)
        fail_msg("%s", trill_error());
    assert_int_equal(trill_session_open(model, &session), 0);
    print_message("%s\n", name);
    if (!getenv("TRILL_FAST"))
        check_text(session, ref);
    check_greedy(session, ref);
    trill_session_close(session);
    trill_model_close(model);
    free(ref);
}

static void test_smollm2(void **state) { (void)state; check("smollm2", "smollm2-135m-instruct.gguf"); }
static void test_gemma3(void **state) { (void)state; check("gemma3", "gemma-3-270m.gguf"); }

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_smollm2), cmocka_unit_test(test_gemma3) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
