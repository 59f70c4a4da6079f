/* SPDX-License-Identifier: MIT */
/* A model file of a few matrices, for what is read about models: a dense matrix, one of a bank of experts, a vector. */
#ifndef FUZZ_COMPRESS_H
#define FUZZ_COMPRESS_H

#include "fuzz_modelfile.h"
#include "modelfile/writer.h"

enum { FUZZ_TENSORS = 3, FUZZ_EXPERTS = 2, FUZZ_COLUMNS = 32 };

/* Opened once, for good. */
static inline const struct tl_modelfile *fuzz_model(void)
{
    static const struct { const char *name; uint32_t n_dims; uint64_t shape[3]; } tensors[FUZZ_TENSORS] = {
        {"blk.0.attn_q.weight", 2, {1, FUZZ_COLUMNS}},
        {"blk.0.ffn_up_exps.weight", 3, {FUZZ_EXPERTS, 1, FUZZ_COLUMNS}},
        {"blk.0.attn_norm.weight", 1, {FUZZ_COLUMNS}},
    };
    static const float zeros[FUZZ_EXPERTS * FUZZ_COLUMNS];
    static struct tl_modelfile *file;
    struct tl_writer *writer;
    char path[64];
    if (file)
        return file;
    snprintf(path, sizeof path, "/dev/shm/trill-fuzz-%ld.gguf", (long)getpid());
    require(tl_writer_open(path, TL_MODELFILE_GGUF, &writer) >= 0);
    for (int i = 0; i < FUZZ_TENSORS; i++)
        require(tl_writer_tensor(writer, tensors[i].name, tl_number(TL_NUMBER_F32), tensors[i].n_dims, tensors[i].shape) >= 0);
    require(tl_writer_begin(writer) >= 0);
    for (int i = 0; i < FUZZ_TENSORS; i++)
        require(tl_writer_bytes(writer, zeros, (i == 1 ? FUZZ_EXPERTS : 1) * FUZZ_COLUMNS * sizeof(float)) >= 0);
    require(tl_writer_commit(writer) >= 0);
    tl_writer_close(writer);
    require(tl_modelfile_open(path, &file) >= 0 && unlink(path) == 0);
    return file;
}

#endif
