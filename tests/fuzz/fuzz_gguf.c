/* SPDX-License-Identifier: MIT */
/* GGUF: any bytes are refused with a sentence, or are a model whose values and tensors can all be used. What opens is
 * written again, and what was written opens. */
#include "fuzz_modelfile.h"
#include "modelfile/writer.h"

/* The header alone: values as they are, and tensors without elements. */
static void write_again(const char *path)
{
    static const char copy[] = "/dev/shm/trill-fuzz-gguf";
    static const uint64_t none[] = {0};
    struct tl_modelfile *file = NULL, *again = NULL;
    struct tl_writer *writer = NULL;
    char to[64];
    if (tl_modelfile_open(path, &file) < 0)
        return;
    snprintf(to, sizeof to, "%s-%ld", copy, (long)getpid());
    if (tl_writer_open(to, TL_MODELFILE_GGUF, &writer) >= 0) {
        for (uint64_t i = 0; i < tl_modelfile_metas(file); i++)
            require(tl_writer_meta(writer, tl_modelfile_meta_at(file, i)) >= 0);
        for (uint64_t i = 0; i < tl_modelfile_tensors(file); i++)
            require(tl_writer_tensor(writer, tl_modelfile_tensor(file, i)->name, tl_number(TL_NUMBER_F32), 1, none) >= 0);
        require(tl_writer_begin(writer) >= 0 && tl_writer_commit(writer) >= 0);
        require(tl_modelfile_open(to, &again) >= 0 && tl_modelfile_tensors(again) == tl_modelfile_tensors(file));
        unlink(to);
    }
    tl_writer_close(writer);
    tl_modelfile_close(again);
    tl_modelfile_close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    char path[64];
    int fd = memory_file(bytes, n_bytes, path);
    open_and_use(path);
    write_again(path);
    close(fd);
    return 0;
}
