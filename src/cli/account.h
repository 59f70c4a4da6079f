/* SPDX-License-Identifier: MIT */
/* What a command costs, for the ledger. What goes wrong is a warning on stderr, and never a failure of the command. */
#ifndef TL_CLI_ACCOUNT_H
#define TL_CLI_ACCOUNT_H

#include "base/buffer.h"
#include "cli/setup.h"

struct trill_account;
struct trill_model;

/* Time and energy count from here: before the model is opened. NULL: nothing is kept, and the rest does nothing. */
struct trill_account *tl_account_open(const char *command, const struct tl_setup *setup);
/* For a command that tells its row itself: with --no-ledger there is one too. */
struct trill_account *tl_account_open_told(const char *command, const struct tl_setup *setup);
/* {...}: the row so far, {} where there is none. */
void tl_account_json(struct trill_account *account, struct trill_model *model, struct tl_buffer *json);
/* Takes what the model counted, closes it, and then the account, with the command's status. Either may be NULL. */
void tl_account_close(struct trill_account *account, struct trill_model *model, int status);

#endif
