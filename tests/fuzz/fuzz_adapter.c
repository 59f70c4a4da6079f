/* SPDX-License-Identifier: MIT */
/* Adapter files. The first byte says what the rest is: C the configuration beside good PEFT weights, S weights beside a good
 * configuration, anything else a GGUF. */
#include <sys/stat.h>

#include "fuzz_modelfile.h"
#include "modelfile/adapter.h"

static char folder[64];

static void write_in(const char *name, const void *bytes, size_t n_bytes)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    require(file && fwrite(bytes, 1, n_bytes, file) == n_bytes && fclose(file) == 0);
}

static void write_good(void)
{
    static const float a[6], b[4];
    const struct tl_adapter_matrix matrix = {"model.layers.0.self_attn.q_proj.weight", 2, 2, 3, a, b};
    const struct tl_adapter_facts facts = {.architecture = "llama", .rank = 2, .alpha = 4};
    require(tl_adapter_write(folder, TL_MODELFILE_SAFETENSORS, &facts, &matrix, 1) >= 0);
}

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command))
        return;
}

static void open_adapter(const char *path)
{
    struct tl_adapter *adapter = NULL;
    if (tl_adapter_open(path, &adapter) < 0) {
        require(!adapter && tl_error_text()[0]);
        return;
    }
    require(adapter->n_pairs > 0);
    for (uint32_t i = 0; i < adapter->n_pairs; i++) {
        const struct tl_adapter_pair *pair = &adapter->pairs[i];
        require(pair->rank > 0 && pair->a->shape[0] == pair->rank && pair->b->shape[1] == pair->rank && pair->target[0]);
        require(pair->a->n_dims == 2 && pair->b->n_dims == 2 && pair->a->number && pair->b->number);
        require(pair->scale - pair->scale == 0);
    }
    tl_adapter_close(adapter);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    char path[64];
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "/dev/shm/trill-fuzz-adapter-%ld", (long)getpid());
        require(atexit(remove_folder) == 0);
    }
    if (n_bytes == 0)
        return 0;
    if (bytes[0] == 'C' || bytes[0] == 'S') {
        write_good();
        write_in(bytes[0] == 'C' ? "adapter_config.json" : "adapter_model.safetensors", bytes + 1, n_bytes - 1);
        open_adapter(folder);
        return 0;
    }
    int fd = memory_file(bytes + 1, n_bytes - 1, path);
    open_adapter(path);
    close(fd);
    return 0;
}
