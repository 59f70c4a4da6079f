/* SPDX-License-Identifier: MIT */
/* What a plan says of the steps that a model has made. Private to this room. */
#ifndef TL_API_ACCOUNT_H
#define TL_API_ACCOUNT_H

#include "base/meter.h"
#include "ledger/ledger.h"
#include "model/model.h"
#include "plan/fit.h"

struct trill_account;

/* Sets the predicted memory, speeds, bytes and joules of a row: of a model that is placed with `fit`, for steps as those that
 * were counted were on average (as many tokens and sequences, as much before them). No step may run meanwhile. */
void tl_account_predict(struct tl_model *model, const struct tl_fit *fit, struct tl_meters *meters, const struct tl_machine *machine,
                        struct tl_ledger_row *row);

/* The row so far, with seconds, joules and money; what is set in it stays. A row with trained tokens is kept however the run ends. */
struct tl_ledger_row *tl_account_row(struct trill_account *account);

#endif
