/* SPDX-License-Identifier: MIT */
/* The scaling law's five constants, and what follows from them. */
#include "plan/loss.h"

#include <math.h>

static const double floor_loss = 1.817, of_size = 482.0, of_data = 2085.4, size_power = 0.348, data_power = 0.366;

double tl_loss(double parameters, double tokens)
{
    return floor_loss + of_size / pow(parameters, size_power) + of_data / pow(tokens, data_power);
}

double tl_loss_floor(void) { return floor_loss; }

double tl_loss_operations(double parameters, double tokens) { return 6 * parameters * tokens; }

/* Where, along 6 N D = C, size and data help equally: a A / N^a = b B / D^b. */
void tl_loss_best(double operations, double *ret_parameters, double *ret_tokens)
{
    double sum = size_power + data_power, pairs = operations / 6;
    double scale = pow(size_power * of_size / (data_power * of_data), 1 / sum);
    *ret_parameters = scale * pow(pairs, data_power / sum);
    *ret_tokens = pairs / *ret_parameters;
}
