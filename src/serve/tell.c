/* SPDX-License-Identifier: MIT */
/* What a server tells of its work: /metrics for Prometheus, /props and /slots as llama.cpp has them, and /trill/live, which the
 * page draws from (docs/serve.md). Nothing here waits for a step of the model. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "serve/routes.h"
#include "serve/server.h"
#include "serve/state.h"

struct work { uint32_t running, waiting; double cache_share; };
struct room { uint32_t context, sessions; };

/* Of the open model, or the last one. */
static struct room room_of(struct tl_models *models)
{
    pthread_mutex_lock(&models->lock);
    struct room room = {models->figures.context, models->figures.sessions};
    pthread_mutex_unlock(&models->lock);
    return room;
}

/* Tokens of what runs, as a share of what the sessions can hold. */
static struct work work_of(struct tl_server *server)
{
    struct tl_answers *answers = &server->answers;
    struct work work = {.waiting = (uint32_t)tl_queue_waiting(&answers->queue)};
    struct room room = room_of(&server->models);
    double held = 0, most = (double)room.context * room.sessions;
    pthread_mutex_lock(&answers->lock);
    work.running = answers->n_running;
    for (const struct tl_task *task = answers->tasks; task; task = task->next)
        held += task->first_ns ? (double)task->prompt_tokens + task->pieces : 0;
    pthread_mutex_unlock(&answers->lock);
    work.cache_share = held < most ? held / most : most > 0;
    return work;
}

static double tokens_per_s(uint64_t tokens, double seconds)
{
    return seconds > 0 ? (double)tokens / seconds : 0;
}

/* --- metrics -------------------------------------------------------------------------------------------------------------- */

struct extra { const char *name, *type, *labels, *help; double value; };

static void write_extra(struct tl_buffer *out, const char *prefix, const char *model, const struct extra *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(rows[i].name, rows[i - 1].name) != 0)
            tl_metrics_head(out, prefix, rows[i].name, rows[i].type, rows[i].help);
        tl_metrics_sample(out, prefix, rows[i].name, model, rows[i].labels, rows[i].value);
    }
}

static void write_model_metrics(struct tl_server *server, const char *prefix, const char *model, struct tl_buffer *out)
{
    struct trill_model_figures f = {0};
    struct trill_model *open = tl_models_glance(&server->models);
    struct work work = work_of(server);
    struct tl_cost *cost = &server->cost;
    if (open) {
        trill_model_figures(open, &f, sizeof(f));
        tl_models_leave(&server->models);
    }
    pthread_mutex_lock(&cost->lock);
    const struct extra rows[] = {
        {"num_requests_running", "gauge", "", "Answers that run.", work.running},
        {"num_requests_waiting", "gauge", "", "Answers that wait.", work.waiting},
        {"kv_cache_usage_perc", "gauge", "", "Share of the sessions' tokens that is held, 0 to 1.", work.cache_share},
        {"model_ready", "gauge", "", "1: the model is open.", open != NULL},
        {"context_tokens", "gauge", "", "Tokens that a session may hold.", f.context},
        {"sessions", "gauge", "", "Answers at a time.", f.sessions},
        {"memory_peak_bytes", "gauge", "", "Memory of the process, at most so far.", (double)tl_cpu_peak_rss()},
        {"weight_bytes_read_total", "counter", "tier=\"memory\"", "Bytes of weights that steps read, by where they were.", (double)f.memory_bytes},
        {"weight_bytes_read_total", "counter", "tier=\"drive\"", "", (double)f.drive_bytes},
        {"weight_bytes_missed_total", "counter", "", "Bytes of weights that steps needed and that were not in memory.", (double)f.missed_bytes},
        {"expert_hits_total", "counter", "tier=\"memory\"", "Routed experts found in memory.", (double)f.expert_hits},
        {"expert_misses_total", "counter", "tier=\"memory\"", "Routed experts that the drive had to bring.", (double)f.expert_misses},
        {"lookahead_reads_total", "counter", "", "Experts read before they were asked for.", (double)f.lookahead_reads},
        {"lookahead_uses_total", "counter", "", "Of these, used.", (double)f.lookahead_uses},
        {"drive_busy_seconds_total", "counter", "", "Seconds with a read of the drive under way.", f.drive_busy_seconds},
        {"stall_seconds_total", "counter", "", "Seconds in which a step waited for the drive.", f.stall_seconds},
        {"step_seconds_total", "counter", "kind=\"prefill\"", "Seconds in steps.", f.prefill_seconds},
        {"step_seconds_total", "counter", "kind=\"decode\"", "", f.decode_seconds},
        {"step_tokens_total", "counter", "kind=\"prefill\"", "Tokens computed in steps.", (double)f.prefill_tokens},
        {"step_tokens_total", "counter", "kind=\"decode\"", "", (double)f.decode_tokens},
        {"joules_total", "counter", cost->measured ? "source=\"measured\"" : "source=\"estimated\"", "Energy since the model was opened.", cost->joules},
        {"money_total", "counter", "", "Electricity and hours since the model was opened, at the machine's prices.", cost->money},
    };
    pthread_mutex_unlock(&cost->lock);
    write_extra(out, prefix, model, rows, sizeof(rows) / sizeof(*rows));
}

int tl_metrics_get(struct tl_exchange *exchange)
{
    struct tl_server *server = exchange->server;
    const char *names = server->options->metrics_names, *prefix = names && strcmp(names, "vllm") == 0 ? "vllm:" : "trill:";
    struct tl_buffer body;
    tl_buffer_init(&body, 0);
    tl_metrics_write(&server->metrics, prefix, tl_models_name(&server->models), &body);
    write_model_metrics(server, prefix, tl_models_name(&server->models), &body);
    tl_exchange_reply(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
    return 0;
}

/* --- as llama.cpp --------------------------------------------------------------------------------------------------------- */

int tl_props_get(struct tl_exchange *exchange)
{
    struct tl_server *server = exchange->server;
    struct trill_model *open = tl_models_glance(&server->models);
    const struct trill_model_figures *f = &server->models.figures;
    struct tl_buffer body;
    if (!open) {
        tl_exchange_fail(exchange, 503, "the model is not open", "loading");
        return 0;
    }
    tl_buffer_init(&body, 0);
    tl_buffer_printf(&body, "{\"default_generation_settings\":{\"n_ctx\":%u,\"params\":%s},\"total_slots\":%u,\"n_ctx\":%u", f->context,
                     server->options->defaults ? server->options->defaults : "{}", f->sessions, f->context);
    tl_buffer_json_member(&body, "model_alias", tl_models_name(&server->models));
    tl_buffer_json_member(&body, "model_path", server->options->models[server->models.current].path);
    tl_buffer_printf(&body, ",\"modalities\":{\"vision\":false,\"audio\":false},\"chat_template_caps\":{\"supports_chat\":%s}",
                     trill_model_has_chat(open) > 0 ? "true" : "false");
    tl_buffer_printf(&body, ",\"build_info\":\"trill %s\"}\n", trill_version());
    tl_models_leave(&server->models);
    tl_exchange_reply(exchange, 200, NULL, &body);
    return 0;
}

int tl_slots_get(struct tl_exchange *exchange)
{
    struct tl_server *server = exchange->server;
    struct tl_answers *answers = &server->answers;
    struct room room = room_of(&server->models);
    struct tl_buffer body;
    uint32_t slot = 0;
    tl_buffer_init(&body, 0);
    tl_buffer_append(&body, "[", 1);
    pthread_mutex_lock(&answers->lock);
    for (const struct tl_task *task = answers->tasks; task && slot < room.sessions; task = task->next) {
        if (!task->first_ns)
            continue;
        tl_buffer_printf(&body, "%s{\"id\":%u,\"n_ctx\":%u,\"is_processing\":true,\"id_task\":\"%s\",\"n_decoded\":%u}", slot ? "," : "", slot,
                         room.context, task->id, task->pieces);
        slot++;
    }
    pthread_mutex_unlock(&answers->lock);
    for (; slot < room.sessions; slot++)
        tl_buffer_printf(&body, "%s{\"id\":%u,\"n_ctx\":%u,\"is_processing\":false}", slot ? "," : "", slot, room.context);
    tl_buffer_append(&body, "]\n", 2);
    tl_exchange_reply(exchange, 200, NULL, &body);
    return 0;
}

/* --- live ----------------------------------------------------------------------------------------------------------------- */

static void write_open_model(const struct tl_models *models, struct tl_buffer *out)
{
    const struct trill_model_figures *f = &models->figures;
    if (models->state != TL_MODELS_READY)
        return;
    tl_buffer_printf(out, ",\"parameters\":%" PRIu64 ",\"active_parameters\":%" PRIu64 ",\"weight_bytes\":%" PRIu64 ",\"bytes_per_token\":%" PRIu64
                     ",\"context\":%u,\"sessions\":%u,\"threads\":%u,\"experts\":%u,\"expert_frames\":%u,\"expert_bytes\":%" PRIu64
                     ",\"passing_bytes\":%" PRIu64 ",\"budget_bytes\":%" PRIu64 ",\"planned_bytes\":%" PRIu64 ",\"load_s\":%.3f",
                     f->parameters, f->active_parameters, f->weight_bytes, f->bytes_per_token, f->context, f->sessions, f->threads, f->experts,
                     f->expert_frames, f->expert_bytes, f->passing_bytes, f->budget_bytes, f->planned_bytes, f->load_seconds);
    tl_buffer_json_member(out, "architecture", f->architecture);
    tl_buffer_json_member(out, "format", f->format);
    tl_buffer_json_member(out, "kv", f->kv);
    tl_buffer_json_member(out, "cpu", f->cpu);
}

static const char *phase_of(const struct tl_task *task)
{
    return task->gone ? "cancelling" : !task->first_ns ? "queued" : task->stream && task->pieces < 2 ? "prefill" : "decode";
}

static void write_running(struct tl_answers *answers, struct tl_buffer *out)
{
    bool more = false;
    tl_buffer_printf(out, ",\"running\":[");
    for (const struct tl_task *task = answers->tasks; task; task = task->next, more = true)
        tl_buffer_printf(out, "%s{\"id\":\"%s\",\"form\":\"%s\",\"phase\":\"%s\",\"began\":%" PRId64 ",\"seconds\":%.3f,\"parts\":%u,\"prompt_tokens\":%" PRIu64
                         ",\"tokens\":%u,\"stream\":%s}", more ? "," : "", task->id, task->form, phase_of(task), task->began, tl_clock_seconds(task->began_ns),
                         task->entry.n_parts, task->prompt_tokens, task->pieces > 1 ? task->pieces - 1 : 0, task->stream ? "true" : "false");
    tl_buffer_append(out, "]", 1);
}

static void write_amount(struct tl_buffer *out, const char *name, double value)
{
    if (value < 0)
        tl_buffer_printf(out, ",\"%s\":null", name);
    else
        tl_buffer_printf(out, ",\"%s\":%.9g", name, value);
}

static void write_note(const struct tl_answer_note *note, struct tl_buffer *out)
{
    const struct trill_answered *a = &note->sums;
    tl_buffer_printf(out, "{\"id\":\"%s\",\"form\":\"%s\",\"finish\":\"%s\",\"began\":%" PRId64 ",\"seconds\":%.4f,\"queue_s\":%.4f,\"parts\":%u",
                     note->id, note->form, note->finish, note->began, note->seconds, note->queue_seconds, note->parts);
    tl_buffer_json_member(out, "model", note->model);
    tl_buffer_printf(out, ",\"prompt_tokens\":%u,\"reused_tokens\":%u,\"tokens\":%u,\"reasoning_tokens\":%u,\"tool_calls\":%u,\"drafted_tokens\":%u"
                     ",\"accepted_tokens\":%u,\"first_token_s\":%.4f,\"prefill_s\":%.4f,\"decode_s\":%.4f,\"step_s\":%.4f,\"stall_s\":%.4f",
                     a->prompt_tokens, a->reused_tokens, a->tokens, a->reasoning_tokens, a->tool_calls, a->drafted_tokens, a->accepted_tokens,
                     a->first_token_seconds, a->prefill_seconds, a->decode_seconds, a->step_seconds, a->stall_seconds);
    tl_buffer_printf(out, ",\"memory_bytes\":%" PRIu64 ",\"drive_bytes\":%" PRIu64 ",\"expert_hits\":%" PRIu64 ",\"expert_misses\":%" PRIu64,
                     a->memory_bytes, a->drive_bytes, a->expert_hits, a->expert_misses);
    write_amount(out, "joules", note->joules);
    write_amount(out, "money", note->money);
    tl_buffer_append(out, "}", 1);
}

static void write_answers(struct tl_server *server, struct tl_buffer *out)
{
    struct tl_answers *answers = &server->answers;
    uint64_t waiting = tl_queue_waiting(&answers->queue);
    pthread_mutex_lock(&answers->lock);
    tl_buffer_printf(out, ",\"queue\":{\"waiting\":%" PRIu64 ",\"limit\":%" PRIu64 ",\"running\":%u}", waiting, answers->queue.limit, answers->n_running);
    write_running(answers, out);
    tl_buffer_printf(out, ",\"answers\":[");
    uint64_t n = answers->n_kept < TL_ANSWERS_KEPT ? answers->n_kept : TL_ANSWERS_KEPT;
    for (uint64_t i = 0; i < n; i++) {
        tl_buffer_append(out, ",", i > 0);
        write_note(&answers->kept[(answers->n_kept - 1 - i) % TL_ANSWERS_KEPT], out);
    }
    tl_buffer_append(out, "]", 1);
    pthread_mutex_unlock(&answers->lock);
}

/* Of the last seconds. */
static void write_rates(struct tl_cost *cost, struct tl_buffer *out)
{
    struct tl_cost_sample a, b;
    if (!tl_cost_span(cost, &a, &b)) {
        tl_buffer_printf(out, ",\"rates\":null");
        return;
    }
    const struct trill_model_figures *p = &a.figures, *q = &b.figures;
    double seconds = (double)(b.at_ns - a.at_ns) * 1e-9, busy = q->prefill_seconds + q->decode_seconds - p->prefill_seconds - p->decode_seconds;
    uint64_t hits = q->expert_hits - p->expert_hits, misses = q->expert_misses - p->expert_misses;
    tl_buffer_printf(out, ",\"rates\":{\"span_s\":%.3f,\"memory_bytes_per_s\":%.0f,\"drive_bytes_per_s\":%.0f,\"drive_duty\":%.4f,\"busy_share\":%.4f,"
                     "\"stall_share\":%.4f,\"prefill_tokens_per_s\":%.2f,\"decode_tokens_per_s\":%.2f", seconds,
                     tokens_per_s(q->memory_bytes - p->memory_bytes, seconds), tokens_per_s(q->drive_bytes - p->drive_bytes, seconds),
                     (q->drive_busy_seconds - p->drive_busy_seconds) / seconds, busy / seconds, (q->stall_seconds - p->stall_seconds) / seconds,
                     tokens_per_s(q->prefill_tokens - p->prefill_tokens, seconds), tokens_per_s(q->decode_tokens - p->decode_tokens, seconds));
    write_amount(out, "hit_share", hits + misses ? (double)hits / (double)(hits + misses) : -1);
    tl_buffer_append(out, "}", 1);
}

static void write_totals(struct tl_cost *cost, struct tl_buffer *out)
{
    pthread_mutex_lock(&cost->lock);
    const struct trill_model_figures none = {0}, *f = cost->n_samples ? &cost->sample[(cost->n_samples - 1) % TL_COST_SAMPLES].figures : &none;
    tl_buffer_printf(out, ",\"totals\":{\"prefill_tokens\":%" PRIu64 ",\"decode_tokens\":%" PRIu64 ",\"prefill_s\":%.3f,\"decode_s\":%.3f,\"stall_s\":%.3f"
                     ",\"drive_s\":%.3f,\"memory_bytes\":%" PRIu64 ",\"drive_bytes\":%" PRIu64 ",\"missed_bytes\":%" PRIu64 ",\"expert_hits\":%" PRIu64
                     ",\"expert_misses\":%" PRIu64, f->prefill_tokens, f->decode_tokens, f->prefill_seconds, f->decode_seconds, f->stall_seconds,
                     f->drive_busy_seconds, f->memory_bytes, f->drive_bytes, f->missed_bytes, f->expert_hits, f->expert_misses);
    write_amount(out, "joules", cost->priced ? cost->joules : -1);
    write_amount(out, "money", cost->priced ? cost->money : -1);
    write_amount(out, "watts", cost->priced ? cost->watts : -1);
    tl_buffer_printf(out, ",\"joules_source\":%s}", !cost->priced ? "null" : cost->measured ? "\"measured\"" : "\"estimated\"");
    tl_buffer_printf(out, ",\"limits\":{\"source\":\"machine\"");
    write_amount(out, "drive_bytes_per_s", cost->drive_bytes_per_s > 0 ? cost->drive_bytes_per_s : -1);
    write_amount(out, "memory_bytes_per_s", cost->memory_bytes_per_s > 0 ? cost->memory_bytes_per_s : -1);
    tl_buffer_append(out, "}", 1);
    pthread_mutex_unlock(&cost->lock);
}

int tl_live_get(struct tl_exchange *exchange)
{
    struct tl_server *server = exchange->server;
    struct tl_models *models = &server->models;
    struct tl_buffer body;
    tl_buffer_init(&body, 0);
    pthread_mutex_lock(&models->lock);
    tl_buffer_printf(&body, "{\"uptime_s\":%.3f,\"stopping\":%s,\"model\":{", tl_clock_seconds(server->began_ns), models->ends ? "true" : "false");
    tl_state_write_model(models, &body);
    write_open_model(models, &body);
    tl_buffer_printf(&body, "},\"parked\":%zu,\"models\":[", models->n_parked);
    for (size_t i = 0; i < models->options->n_models; i++) {
        tl_buffer_append(&body, ",", i > 0);
        tl_buffer_json_string(&body, models->options->models[i].name, strlen(models->options->models[i].name));
    }
    pthread_mutex_unlock(&models->lock);
    tl_buffer_printf(&body, "],\"peak_bytes\":%" PRIu64, tl_cpu_peak_rss());
    write_answers(server, &body);
    write_rates(&server->cost, &body);
    write_totals(&server->cost, &body);
    tl_buffer_append(&body, "}\n", 2);
    tl_exchange_set_header(exchange, "Cache-Control", "no-store");
    tl_exchange_reply(exchange, 200, NULL, &body);
    return 0;
}
