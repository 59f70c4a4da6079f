/* SPDX-License-Identifier: MIT */
/* The report as JSON, and the student's file put in its place. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "compress/distill_impl.h"

enum { COPY_BYTES = 1 << 20 };

int tl_distill_finish(struct tl_distilling *d)
{
    struct tl_buffer recipe;
    struct tl_file *from = NULL;
    struct tl_outfile *to = NULL;
    uint8_t digest[TL_SHA256_BYTES];
    tl_buffer_init(&recipe, 0);
    tl_distill_recipe(d, false, &recipe);
    tl_sha256_of(recipe.data ? recipe.data : "", recipe.len, digest);
    tl_sha256_hex(digest, d->ret->digest);
    tl_buffer_done(&recipe);
    TL_AUTO uint8_t *bytes = tl_alloc(COPY_BYTES, 1);
    int status = bytes ? tl_file_open(d->student_file, &from) : TL_E_NOMEM;
    if (status >= 0)
        status = tl_outfile_open(d->settled.output, &to);
    for (uint64_t at = 0; status >= 0 && at < from->size_bytes; at += COPY_BYTES) {
        size_t n = from->size_bytes - at < COPY_BYTES ? (size_t)(from->size_bytes - at) : COPY_BYTES;
        status = tl_file_read(from, at, bytes, n);
        if (status >= 0)
            status = tl_outfile_write(to, bytes, n);
    }
    if (status >= 0)
        status = tl_outfile_commit(to);
    tl_outfile_close(to);
    tl_file_close(from);
    return status;
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

void tl_distill_survey_write(const struct tl_distill_survey *s, struct tl_buffer *json)
{
    const struct { const char *name; uint64_t value; } counts[] = {
        {"documents", s->documents}, {"corpus_tokens", s->corpus_tokens}, {"held_tokens", s->held_tokens}, {"requests", s->requests},
        {"write_tokens", s->write_tokens}, {"sweep_tokens", s->sweep_tokens}, {"train_tokens", s->train_tokens},
        {"student_parameters", s->student_parameters}, {"disk_bytes", s->disk_bytes}, {"disk_room_bytes", s->disk_room},
    };
    tl_buffer_printf(json, "{");
    tl_buffer_json_member(json, "teacher", s->teacher_name);
    tl_buffer_json_member(json, "student", s->student_name);
    tl_buffer_printf(json, ",\"same_vocabulary\":%s,\"writes\":%s,\"sweeps\":%s", s->same_vocabulary ? "true" : "false", s->writes ? "true" : "false",
                     s->sweeps ? "true" : "false");
    for (size_t i = 0; i < TL_COUNT(counts); i++)
        tl_buffer_printf(json, ",\"%s\":%" PRIu64, counts[i].name, counts[i].value);
    tl_buffer_printf(json, "}");
}

static void put_mean(struct tl_buffer *json, const char *key, const struct tl_eval_mean *mean)
{
    if (mean->n)
        tl_buffer_printf(json, ",\"%s\":%.6g,\"%s_se\":%.4g", key, mean->mean, key, mean->se);
}

static void put_side(struct tl_buffer *json, const char *key, const struct tl_distill_side *side)
{
    const struct tl_trained *t = &side->trained;
    if (!side->made && !t->last.step)
        return;
    tl_buffer_printf(json, ",\"%s\":{\"steps\":%" PRIu64 ",\"tokens\":%" PRIu64 ",\"train_seconds\":%.6g", key, t->last.step, t->last.tokens, t->seconds);
    if (t->last.step)
        tl_buffer_printf(json, ",\"train_loss\":%.6g,\"train_nll\":%.6g", t->last.loss, t->last.nll);
    put_mean(json, "nll", &side->nll);
    if (side->nll.n)
        tl_buffer_printf(json, ",\"perplexity\":%.6g,\"perplexity_se\":%.4g,\"held_tokens\":%" PRIu64, exp(side->nll.mean),
                         exp(side->nll.mean) * side->nll.se, side->nll.n);
    put_mean(json, "kl", &side->kl);
    tl_buffer_printf(json, "}");
}

/* Positive: the distilled student is better; errors: how many standard errors that is. */
static void put_gain(struct tl_buffer *json, const char *key, const struct tl_eval_mean *gain, bool first)
{
    if (!gain->n)
        return;
    tl_buffer_printf(json, "%s\"%s\":{\"gain\":%.6g,\"se\":%.4g,\"standard_errors\":%.4g,\"better\":\"%s\"}", first ? "" : ",", key, gain->mean, gain->se,
                     gain->se > 0 ? gain->mean / gain->se : 0, fabs(gain->mean) <= 2 * gain->se ? "neither" : gain->mean > 0 ? "student" : "control");
}

void tl_distilled_write(const struct tl_distilled *r, struct tl_buffer *json)
{
    tl_buffer_printf(json, "{\"survey\":");
    tl_distill_survey_write(&r->survey, json);
    tl_buffer_printf(json, ",\"recipe_sha256\":\"%s\",\"stages\":%" PRIu32 ",\"stages_found\":%" PRIu32 ",\"write_seconds\":%.4g,\"sweep_seconds\":%.4g",
                     r->digest, r->stages, r->stages_found, r->write_seconds, r->sweep_seconds);
    if (r->survey.writes) {
        tl_buffer_printf(json, ",\"written\":");
        tl_distill_kept_write(&r->kept, json);
    }
    if (r->teacher_nll >= 0)
        tl_buffer_printf(json, ",\"teacher\":{\"nll\":%.6g,\"perplexity\":%.6g}", r->teacher_nll, exp(r->teacher_nll));
    put_side(json, "start", &r->start);
    put_side(json, "student", &r->student);
    put_side(json, "control", &r->control);
    if (r->nll_gain.n) {
        tl_buffer_printf(json, ",\"against_control\":{");
        put_gain(json, "nll", &r->nll_gain, true);
        put_gain(json, "kl", &r->kl_gain, false);
        tl_buffer_printf(json, "}");
    }
    tl_buffer_printf(json, "}");
}
