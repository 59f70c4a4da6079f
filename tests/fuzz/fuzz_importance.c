/* SPDX-License-Identifier: MIT */
/* Files of importance, in all forms: refused with a sentence that has the file, or weights that are numbers above zero, in all. */
#include "compress/importance.h"
#include "fuzz_compress.h"

static void use(const struct tl_importance *importance, const struct tl_tensor *tensor)
{
    for (uint64_t m = 0; m < FUZZ_EXPERTS + 1; m++) {
        const float *weights = tl_importance_of(importance, tensor, m);
        for (int c = 0; weights && c < FUZZ_COLUMNS; c++)
            require(weights[c] > 0 && weights[c] <= FUZZ_COLUMNS * 1.01f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    const struct tl_modelfile *model = fuzz_model();
    struct tl_importance *importance = NULL;
    char path[64];
    int fd = memory_file(bytes, n_bytes, path);
    if (tl_importance_open(path, model, NULL, &importance) < 0)
        require(!importance && strstr(tl_error_text(), path));
    else
        for (uint64_t i = 0; i < FUZZ_TENSORS; i++)
            use(importance, tl_modelfile_tensor(model, i));
    tl_importance_close(importance);
    close(fd);
    return 0;
}
