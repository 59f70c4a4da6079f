/* SPDX-License-Identifier: MIT */
/* One account a model that a command opens. The row is written when the model is closed: its memory is free by then. */
#include "cli/account.h"

#include "base/memory.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/place.h"

static void log_line(void *context, int level, const char *text)
{
    (void)context;
    if (level >= TRILL_LOG_WARNING)
        tl_output_note("warning: %s\n", text);
}

struct trill_account *tl_account_open(const char *command, const struct tl_setup *setup)
{
    return setup->no_ledger ? NULL : tl_account_open_told(command, setup);
}

struct trill_account *tl_account_open_told(const char *command, const struct tl_setup *setup)
{
    struct trill_account_options options;
    struct trill_account *account = NULL;
    const char *state = setup->state, *config = setup->config;
    char *folders[2] = {NULL};
    trill_account_options_init(&options, sizeof options);
    tl_place_folders(setup->home, &state, &config, folders);
    if (!state && !setup->no_ledger)
        tl_output_note("warning: this run is not in the ledger: %s\n", tl_error_text());
    options.command = command;
    options.model = setup->model;
    options.state = state;
    options.config = config;
    options.unrecorded = setup->no_ledger;
    options.log = log_line;
    int r = trill_account_open(&options, &account);
    tl_free(folders[0]);
    tl_free(folders[1]);
    return r < 0 ? NULL : account;
}

void tl_account_json(struct trill_account *account, struct trill_model *model, struct tl_buffer *json)
{
    char *row = NULL;
    if (account && model)
        trill_account_take(account, model);
    if (account)
        row = trill_account_json(account);
    tl_buffer_printf(json, "%s", row ? row : "{}");
    trill_free(row);
}

void tl_account_close(struct trill_account *account, struct trill_model *model, int status)
{
    if (account && model)
        trill_account_take(account, model);
    trill_model_close(model);
    trill_account_close(account, status);
}
