/* SPDX-License-Identifier: MIT */
/* How many elements an array has. */
#ifndef TL_BASE_ARRAY_H
#define TL_BASE_ARRAY_H

#define TL_COUNT(array) (sizeof(array) / sizeof *(array))

#endif
