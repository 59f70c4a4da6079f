/* SPDX-License-Identifier: MIT */
/* Amounts as people read them: three or four figures and a unit. Powers of 1000. */
#ifndef TL_BASE_AMOUNT_H
#define TL_BASE_AMOUNT_H

enum { TL_AMOUNT_BYTES = 24 };

/* Each writes into `text` [TL_AMOUNT_BYTES] and gives it back. */
const char *tl_amount_of_bytes(double bytes, char *text);              /* "575 GB" */
const char *tl_amount_of_rate(double bytes_per_s, char *text);         /* "2.00 GB/s" */
const char *tl_amount_of_count(double count, char *text);              /* "1.03 trillion", "32.9 billion", "8,192" */
const char *tl_amount_of_seconds(double seconds, char *text);          /* "4.2 s", "11 min", "3.1 h", "12 days" */
const char *tl_amount_of_number(double value, char *text);             /* "0.19", "27.4", "1,284" */
const char *tl_amount_of_operations(double operations, char *text);    /* "72.1 Gops" */
const char *tl_amount_of_grams(double grams, char *text);              /* "38 kg" */

#endif
