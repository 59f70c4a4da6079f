/* SPDX-License-Identifier: MIT */
/* trill: run, measure and teach large language models on ordinary machines.
 *
 * Opaque things: a model (weights under one memory budget), a session (one sequence of tokens), a job (long work), and an
 * account (what a run costs). Sessions of one model may be driven from any threads; the model's scheduler joins all that wait into one step.
 *
 * Rules: functions return a trill_status, >= 0 is good; the sentence for a failure is trill_error(), of the calling
 * thread. What comes back through ret_... is written only on success; what the caller must free says so. Text is UTF-8.
 * Structs begin with `size`: set by the ..._init function, so that programs built against an older header keep working; what
 * a newer header has and the library does not know comes back as zeros.
 * Pointers must not be NULL, with these exceptions: options structs (all as preset), callbacks, whatever says so, and what
 * a ..._close or trill_free gets. Lists and texts of length 0 may be NULL. `size` behind a ret_ struct is its sizeof.
 * A session or a job is one thread's at a time, all else may be called at any time; cancelling may come from anywhere.
 * The library prints nothing, never exits, and has no global state but that sentence. */
#ifndef TRILL_H
#define TRILL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRILL_API __attribute__((visibility("default")))
#define TRILL_VERSION "0.1.0"

enum trill_status {
    TRILL_OK = 0,
    TRILL_FAIL = -1,
    TRILL_USAGE = -2,        /* an argument is wrong */
    TRILL_BAD_FILE = -3,     /* a model file is damaged, hostile or not supported */
    TRILL_BUDGET = -4,       /* does not fit in the budget; the sentence says what would */
    TRILL_NO_MEMORY = -5,
    TRILL_IO = -6,
    TRILL_CANCELLED = -7
};

TRILL_API const char *trill_version(void);                            /* of the library that runs */
TRILL_API const char *trill_error(void);                              /* this thread's last failure; never NULL */
TRILL_API int trill_exit_code(int status);                            /* 0 done, 1 failed, 2 usage, 3 bad file, 4 budget, 130 interrupted */
TRILL_API void trill_free(void *memory);                              /* for everything "to be freed" below; NULL is fine */

/* --- model -------------------------------------------------------------------------------------------------------- */

struct trill_model;

enum trill_log_level { TRILL_LOG_INFO, TRILL_LOG_WARNING };

/* A LoRA adapter: a folder of PEFT or a GGUF of llama.cpp; scale: times its own, usually 1. */
struct trill_adapter { const char *path; float scale; };

struct trill_model_options {
    size_t size;
    uint32_t threads;                    /* 0: one per CPU that the process may use */
    uint64_t ram_bytes;                  /* the budget for all that the process takes; 0: what is available less a margin */
    uint32_t context;                    /* tokens a session may hold; 0: the model's own, as far as the budget allows */
    uint32_t sessions;                   /* sessions that are open at a time; 0: 1 */
    uint32_t chunk;                      /* tokens computed together in one step; 0: 512 */
    const char *cpu;                     /* one of trill_cpu_levels(); NULL or "auto": the best */
    const char *kv;                      /* "f32", "f16", "bf16", "q8_0"; NULL: f32 for f32 models, else f16 (latent: bf16) */
    const char *activations;             /* "auto" or "f32"; NULL: auto */
    int vocabulary_only;                 /* no weights: tokenising and templates only */
    void (*log)(void *context, int level, const char *text);          /* may be NULL; while opening, from the opening thread */
    void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes);       /* while loading; may be NULL */
    void *context_pointer;               /* given to both */
    const volatile int *cancel;          /* loading stops (TRILL_CANCELLED) where it becomes non-zero; may be NULL */
    /* Of routed experts that do not fit in the budget and are streamed from the drive; NULL or "auto": the library's choice. */
    const char *io;                      /* "uring", "pread" */
    const char *policy;                  /* who leaves the cache: "lru", "lfru" */
    const char *lookahead;               /* "on", "off"; auto: where it has been of use */
    int fewer_sessions, shorter_context; /* what is said of them is a wish: as much of it as the budget allows */
    /* For the job "score": sweeps of many windows of `context` tokens through one layer after the other, and no sessions. So many
     * tokens, or those of a text file or a folder of them; 0 and NULL: for sessions. TRILL_SCORE_...: what it will gather. */
    uint64_t score_tokens;
    const char *score_text;
    unsigned score_statistics;
    uint32_t better_chunk;               /* where chunk is 0: measured to be better than the default; as far as the budget allows */
    /* Folders whose machine.json tells this machine's facts: measured ones in `state`, the user's in `config`. From its speeds
     * follows how much is scored in one sweep; "ram" said by the user is the budget where ram_bytes is 0. NULL: as usual. */
    const char *state, *config;
    const struct trill_adapter *adapters;        /* added to the model's linear operations; its weights stay as they are */
    size_t n_adapters;
    /* "token": every token passes through all layers before the next; "layer": as many tokens as the budget allows pass through
     * a layer before the next; NULL or "auto": as the work wants it. Changes no answer. */
    const char *order;
    /* Prompts that begin as an earlier one did find its states again: in memory as far as the budget has pages, and, where a folder is
     * given, in files of at most so many bytes together (0: 8 GiB). Changes no answer. */
    const char *prefix_folder;
    uint64_t prefix_bytes;
    /* What proposes tokens ahead: names of trill_drafts() with commas between them, "auto" or NULL: those that cost nothing to
     * have; "off". draft_model: a smaller model of the same vocabulary, opened within the same budget. Changes no answer. */
    const char *drafts, *draft_model;
};

TRILL_API const char *trill_drafts(void);                             /* kinds of drafts, blanks between them */

enum { TRILL_SCORE_ROUTER = 1, TRILL_SCORE_EXPERTS = 2, TRILL_SCORE_MOMENTS = 4 };

TRILL_API void trill_model_options_init(struct trill_model_options *options, size_t size);
/* path: a GGUF file (the first part of a split one), a safetensors file, or a folder with config.json. */
TRILL_API int trill_model_open(const char *path, const struct trill_model_options *options, struct trill_model **ret_model);
TRILL_API void trill_model_close(struct trill_model *model);          /* after its sessions and jobs */

struct trill_model_figures {
    size_t size;
    uint64_t parameters, active_parameters;
    uint64_t weight_bytes;               /* as stored */
    uint64_t bytes_per_token;            /* weight bytes that decoding one token reads */
    uint64_t kv_bytes_per_token;         /* that one more token of context takes */
    uint64_t budget_bytes, planned_bytes;        /* the budget; what the layouts take of it */
    uint64_t peak_bytes;                 /* of the process so far */
    uint64_t read_bytes;                 /* from model files so far */
    double load_seconds;
    uint32_t vocabulary, context, trained_context, layers, width, threads;
    const char *architecture, *format, *cpu, *kv, *activations;       /* borrowed from the model */
    /* Streaming of routed experts, counted since opening. */
    uint32_t experts, expert_frames;     /* in all layers; kept or passing through memory at a time, 0: all are resident */
    uint64_t expert_bytes;               /* that one takes in memory */
    uint64_t expert_hits, expert_misses;
    uint64_t drive_bytes;                /* of direct reads */
    double drive_busy_seconds;           /* with at least one of them in flight */
    double stall_seconds;                /* in which a step waited for them */
    uint64_t lookahead_reads, lookahead_uses;            /* experts */
    uint32_t sessions;                   /* that may be open at a time */
    uint64_t missed_bytes, decode_missed_bytes;          /* stored bytes that steps needed and that were not in memory; of these, in steps that only decoded */
    uint64_t prefill_tokens, decode_tokens;              /* computed in steps of the one and the other kind */
    double prefill_seconds, decode_seconds;              /* in them */
    /* Of the weights outside the routed experts: stored bytes that are not in memory and pass through it in every step, 0: all
     * are resident; the memory that they pass through. */
    uint64_t passing_bytes, ring_bytes;
    uint64_t memory_bytes;               /* of weights that steps read, wherever they were */
};

TRILL_API int trill_model_figures(struct trill_model *model, struct trill_model_figures *figures, size_t size);

/* Why the model is opened as it is: what is in memory and what is streamed, context, chunk, threads. Lines of text, to be
 * freed; empty where only the vocabulary was opened. */
TRILL_API int trill_model_explain(struct trill_model *model, char **ret_text);

/* Bytes a second that the drive gives through the queue of a model whose weights are streamed, with nothing computed
 * meanwhile: the limit of streaming. Takes about as long as said; what was read ahead is read again. TRILL_USAGE: nothing is streamed. */
TRILL_API int trill_measure_drive(struct trill_model *model, double seconds, double *ret_bytes_per_s);

/* What is in a model file, headers only: the document of `trill inspect --json`. To be freed. */
TRILL_API int trill_inspect(const char *path, char **ret_json);

/* What an open model costs on this machine: the document of `trill plan --json`, of the model as it was opened. options_json:
 * those of the job "plan" ("prompt-tokens", "tokens", "state", "config", facts of the machine); NULL: the usual. To be freed. */
TRILL_API int trill_model_plan(struct trill_model *model, const char *options_json, char **ret_json);

/* --- text --------------------------------------------------------------------------------------------------------- */

enum {
    TRILL_SPECIAL = 1,                   /* control tokens written in the text are recognised (in: encode, out: shown) */
    TRILL_BOS = 2                        /* with the BOS (and EOS) that the model wants */
};

TRILL_API int trill_tokenize(struct trill_model *model, const char *text, size_t n_bytes, unsigned flags, int32_t **ret_ids,
                             size_t *ret_count);                      /* ids to be freed */
TRILL_API int trill_detokenize(struct trill_model *model, const int32_t *ids, size_t count, unsigned flags, char **ret_text,
                               size_t *ret_bytes);                    /* text to be freed */
TRILL_API int trill_token_ends(struct trill_model *model, int32_t id);       /* 1: generation ends at this id */

struct trill_chat {
    size_t size;
    const char *messages;                /* JSON list of {"role", "content", ...} */
    const char *tools;                   /* JSON list, or NULL */
    const char *variables;               /* JSON object for the template (enable_thinking ...), or NULL */
    const char *template_text;           /* instead of the model's own; NULL: the model's */
    int no_generation_prompt;
};

TRILL_API void trill_chat_init(struct trill_chat *chat, size_t size);
TRILL_API int trill_chat_render(struct trill_model *model, const struct trill_chat *chat, char **ret_text, size_t *ret_bytes);  /* to be freed */
/* Text that came from messages and tools never becomes a control token. */
TRILL_API int trill_chat_tokenize(struct trill_model *model, const struct trill_chat *chat, int32_t **ret_ids, size_t *ret_count);   /* to be freed */
TRILL_API int trill_model_has_chat(struct trill_model *model);        /* 1: the model brings a template */

/* --- session ------------------------------------------------------------------------------------------------------ */

struct trill_session;

/* TRILL_BUDGET where as many are open as the model was opened for; TRILL_USAGE where it has its vocabulary only. */
TRILL_API int trill_session_open(struct trill_model *model, struct trill_session **ret_session);
TRILL_API void trill_session_close(struct trill_session *session);
/* Stops what runs in this session (or, where nothing runs, the next call that computes), from any thread or signal handler. */
TRILL_API void trill_session_cancel(struct trill_session *session);

/* Sets the whole sequence. What it shares with the former one is not computed again, nor, where no rows of it are wanted, what the
 * model has of other sequences that begin alike. An empty one forgets: it is not kept for others either. Nothing is computed yet,
 * and ids are checked when they are: TRILL_USAGE. So does a sequence longer than the context fail, at once and without effect. */
TRILL_API int trill_session_set(struct trill_session *session, const int32_t *ids, size_t count);
TRILL_API int trill_session_append(struct trill_session *session, const int32_t *ids, size_t count);
TRILL_API int trill_session_ids(struct trill_session *session, const int32_t **ret_ids, size_t *ret_count);  /* borrowed until the next change */

/* Computes what was set and not yet computed. For every such token, in order, row(i, logits that follow token i) is called;
 * it returns non-zero to stop (TRILL_CANCELLED). row NULL: the state grows, and no logits are made. The call may come from
 * any thread of a step; never from two at once. After TRILL_CANCELLED what was
 * computed stays, in whole chunks, and the next call goes on. */
typedef int (*trill_row)(void *context, size_t position, const float *logits, size_t vocabulary);
TRILL_API int trill_session_compute(struct trill_session *session, trill_row row, void *context);

/* A copy that shares memory with the original until they differ. It counts as open. */
TRILL_API int trill_session_fork(struct trill_session *session, struct trill_session **ret_session);
/* The state in a file, checked when loaded; only the same model and formats load it. A load that fails leaves the session
 * empty. */
TRILL_API int trill_session_save(struct trill_session *session, const char *path);
TRILL_API int trill_session_load(struct trill_session *session, const char *path);

struct trill_bias { int32_t id; float bias; };

/* Preset are the defaults of `trill run`: temperature 0.8, top_k 40, top_p 0.95, min_p 0.05, all else off, seed 0. */
struct trill_generate_options {
    size_t size;
    uint32_t max_tokens;                 /* 0: until the context is full */
    float temperature;                   /* 0: greedy */
    uint32_t top_k;                      /* 0: off */
    float top_p, min_p, typical_p;       /* 1, 0, 1: off */
    float repeat_penalty, presence_penalty, frequency_penalty;        /* 1, 0, 0: off */
    uint32_t repeat_last;                /* latest tokens that penalties count, prompt included; preset 64 */
    uint64_t seed, choice;               /* equal ones give equal answers; choice 0, 1, ...: several answers to one prompt */
    const struct trill_bias *bias;       /* added to the logits of these ids */
    size_t n_bias;
    const char *const *stop;             /* the answer ends before the first of these strings */
    size_t n_stop;
    int ignore_end;                      /* goes on behind end-of-text tokens */
    unsigned flags;                      /* TRILL_SPECIAL: control tokens are shown in the text */
    int (*text)(void *context, const char *bytes, size_t n_bytes);    /* whole characters, as they come; non-zero stops; may be NULL */
    void *context_pointer;
    const char *grammar, *schema;        /* the answer is of this GBNF grammar, or JSON of this schema; NULL: anything */
    int chat;                            /* the sequence is a chat, whose answer may begin with reasoning: no part of that language */
    int64_t think_tokens;                /* of reasoning in a chat at most; -1: no bound */
};

enum trill_finish { TRILL_FINISH_STOP, TRILL_FINISH_LENGTH, TRILL_FINISH_CONTEXT, TRILL_FINISH_CANCELLED };

struct trill_generation {
    size_t size;
    enum trill_finish finish;
    char *text;                          /* of the answer; to be freed with trill_generation_done */
    size_t text_bytes;
    int32_t *ids;                        /* of the answer, without the end token */
    size_t count;
    uint32_t prompt_tokens, reused_tokens;       /* of the prompt; of these found in the state */
    double first_token_seconds, prefill_seconds; /* both from the call to the first token */
    double decode_seconds;               /* from there to the last one; decode_steps + accepted_tokens came in them */
    uint32_t decode_steps;
    uint32_t drafted_tokens, accepted_tokens;    /* computed ahead; of these right */
};

TRILL_API void trill_generate_options_init(struct trill_generate_options *options, size_t size);
/* Continues the sequence, computing first what is not computed, and appends the answer to it. A sequence without tokens is
 * TRILL_USAGE. An answer that is cancelled, or stopped by `text`, is TRILL_OK with what there is of it. */
TRILL_API int trill_session_generate(struct trill_session *session, const struct trill_generate_options *options,
                                     struct trill_generation *ret_generation, size_t size);
TRILL_API void trill_generation_done(struct trill_generation *generation);       /* of one that is filled, or all zeros */

/* --- requests ----------------------------------------------------------------------------------------------------- */

/* A request as clients of model servers write it, and its answer in the same form. A form is a path of an API: "chat"
 * (/v1/chat/completions), "completions", "responses", "embeddings", "messages" (Anthropic's). A request has parts, one for each
 * of its prompts and each answer to it; several threads may answer parts of one request at once, each in a session of its own. */
struct trill_request;

struct trill_request_options {
    size_t size;
    const char *form;                    /* one of trill_forms() */
    const char *body;                    /* JSON */
    size_t n_bytes;
    const char *defaults;                /* JSON: fields that a request leaves unsaid, by the names of "chat"; NULL: none */
    const char *model;                   /* name in the answer where the request says none; NULL: "" */
    const char *id;                      /* of the answer, without the prefix of its form; NULL: made up */
    /* The answer as it comes: of a stream its frames (server-sent events), else the whole document at the end. One call at a time,
     * from any thread that answers a part or calls trill_request_beat; must not block. Non-zero: the reader is gone. */
    int (*write)(void *context, const char *bytes, size_t n_bytes);
    void *context_pointer;
};

TRILL_API void trill_request_options_init(struct trill_request_options *options, size_t size);
/* Reads it, makes the ids of its prompts, and compiles its schema or grammar: what cannot be honoured is refused. Where the
 * request is at fault (TRILL_USAGE, TRILL_BAD_FILE) ret_refusal is the error document in its form, to be freed; else NULL. */
TRILL_API int trill_request_new(struct trill_model *model, const struct trill_request_options *options, struct trill_request **ret_request,
                                char **ret_refusal);
TRILL_API void trill_request_close(struct trill_request *request);    /* when no part is being answered; NULL is fine */

struct trill_request_figures {
    size_t size;
    uint32_t parts;
    int stream;
    uint64_t prompt_tokens, longest_prompt;          /* of all prompts; of one */
    const char *model;                   /* as the request names it, borrowed; NULL: it does not */
};

TRILL_API int trill_request_figures(const struct trill_request *request, struct trill_request_figures *figures, size_t size);

/* What answering a part took. The share of a step that belongs to an answer is that of its tokens. */
struct trill_answered {
    size_t size;
    const char *finish;                  /* "stop", "length", "tool_calls", "cancelled"; static */
    uint32_t prompt_tokens, reused_tokens, tokens, reasoning_tokens, tool_calls;
    uint32_t drafted_tokens, accepted_tokens;
    double first_token_seconds, prefill_seconds, decode_seconds;
    double step_seconds, stall_seconds;              /* its share of the steps; of their waits for the drive */
    uint64_t memory_bytes, drive_bytes;              /* its share of the weights read from memory and from the drive */
    uint64_t expert_hits, expert_misses;
};

/* Each part once. The first writes how the answer begins, the last to end how it ends. A failure behind the first bytes of a stream is
 * written as a frame. `session` is set to the prompt; what it or others have computed of it is reused. ret may be NULL. */
TRILL_API int trill_request_answer(struct trill_request *request, uint32_t part, struct trill_session *session,
                                   struct trill_answered *ret_answered, size_t size);
/* A sign of life in a stream that has been silent: a comment, or what the form has for it. Nothing where there is no stream. */
TRILL_API int trill_request_beat(struct trill_request *request);
TRILL_API void trill_request_cancel(struct trill_request *request);   /* from any thread or signal handler: all parts end soon */
/* An error document in a form; code: NULL: as the HTTP status says. To be freed. */
TRILL_API int trill_form_error(const char *form, int http_status, const char *message, const char *code, char **ret_document);
TRILL_API const char *trill_forms(void);                              /* their names, blanks between them */

/* --- scoring ------------------------------------------------------------------------------------------------------ */

struct trill_score_options {
    size_t size;
    uint32_t window;                     /* tokens; 0: 2048, or the context where that is less */
    uint32_t stride;                     /* from a window to the next; 0: a window */
    void (*progress)(void *context, uint64_t done_tokens, uint64_t total_tokens);     /* may be NULL */
    void *context_pointer;
    const volatile int *cancel;          /* may be NULL */
};

struct trill_scores {
    size_t size;
    uint64_t tokens, steps;              /* tokens scored; forward steps that it took */
    double nll_sum;                      /* natural logarithms */
    double perplexity, perplexity_se;
    double seconds;
};

TRILL_API void trill_score_options_init(struct trill_score_options *options, size_t size);
/* The likelihood of a text. The first token is never scored, nor the first of a window that overlaps none. ret_nll [count],
 * or NULL: of each token, NaN where it is not scored. Runs as many windows at once as the model has sessions
 * and takes their memory: none should be open; where one is, its calls wait. */
TRILL_API int trill_score(struct trill_model *model, const int32_t *ids, size_t count, const struct trill_score_options *options,
                          float *ret_nll, struct trill_scores *ret_scores, size_t size);

/* --- jobs --------------------------------------------------------------------------------------------------------- */

/* Long work: options as a JSON object in, progress while it runs, a report as a JSON document out. The kinds and their
 * options are those of the commands of the same names: trill_job_new("synth", NULL, "{\"geometry\": ..., \"output\": ...}"). */
struct trill_job;

struct trill_progress {
    size_t size;
    const char *stage;                   /* "writing weights" */
    uint64_t done, total;                /* of the stage; total 0: unknown */
    const char *unit;                    /* "bytes", "tokens" */
    double seconds, seconds_left;        /* since the job began; until the stage ends, < 0: unknown */
};

/* model: for "score", which sweeps an open one, borrowed until the job is closed; else NULL: other kinds open those that their
 * options name. options_json: NULL is an empty object. */
TRILL_API int trill_job_new(const char *kind, struct trill_model *model, const char *options_json, struct trill_job **ret_job);
/* In the calling thread. progress, which may be NULL, is called from it now and then. */
TRILL_API int trill_job_run(struct trill_job *job, void (*progress)(void *context, const struct trill_progress *progress), void *context);
TRILL_API void trill_job_cancel(struct trill_job *job);               /* from any thread or signal handler; lasts */
TRILL_API const char *trill_job_report(const struct trill_job *job);  /* borrowed from the job; NULL before a good run */
TRILL_API void trill_job_close(struct trill_job *job);                /* NULL is fine */
TRILL_API const char *trill_job_kinds(void);                          /* their names, blanks between them */

/* --- accounts ----------------------------------------------------------------------------------------------------- */

/* What a run costs: tokens, seconds, bytes, energy, money, and what the plan had said; a row of the ledger when it ends. Time
 * and energy count from here. Nothing in it can fail a run: what goes wrong is told to `log`. */
struct trill_account;

struct trill_account_options {
    size_t size;
    const char *command;                 /* what is run: "run", "score" */
    const char *model;                   /* its name for people, or NULL */
    const char *state;                   /* folder of the ledger, and of what was measured of the machine; made where it is not there */
    const char *config;                  /* folder of what the user says of the machine (machine.json: prices, watts), or NULL */
    int unrecorded;                      /* no row of the ledger is written */
    void (*log)(void *context, int level, const char *text);          /* may be NULL */
    void *context_pointer;
};

TRILL_API void trill_account_options_init(struct trill_account_options *options, size_t size);
TRILL_API int trill_account_open(const struct trill_account_options *options, struct trill_account **ret_account);
/* Takes what the model counted since it was opened. The last thing before it is closed, or before the next line. */
TRILL_API void trill_account_take(struct trill_account *account, struct trill_model *model);
/* The row so far: {"prompt_tokens": ..., "joules": ..., "money": ...} (docs/ledger.md). To be freed; NULL: out of memory. */
TRILL_API char *trill_account_json(struct trill_account *account);
/* `status`: how the run ended. The row is written where a model computed, or where time was spent without one. NULL is fine. */
TRILL_API void trill_account_close(struct trill_account *account, int status);

/* --- measuring ---------------------------------------------------------------------------------------------------- */

struct trill_peaks {
    size_t size;
    double memory_bytes_per_s;           /* streaming reads of random data in huge pages */
    double int8_ops_per_s, bf16_flops, f32_flops;        /* a multiply and an add are two */
};

/* What this machine can do with `threads` threads (0: one per CPU) at the level that `cpu` names (NULL: the best), measured in
 * about a second, which cannot be cancelled. n_bytes: of the buffer whose reading is timed; 0: half a gigabyte. */
TRILL_API int trill_measure_peaks(uint32_t threads, const char *cpu, uint64_t n_bytes, struct trill_peaks *ret_peaks, size_t size);

/* The first of them alone, with a buffer of n_bytes, in a fifth of a second: a true figure takes many times the last-level cache. */
TRILL_API int trill_measure_memory(uint32_t threads, uint64_t n_bytes, double *ret_bytes_per_s);

TRILL_API const char *trill_cpu_levels(void);                         /* "ref avx2 avx512": what this CPU can run */

#ifdef __cplusplus
}
#endif
#endif
