/* SPDX-License-Identifier: MIT */
/* What the fuzzers of model files share: bytes as a file without a disk, and the use of everything an open model gives. */
#ifndef FUZZ_MODELFILE_H
#define FUZZ_MODELFILE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "modelfile/modelfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static inline void require(bool good)
{
    if (!good)
        abort();
}

/* A file in memory of these bytes; its path stays valid until the descriptor is closed. */
static inline int memory_file(const void *bytes, size_t n_bytes, char path[64])
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    require(fd >= 0 && write(fd, bytes, n_bytes) == (ssize_t)n_bytes);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static inline void use_metas(const struct tl_modelfile *file)
{
    for (uint64_t i = 0; i < tl_modelfile_metas(file); i++) {
        const struct tl_meta *meta = tl_modelfile_meta_at(file, i);
        const char *text;
        size_t n;
        int64_t integer;
        double number;
        bool truth;
        require(tl_modelfile_meta(file, meta->key) == meta);
        for (uint64_t k = 0; k < meta->count; k++) {
            if (meta->kind == TL_META_STRING)
                require(tl_meta_at_string(meta, k, &text, &n) == 0 && text[n] == 0 && strlen(text) <= n);
            tl_meta_at_i64(meta, k, &integer);
            tl_meta_at_f64(meta, k, &number);
            tl_meta_at_bool(meta, k, &truth);
        }
    }
}

/* Every tensor lies inside its file: its first and last byte can be read. */
static inline void use_tensors(const struct tl_modelfile *file)
{
    for (uint64_t i = 0; i < tl_modelfile_tensors(file); i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(file, i);
        uint64_t n_bytes;
        uint8_t byte;
        require(tl_modelfile_find(file, tensor->name) == tensor && tensor->type_name && tensor->n_dims <= TL_TENSOR_DIMS);
        require(!tensor->number || (tl_number_bytes(tensor->number, tensor->n_elems, &n_bytes) && n_bytes == tensor->n_bytes));
        if (tensor->n_bytes)
            require(tl_modelfile_read(file, tensor, 0, &byte, 1) == 0 &&
                    tl_modelfile_read(file, tensor, tensor->n_bytes - 1, &byte, 1) == 0);
        require(tl_modelfile_read(file, tensor, tensor->n_bytes, &byte, 1) < 0);
    }
}

static inline void open_and_use(const char *path)
{
    struct tl_modelfile *file = NULL;
    if (tl_modelfile_open(path, &file) >= 0) {
        use_metas(file);
        use_tensors(file);
    } else {
        require(!file && tl_error_text()[0]);
    }
    tl_modelfile_close(file);
}

#endif
