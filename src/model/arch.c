/* SPDX-License-Identifier: MIT */
/* Finds the architecture of a file among the rows of archs.def. */
#include "model/arch.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"

#define ARCH(name) extern const struct tl_arch tl_arch_##name;
#include "model/archs.def"
#undef ARCH

static const struct tl_arch *const archs[] = {
#define ARCH(name) &tl_arch_##name,
#include "model/archs.def"
#undef ARCH
};

static bool serves(const struct tl_arch *arch, enum tl_modelfile_format format, const char *name)
{
    if (format == TL_MODELFILE_GGUF)
        return !strcmp(arch->name, name);
    for (int i = 0; i < 4 && arch->model_types[i]; i++)
        if (!strcmp(arch->model_types[i], name))
            return true;
    return false;
}

const struct tl_arch *tl_arch_find(const struct tl_modelfile *file)
{
    enum tl_modelfile_format format = tl_modelfile_format(file);
    const char *key = format == TL_MODELFILE_GGUF ? "general.architecture" : "config.model_type", *name = NULL;
    size_t n_bytes;
    int status = tl_meta_string(file, key, &name, &n_bytes);
    if (status < 0)
        return NULL;
    if (status == 0) {
        tl_fail(TL_E_FILE, "%s: %s is missing", tl_modelfile_path(file), key);
        return NULL;
    }
    for (size_t i = 0; i < TL_COUNT(archs); i++)
        if (serves(archs[i], format, name))
            return archs[i];
    char known[256] = "";
    for (size_t i = 0, used = 0; i < TL_COUNT(archs) && used < sizeof(known); i++)
        used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "", archs[i]->name);
    tl_fail(TL_E_FILE, "%s: architecture \"%.60s\" is not supported (known: %s)", tl_modelfile_path(file), name, known);
    return NULL;
}

/* config.json says "attention_bias" for q, k and v. */
bool tl_arch_brings(const struct tl_arch *arch, const struct tl_modelfile *config, const struct tl_want *want)
{
    bool attention = false;
    if (!want->optional)
        return true;
    for (int i = 0; i < 6 && arch->biases[i]; i++)
        if (arch->biases[i] == want->role)
            return true;
    if (want->role != TL_R_Q_BIAS && want->role != TL_R_K_BIAS && want->role != TL_R_V_BIAS)
        return false;
    return tl_meta_bool(config, "config.attention_bias", &attention) > 0 && attention;
}
