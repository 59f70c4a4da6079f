/* SPDX-License-Identifier: MIT */
/* Which model a command works on and with what means: the options that all commands share, and the opening itself, with
 * a progress bar where someone is watching. The rows are in setup_options.def. */
#ifndef TL_CLI_SETUP_H
#define TL_CLI_SETUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/option.h"

struct trill_model;

struct tl_setup {
    const char *model;       /* as typed */
    const char *home;        /* --home; NULL: the usual folders */
    const char *state, *config;                              /* of the account; NULL: those of home */
    uint64_t threads, context, ram_bytes, chunk;             /* 0: the library's choice */
    const char *cpu, *kv, *activations, *io, *policy, *lookahead, *order, *drafts, *draft_model;      /* NULL: the library's choice */
    struct tl_option_list lora;
    bool quiet, explain, no_ledger;
};

struct tl_setup_needs {
    uint32_t sessions;               /* 0: 1 */
    uint32_t context;                /* tokens, where --context does not say; 0: the model's own */
    bool vocabulary_only;
    bool fewer_sessions, shorter_context;    /* those above are wishes: as much of them as fits */
    const char *score_text;          /* as in trill_model_options */
    uint64_t score_tokens;
    unsigned score_statistics;
    const char *prefix_folder;       /* as in trill_model_options */
    uint64_t prefix_bytes;
    void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes);      /* besides the bar; may be NULL */
    void *progress_context;
};

int tl_setup_check(const struct tl_setup *setup);                     /* before anything is read: is a model named? */

/* Finds the model by name and opens it. The load stops on Ctrl-C. */
int tl_setup_open(const struct tl_setup *setup, const struct tl_setup_needs *needs, struct trill_model **ret_model);

#endif
