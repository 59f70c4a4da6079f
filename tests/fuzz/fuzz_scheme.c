/* SPDX-License-Identifier: MIT */
/* Schemes: refused with a sentence, or formats of which each tensor's rows have whole blocks; and the scheme that is written of
 * them says the same. */
#include "base/memory.h"
#include "compress/scheme.h"
#include "fuzz_compress.h"

enum { LAYERS = 2 };

static const struct tl_place places[FUZZ_TENSORS] = {
    {TL_PART_ATTENTION, TL_R_Q, 0, TL_NO_EXPERT, false, false},
    {TL_PART_EXPERTS, TL_R_EXPERT_UP, 0, TL_NO_EXPERT, false, false},
    {TL_PART_NORMS, TL_R_ATTN_NORM, 0, TL_NO_EXPERT, false, false},
};

static bool apply(const char *text, size_t n_bytes, const struct tl_number **numbers)
{
    struct tl_scheme *scheme = NULL;
    if (tl_scheme_new("scheme", text, n_bytes, &scheme) < 0) {
        require(!scheme && strncmp(tl_error_text(), "scheme", 6) == 0);
        return false;
    }
    bool good = tl_scheme_apply(scheme, fuzz_model(), places, LAYERS, true, numbers) >= 0;
    const char *why = good ? "" : tl_error_text();
    require(good || strstr(why, "matches no tensor of") || strstr(why, " are vectors alone") || strstr(why, " stores no "));
    tl_scheme_free(scheme);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    const struct tl_number *numbers[FUZZ_TENSORS] = {0}, *again[FUZZ_TENSORS] = {0};
    const struct tl_number *own = tl_number(TL_NUMBER_F32);
    char *text = NULL;
    if (!apply((const char *)bytes, n_bytes, numbers))
        return 0;
    for (int i = 0; i < FUZZ_TENSORS; i++)
        require(!numbers[i] || FUZZ_COLUMNS % numbers[i]->block_elems == 0);
    require(tl_scheme_write(fuzz_model(), places, numbers, &text) >= 0);
    require(apply(text, strlen(text), again));
    for (int i = 0; i < FUZZ_TENSORS; i++)
        require((numbers[i] ? numbers[i] : own) == (again[i] ? again[i] : own));
    tl_free(text);
    return 0;
}
