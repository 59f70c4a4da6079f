/* SPDX-License-Identifier: MIT */
/* Shared libraries that are loaded when they are needed: those who never need one do not carry it. */
#ifndef TL_BASE_LIBRARY_H
#define TL_BASE_LIBRARY_H

/* The first of these names (ended by NULL) that is there; it stays loaded. what: the library as people call it. */
int tl_library_open(const char *what, const char *const *names, void **ret_library);
/* ret_function: where the pointer to the function goes. */
int tl_library_find(void *library, const char *what, const char *name, void *ret_function);

#endif
