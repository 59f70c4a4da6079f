/* SPDX-License-Identifier: MIT */
/* The ways in which vendors keep codes and scales apart: fp8 with scales for blocks of 128 x 128 (DeepSeek V3),
 * compressed-tensors' "pack-quantized" with groups of 32 (Kimi K2.5), mxfp4 as gpt-oss has it. */
#include "model/apart.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/text.h"
#include "model/names.h"

static const struct tl_apart aparts[] = {
    { "", "_scale_inv", TL_NUMBER_FP8_B128, "f8_e4m3", 1, 0 },
    { "_packed", "_scale", TL_NUMBER_INT4_G32, "i32", 8, 0 },
    { "_blocks", "_scales", TL_NUMBER_MXFP4, "u8", 2, 16 },
};

const struct tl_apart *tl_apart_of(const struct tl_tensor *codes)
{
    for (size_t i = 0; i < TL_COUNT(aparts); i++)
        if (*aparts[i].codes ? tl_text_ends(codes->name, aparts[i].codes) : !strcmp(codes->type_name, aparts[i].type))
            return &aparts[i];
    return NULL;
}

const struct tl_apart *tl_apart_for(enum tl_number_id number)
{
    for (size_t i = 0; i < TL_COUNT(aparts); i++)
        if (aparts[i].number == number)
            return &aparts[i];
    return NULL;
}

void tl_apart_shapes(const struct tl_apart *apart, uint64_t shape[TL_TENSOR_DIMS], uint32_t *n, uint64_t ret_scales[TL_TENSOR_DIMS],
                     uint32_t *ret_n)
{
    const struct tl_number_apart *facts = tl_number(apart->number)->apart;
    uint64_t *rows = &ret_scales[*n - 2], *cols = &ret_scales[*n - 1];
    memcpy(ret_scales, shape, *n * sizeof(*shape));
    *rows = (*rows + facts->rows - 1) / facts->rows;
    *cols = (*cols + facts->cols - 1) / facts->cols;
    *ret_n = *n;
    shape[*n - 1] /= apart->codes_an_element;
    if (apart->innermost) {
        shape[*n - 1] /= apart->innermost;
        shape[(*n)++] = apart->innermost;
    }
}

static int check_types(const struct tl_modelfile *file, const struct tl_apart *apart, const struct tl_tensor *codes,
                       const struct tl_tensor *scales)
{
    enum tl_number_id wanted = tl_number(apart->number)->apart->scale;
    const char *path = tl_modelfile_path(file);
    if (strcmp(codes->type_name, apart->type) != 0)
        return tl_fail(TL_E_FILE, "%s: %s is stored as %s, expected %s", path, codes->name, codes->type_name, apart->type);
    bool fits = scales->number && scales->number->id == wanted;
    if (wanted == TL_NUMBER_F32)                         /* anything that widens to it */
        fits = scales->number && scales->number->widen && scales->number->block_elems == 1;
    if (wanted == TL_NUMBERS)
        fits = !strcmp(scales->type_name, "u8") || !strcmp(scales->type_name, "f8_e8m0");
    return fits ? 0 : tl_fail(TL_E_FILE, "%s: %s is stored as %s, expected %s", path, scales->name, scales->type_name,
                              wanted == TL_NUMBERS ? "u8" : tl_number(wanted)->name);
}

int tl_apart_scales(const struct tl_modelfile *file, const struct tl_apart *apart, const struct tl_tensor *codes,
                    const struct tl_tensor **ret_scales)
{
    static const char *const refused[] = { "_zero_point", "_g_idx" };
    char name[2 * TL_NAME_BYTES];
    int stem = (int)(strlen(codes->name) - strlen(apart->codes));
    snprintf(name, sizeof(name), "%.*s%s", stem, codes->name, apart->scales);
    *ret_scales = tl_modelfile_find(file, name);
    if (!*ret_scales)
        return tl_fail(TL_E_FILE, "%s: tensor %s is missing", tl_modelfile_path(file), name);
    for (size_t i = 0; i < TL_COUNT(refused); i++) {
        snprintf(name, sizeof(name), "%.*s%s", stem, codes->name, refused[i]);
        if (tl_modelfile_find(file, name))
            return tl_fail(TL_E_FILE, "%s: tensor %s is not supported, expected codes with scales alone", tl_modelfile_path(file), name);
    }
    return check_types(file, apart, codes, *ret_scales);
}
