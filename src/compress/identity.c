/* SPDX-License-Identifier: MIT */
/* Models told apart without reading all of them. */
#include "compress/identity.h"

#include <string.h>

#include "base/error.h"

enum { END_BYTES = 4096 };

static int add_end(struct tl_sha256 *sha, const struct tl_modelfile *file, const struct tl_tensor *tensor, uint64_t offset)
{
    uint8_t bytes[END_BYTES];
    uint64_t n = tensor->n_bytes - offset < END_BYTES ? tensor->n_bytes - offset : END_BYTES;
    int status = n ? tl_modelfile_read(file, tensor, offset, bytes, n) : 0;
    if (status >= 0)
        tl_sha256_add(sha, bytes, n);
    return status;
}

int tl_identity_of(const struct tl_modelfile *file, uint8_t ret_digest[TL_SHA256_BYTES])
{
    struct tl_sha256 sha;
    uint64_t size = tl_modelfile_bytes(file), n = tl_modelfile_tensors(file);
    int status = 0;
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, &size, sizeof(size));
    for (uint64_t i = 0; i < n && status >= 0; i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(file, i);
        tl_sha256_add(&sha, tensor->name, strlen(tensor->name) + 1);
        tl_sha256_add(&sha, tensor->type_name, strlen(tensor->type_name) + 1);
        tl_sha256_add(&sha, tensor->shape, tensor->n_dims * sizeof(tensor->shape[0]));
        status = add_end(&sha, file, tensor, 0);
        if (status >= 0 && tensor->n_bytes > END_BYTES)
            status = add_end(&sha, file, tensor, tensor->n_bytes - END_BYTES);
    }
    tl_sha256_end(&sha, ret_digest);
    return status < 0 ? status : 0;
}
