/* SPDX-License-Identifier: MIT */
/* Two passes over the answers: one for the bound on likelihoods, one that judges and writes. A verifier reads the answer on its
 * standard input and finds the line that it answers in $TRILL_LINE, as long as an environment holds it. */
#include "compress/distill_keep.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"
#include "compress/distill_ask.h"
#include "compress/reply.h"
#include "compress/verify.h"

enum { MOST_LINE = 60000 };              /* bytes that a verifier is told */

struct keeping {
    const struct tl_distill_keep *how;
    struct tl_batch_input *requests, *answers, *prompts;
    struct tl_distill_filter *filter;
    struct tl_outfile *file;
    struct tl_progress *progress;
    struct tl_distill_kept *kept;
    struct tl_buffer line, command, out;
    double *nll;                         /* [n_nll] means of the first pass */
    uint64_t n_nll, cap_nll;
};

static double mean(const struct tl_reply_choice *choice) { return choice->tokens ? choice->nll / (double)choice->tokens : 0; }

static int read_reply(struct keeping *k, uint64_t i, struct tl_reply *ret_reply)
{
    char where[64];
    int status = tl_distill_line(k->answers, i, &k->line);
    snprintf(where, sizeof(where), "answer %" PRIu64, i + 1);
    *ret_reply = (struct tl_reply){0};
    if (status >= 0)
        status = tl_reply_read(where, k->line.data ? k->line.data : "", k->line.len, ret_reply);
    return status == TL_E_FILE ? TL_E_FAIL : status;
}

/* --- the bound ---------------------------------------------------------------------------------------------------- */

static int find_bound(struct keeping *k)
{
    int status = tl_progress_begin(k->progress, "reading answers", 0, k->answers->n_lines, "answers");
    for (uint64_t i = 0; i < k->answers->n_lines && status >= 0; i++) {
        struct tl_reply reply;
        status = read_reply(k, i, &reply);
        for (uint64_t c = 0; c < reply.n && status >= 0; c++) {
            status = tl_grow((void **)&k->nll, k->n_nll, &k->cap_nll, sizeof(*k->nll));
            if (status >= 0 && reply.choice[c].tokens)
                k->nll[k->n_nll++] = mean(&reply.choice[c]);
        }
        tl_reply_done(&reply);
        if (status >= 0)
            status = tl_progress_move(k->progress, i + 1);
    }
    k->kept->bound = tl_distill_filter_bound(k->nll, k->n_nll, k->how->unlikely_share);
    return status;
}

/* --- verifying ---------------------------------------------------------------------------------------------------- */

/* The line of the prompts that a request came from, by its custom_id. */
static int line_of(struct keeping *k, const char *request, size_t n_bytes, struct tl_buffer *ret_line)
{
    struct tl_json json;
    uint64_t number = 0;
    tl_json_init(&json, "request", request, n_bytes);
    int status = tl_json_next(&json);
    while (status >= 0 && (status = tl_json_next(&json)) == TL_JSON_KEY) {
        if (!tl_json_is(&json, "custom_id")) {
            status = tl_json_skip(&json);
            continue;
        }
        status = tl_json_next(&json);
        if (status >= 0 && (!tl_parse_u64(json.string.data, json.string.len, &number) || number >= k->prompts->n_lines))
            status = tl_json_fail(&json, "the number of a prompt");
    }
    tl_json_done(&json);
    return status < 0 ? status : tl_distill_line(k->prompts, number, ret_line);
}

/* TRILL_LINE='...' before the command, quoted for the shell. */
static int write_command(struct keeping *k, const struct tl_buffer *request)
{
    struct tl_buffer line;
    tl_buffer_init(&line, 0);
    int status = k->prompts ? line_of(k, request->data, request->len, &line) : 0;
    tl_buffer_clear(&k->command);
    if (status >= 0 && line.len && line.len < MOST_LINE) {
        tl_buffer_printf(&k->command, "TRILL_LINE='");
        for (size_t i = 0; i < line.len; i++)
            tl_buffer_append(&k->command, line.data[i] == '\'' ? "'\\''" : line.data + i, line.data[i] == '\'' ? 4 : 1);
        tl_buffer_printf(&k->command, "'\nexport TRILL_LINE\n");
    }
    tl_buffer_printf(&k->command, "%s", k->how->verify);
    tl_buffer_done(&line);
    return status < 0 ? status : k->command.status;
}

static int verify(struct keeping *k, const struct tl_buffer *request, const struct tl_reply_choice *choice, enum tl_distill_why *why)
{
    bool right = false;
    int status = write_command(k, request);
    if (status >= 0)
        status = tl_verify(k->command.data, choice->text, choice->n_bytes, k->how->verify_seconds, k->progress, &right);
    if (status >= 0 && !right)
        *why = TL_DISTILL_UNVERIFIED;
    return status;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* Of a request's body its prompt, unescaped, or its messages as they are. */
static int take_body(struct tl_json *json, struct tl_buffer *prompt, struct tl_buffer *messages)
{
    int status = tl_json_next(json);
    while (status >= 0 && (status = tl_json_next(json)) == TL_JSON_KEY) {
        bool is_prompt = tl_json_is(json, "prompt");
        if (tl_json_is(json, "messages")) {
            status = tl_openai_raw(json, messages);
        } else if (is_prompt) {
            status = tl_json_next(json);
            if (status >= 0)
                tl_buffer_append(prompt, json->string.data ? json->string.data : "", json->string.len);
        } else {
            status = tl_json_skip(json);
        }
    }
    return status < 0 ? status : 0;
}

static int take_request(const struct tl_buffer *request, struct tl_buffer *prompt, struct tl_buffer *messages)
{
    struct tl_json json;
    tl_json_init(&json, "request", request->data, request->len);
    int status = tl_json_next(&json);
    while (status >= 0 && (status = tl_json_next(&json)) == TL_JSON_KEY)
        status = tl_json_is(&json, "body") ? take_body(&json, prompt, messages) : tl_json_skip(&json);
    tl_json_done(&json);
    return status < 0 ? status : 0;
}

/* The texts of messages, a line between them, for students without a template. */
static int flatten(const struct tl_buffer *messages, struct tl_buffer *out)
{
    struct tl_json json;
    tl_json_init(&json, "messages", messages->data, messages->len);
    int status = tl_json_next(&json);
    while (status >= 0 && (status = tl_json_next(&json)) != TL_JSON_END) {
        bool content = status == TL_JSON_KEY && tl_json_is(&json, "content");
        if (content && (status = tl_json_next(&json)) == TL_JSON_STRING) {
            tl_buffer_append(out, json.string.data ? json.string.data : "", json.string.len);
            tl_buffer_append(out, "\n", 1);
        }
    }
    tl_json_done(&json);
    return status;
}

static int write_kept(struct keeping *k, const struct tl_buffer *request, const struct tl_reply_choice *choice)
{
    struct tl_buffer prompt, messages;
    tl_buffer_init(&prompt, 0);
    tl_buffer_init(&messages, 0);
    int status = take_request(request, &prompt, &messages);
    bool chat = messages.len > 2 && k->how->chats;
    if (status >= 0 && messages.len && !chat)
        status = flatten(&messages, &prompt);
    tl_buffer_clear(&k->out);
    if (chat) {
        tl_buffer_printf(&k->out, "{\"messages\":%.*s,{\"role\":\"assistant\",\"content\":", (int)messages.len - 1, messages.data);
        tl_buffer_json_string(&k->out, choice->text, choice->n_bytes);
        tl_buffer_printf(&k->out, "}]}\n");
    } else {
        tl_buffer_append(&prompt, choice->text, choice->n_bytes);
        tl_buffer_printf(&k->out, "{\"text\":");
        tl_buffer_json_string(&k->out, prompt.data ? prompt.data : "", prompt.len);
        tl_buffer_printf(&k->out, "}\n");
    }
    tl_buffer_done(&prompt);
    tl_buffer_done(&messages);
    if (status >= 0)
        status = k->out.status;
    return status < 0 ? status : tl_outfile_write(k->file, k->out.data, k->out.len);
}

/* --- judging ------------------------------------------------------------------------------------------------------ */

static int judge(struct keeping *k, const struct tl_buffer *request, const struct tl_reply_choice *choice)
{
    enum tl_distill_why why = choice->cut && !k->how->keep_cut                        ? TL_DISTILL_CUT
                            : choice->tokens && mean(choice) > k->kept->bound         ? TL_DISTILL_UNLIKELY
                                                                                      : TL_DISTILL_KEPT;
    int status = why == TL_DISTILL_KEPT ? tl_distill_filter_judge(k->filter, choice->text, choice->n_bytes, &why) : 0;
    if (status >= 0 && why == TL_DISTILL_KEPT && k->how->verify)
        status = verify(k, request, choice, &why);
    if (status >= 0 && why == TL_DISTILL_KEPT) {
        k->kept->tokens += choice->tokens;
        k->kept->nll += choice->nll;
        status = write_kept(k, request, choice);
    }
    k->kept->count[why]++;
    return status;
}

static int judge_all(struct keeping *k)
{
    struct tl_buffer request;
    tl_buffer_init(&request, 0);
    int status = tl_progress_begin(k->progress, "judging answers", 0, k->answers->n_lines, "answers");
    for (uint64_t i = 0; i < k->answers->n_lines && status >= 0; i++) {
        struct tl_reply reply;
        status = read_reply(k, i, &reply);
        if (status >= 0)
            status = tl_distill_line(k->requests, i, &request);
        k->kept->count[TL_DISTILL_FAILED] += status >= 0 && !reply.n;
        for (uint64_t c = 0; c < reply.n && status >= 0; c++)
            status = judge(k, &request, &reply.choice[c]);
        tl_reply_done(&reply);
        if (status >= 0)
            status = tl_progress_move(k->progress, i + 1);
    }
    tl_buffer_done(&request);
    return status;
}

static int prepare(struct keeping *k, const char *requests, const char *answers, const char *output)
{
    int status = tl_batch_input_open(requests, NULL, &k->requests);
    if (status >= 0)
        status = tl_batch_input_open(answers, NULL, &k->answers);
    if (status >= 0 && k->how->prompts)
        status = tl_batch_input_open(k->how->prompts, NULL, &k->prompts);
    if (status >= 0 && k->requests->n_lines != k->answers->n_lines)
        status = tl_fail(TL_E_FAIL, "%s: %" PRIu64 " lines for %" PRIu64 " requests; remove it to have it written again", answers,
                         k->answers->n_lines, k->requests->n_lines);
    if (status >= 0)
        status = tl_distill_filter_new(&k->how->filter, &k->filter);
    return status < 0 ? status : tl_outfile_open(output, &k->file);
}

static void clean_up(struct keeping *k)
{
    tl_outfile_close(k->file);
    tl_distill_filter_free(k->filter);
    tl_batch_input_close(k->requests);
    tl_batch_input_close(k->answers);
    tl_batch_input_close(k->prompts);
    tl_buffer_done(&k->line);
    tl_buffer_done(&k->command);
    tl_buffer_done(&k->out);
    tl_free(k->nll);
}

static int nothing_left(const struct tl_distill_kept *kept)
{
    enum tl_distill_why most = TL_DISTILL_FAILED;
    for (int i = TL_DISTILL_FAILED; i < TL_DISTILL_WHYS; i++)
        most = kept->count[i] > kept->count[most] ? (enum tl_distill_why)i : most;
    return tl_fail(TL_E_USAGE, "of what the teacher wrote nothing is left to learn; most of it: %s", tl_distill_whys[most].meaning);
}

int tl_distill_keep(const struct tl_distill_keep *how, const char *requests, const char *answers, const char *output,
                    struct tl_progress *progress, struct tl_distill_kept *ret_kept)
{
    struct keeping k = {.how = how, .progress = progress, .kept = ret_kept};
    *ret_kept = (struct tl_distill_kept){0};
    tl_buffer_init(&k.line, 0);
    tl_buffer_init(&k.command, 0);
    tl_buffer_init(&k.out, 0);
    int status = prepare(&k, requests, answers, output);
    if (status >= 0)
        status = find_bound(&k);
    if (status >= 0)
        status = judge_all(&k);
    if (status >= 0 && !ret_kept->count[TL_DISTILL_KEPT])
        status = nothing_left(ret_kept);
    if (status >= 0)
        status = tl_outfile_commit(k.file);
    ret_kept->nll = ret_kept->tokens ? ret_kept->nll / (double)ret_kept->tokens : 0;
    clean_up(&k);
    return status;
}

void tl_distill_kept_write(const struct tl_distill_kept *kept, struct tl_buffer *json)
{
    tl_buffer_printf(json, "{\"tokens\":%" PRIu64 ",\"mean_log_likelihood\":%.6g", kept->tokens, -kept->nll);
    if (isfinite(kept->bound))
        tl_buffer_printf(json, ",\"least_log_likelihood\":%.6g", -kept->bound);
    for (int i = 0; i < TL_DISTILL_WHYS; i++)
        tl_buffer_printf(json, ",\"%s\":%" PRIu64, tl_distill_whys[i].name, kept->count[i]);
    tl_buffer_printf(json, "}");
}

int tl_distill_kept_read(const char *text, struct tl_distill_kept *ret_kept)
{
    struct tl_json json;
    *ret_kept = (struct tl_distill_kept){.bound = INFINITY};
    tl_json_init(&json, "what was kept", text, strlen(text));
    int status = tl_json_next(&json);
    while (status >= 0 && (status = tl_json_next(&json)) == TL_JSON_KEY) {
        uint64_t *count = tl_json_is(&json, "tokens") ? &ret_kept->tokens : NULL;
        double *value = tl_json_is(&json, "mean_log_likelihood") ? &ret_kept->nll : tl_json_is(&json, "least_log_likelihood") ? &ret_kept->bound : NULL;
        for (int i = 0; i < TL_DISTILL_WHYS; i++)
            count = tl_json_is(&json, tl_distill_whys[i].name) ? &ret_kept->count[i] : count;
        status = count ? tl_json_u64(&json, UINT64_MAX / 2, count) : value ? tl_json_f64(&json, value) : tl_json_skip(&json);
        if (value)
            *value = -*value;
    }
    tl_json_done(&json);
    return status < 0 ? status : 0;
}
