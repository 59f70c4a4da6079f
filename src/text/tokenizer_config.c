/* SPDX-License-Identifier: MIT */
/* What stands beside tokenizer.json: names of BOS and EOS, whether they are wished for, ids that end generation. */
#include <inttypes.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "text/tokenizer_private.h"

#define CONFIG "tokenizer_config."

/* The token named under the key or under key.content, if there is such a token; else the id under `config`; else *ret_id stays. */
static int read_token(const struct tl_tokenizer *tokenizer, const struct tl_modelfile *file, const char *key, const char *content,
                      const char *config, int32_t *ret_id)
{
    const char *name = NULL;
    size_t n = 0;
    uint64_t id = 0;
    int r = tl_meta_string(file, content, &name, &n);
    const struct tl_meta *meta = tl_modelfile_meta(file, key);
    if (r == 0 && meta && !meta->is_array)
        r = tl_meta_string(file, key, &name, &n);
    if (r < 0)
        return r;
    int32_t found = r > 0 ? tl_vocab_find(&tokenizer->vocab, name, n) : -1;
    if (found >= 0) {
        *ret_id = found;
        return 0;
    }
    meta = tl_modelfile_meta(file, config);
    if (!meta || meta->is_array)
        return 0;
    if ((r = tl_meta_u64(file, config, UINT32_MAX, &id)) > 0 && id < tokenizer->vocab.count)
        *ret_id = (int32_t)id;
    return r < 0 ? r : 0;
}

/* A single id or a list of them; one that is out of range is no token and ends nothing. */
static int read_ends(struct tl_tokenizer *tokenizer, const struct tl_modelfile *file, const char *key)
{
    const struct tl_meta *meta = tl_modelfile_meta(file, key);
    for (uint64_t i = 0; meta && i < meta->count; i++) {
        int64_t id = -1;
        int r = tl_meta_at_i64(meta, i, &id);
        if (r < 0)
            return tl_fail_in(r, "%s", tl_modelfile_path(file));
        tl_tokenizer_add_end(tokenizer, id);
    }
    return 0;
}

/* An explicit wish overrules the template of tokenizer.json. */
static int read_wish(const struct tl_modelfile *file, const char *key, int32_t id, int32_t *ids, unsigned *count)
{
    bool wished = false;
    int r = tl_meta_bool(file, key, &wished);
    if (r <= 0)
        return r;
    if (wished && id < 0)
        return tl_fail(TL_E_FILE, "%s: key %s: found true, expected false where no such token is named",
                       tl_modelfile_path(file), key);
    if (!wished)
        *count = 0;
    else if (*count == 0)
        ids[(*count)++] = id;
    return 0;
}

int tl_tokenizer_read_config(struct tl_tokenizer *t, const struct tl_modelfile *file)
{
    static const char *const ends[] = {
        "generation_config.eos_token_id", "config.eos_token_id", "config.text_config.eos_token_id",
    };
    int r;
    if ((r = read_token(t, file, CONFIG "bos_token", CONFIG "bos_token.content", "config.bos_token_id", &t->bos)) < 0 ||
        (r = read_token(t, file, CONFIG "eos_token", CONFIG "eos_token.content", "config.eos_token_id", &t->eos)) < 0 ||
        (r = read_wish(file, CONFIG "add_bos_token", t->bos, t->before, &t->n_before)) < 0 ||
        (r = read_wish(file, CONFIG "add_eos_token", t->eos, t->after, &t->n_after)) < 0)
        return r;
    tl_tokenizer_add_end(t, t->eos);
    for (size_t i = 0; i < TL_COUNT(ends); i++)
        if ((r = read_ends(t, file, ends[i])) < 0)
            return r;
    return 0;
}
