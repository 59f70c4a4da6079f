/* SPDX-License-Identifier: MIT */
/* What templates find without defining it. The tables are jinja_filters.def, jinja_tests.def, jinja_methods.def and
 * jinja_globals.def; every row's function is declared here. NULL: there is none of that name. */
#ifndef TL_TEXT_JINJA_BUILTIN_H
#define TL_TEXT_JINJA_BUILTIN_H

#include "text/jinja_value.h"

const struct tl_jinja_builtin *tl_jinja_builtin_filter(const struct tl_jinja_text *name);
const struct tl_jinja_builtin *tl_jinja_builtin_test(const struct tl_jinja_text *name);
const struct tl_jinja_builtin *tl_jinja_builtin_method(const struct tl_jinja_value *self, const struct tl_jinja_text *name);
const struct tl_jinja_builtin *tl_jinja_builtin_global(size_t number);       /* NULL: past the last */

/* An argument that is a truth value, an integer or a string, or what holds when it is not given. */
bool tl_jinja_builtin_flag(const struct tl_jinja_value *arg, bool otherwise);
int tl_jinja_builtin_int(struct tl_jinja *j, const struct tl_jinja_value *arg, int64_t otherwise, int64_t *ret);
int tl_jinja_builtin_text(struct tl_jinja *j, const struct tl_jinja_value *arg, const struct tl_jinja_text **ret);   /* must be one */
static inline bool tl_jinja_builtin_given(const struct tl_jinja_value *arg)          /* neither missing nor none */
{
    return arg->kind != TL_JINJA_MISSING && arg->kind != TL_JINJA_NONE;
}

#define TL_JINJA_FUNCTION(function) \
    int function(struct tl_jinja *j, const struct tl_jinja_value *self, const struct tl_jinja_value *arg, \
                 const struct tl_jinja_args *all, struct tl_jinja_value *ret)

#define FILTER(name, params, n_required, function) TL_JINJA_FUNCTION(function);
#include "text/jinja_filters.def"
#undef FILTER
#define TEST(name, params, n_required, function) TL_JINJA_FUNCTION(function);
#include "text/jinja_tests.def"
#undef TEST
#define GLOBAL(name, params, n_required, function) TL_JINJA_FUNCTION(function);
#include "text/jinja_globals.def"
#undef GLOBAL

TL_JINJA_FUNCTION(tl_jinja_method_center);
TL_JINJA_FUNCTION(tl_jinja_method_changed);
TL_JINJA_FUNCTION(tl_jinja_method_copy);
TL_JINJA_FUNCTION(tl_jinja_method_count);
TL_JINJA_FUNCTION(tl_jinja_method_cycle);
TL_JINJA_FUNCTION(tl_jinja_method_endswith);
TL_JINJA_FUNCTION(tl_jinja_method_find);
TL_JINJA_FUNCTION(tl_jinja_method_format);
TL_JINJA_FUNCTION(tl_jinja_method_get);
TL_JINJA_FUNCTION(tl_jinja_method_index);
TL_JINJA_FUNCTION(tl_jinja_method_isalnum);
TL_JINJA_FUNCTION(tl_jinja_method_isalpha);
TL_JINJA_FUNCTION(tl_jinja_method_isascii);
TL_JINJA_FUNCTION(tl_jinja_method_isdigit);
TL_JINJA_FUNCTION(tl_jinja_method_isspace);
TL_JINJA_FUNCTION(tl_jinja_method_items);
TL_JINJA_FUNCTION(tl_jinja_method_join);
TL_JINJA_FUNCTION(tl_jinja_method_keys);
TL_JINJA_FUNCTION(tl_jinja_method_list_count);
TL_JINJA_FUNCTION(tl_jinja_method_list_index);
TL_JINJA_FUNCTION(tl_jinja_method_ljust);
TL_JINJA_FUNCTION(tl_jinja_method_lstrip);
TL_JINJA_FUNCTION(tl_jinja_method_partition);
TL_JINJA_FUNCTION(tl_jinja_method_removeprefix);
TL_JINJA_FUNCTION(tl_jinja_method_removesuffix);
TL_JINJA_FUNCTION(tl_jinja_method_replace);
TL_JINJA_FUNCTION(tl_jinja_method_rfind);
TL_JINJA_FUNCTION(tl_jinja_method_rindex);
TL_JINJA_FUNCTION(tl_jinja_method_rjust);
TL_JINJA_FUNCTION(tl_jinja_method_rpartition);
TL_JINJA_FUNCTION(tl_jinja_method_rsplit);
TL_JINJA_FUNCTION(tl_jinja_method_rstrip);
TL_JINJA_FUNCTION(tl_jinja_method_split);
TL_JINJA_FUNCTION(tl_jinja_method_splitlines);
TL_JINJA_FUNCTION(tl_jinja_method_startswith);
TL_JINJA_FUNCTION(tl_jinja_method_strip);
TL_JINJA_FUNCTION(tl_jinja_method_swapcase);
TL_JINJA_FUNCTION(tl_jinja_method_title);
TL_JINJA_FUNCTION(tl_jinja_method_values);
TL_JINJA_FUNCTION(tl_jinja_method_zfill);

#endif
