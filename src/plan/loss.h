/* SPDX-License-Identifier: MIT */
/* What a dense model of N parameters, trained on D tokens, comes to: L = E + A / N^a + B / D^b in nats a token (Hoffmann et
 * al. 2022, section 3.3; constants as Besiroglu et al. 2024 refit them). It was measured on models of 44 million to 16
 * billion parameters trained from scratch on web text; one that learns from a teacher usually does better. */
#ifndef TL_PLAN_LOSS_H
#define TL_PLAN_LOSS_H

double tl_loss(double parameters, double tokens);
double tl_loss_floor(void);                                           /* E: what no size and no training goes below */
double tl_loss_operations(double parameters, double tokens);          /* of the training: 6 N D */
/* The sizes that make the most of so many operations. */
void tl_loss_best(double operations, double *ret_parameters, double *ret_tokens);

#endif
