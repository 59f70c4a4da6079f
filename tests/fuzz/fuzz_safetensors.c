/* SPDX-License-Identifier: MIT */
/* safetensors and the JSON beside it. The first byte says what the rest is: S a safetensors file, C every JSON file of
 * a good model's folder, I the index of a folder with one good shard. */
#include <sys/stat.h>

#include "fuzz_modelfile.h"

static const char good_header[] = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";

static void write_in(const char *folder, const char *name, const void *bytes, size_t n_bytes)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    require(file && fwrite(bytes, 1, n_bytes, file) == n_bytes && fclose(file) == 0);
}

/* A folder with NAME as its weights, made once. */
static const char *folder_with(const char *kind, const char *name)
{
    static char folders[2][64];
    char *folder = folders[kind[0] == 'i'];
    uint8_t weights[sizeof good_header + 8] = {sizeof good_header - 1};
    if (folder[0])
        return folder;
    snprintf(folder, sizeof folders[0], "/dev/shm/trill-fuzz-%s-%ld", kind, (long)getpid());
    mkdir(folder, 0700);
    memcpy(weights + 8, good_header, sizeof good_header - 1);
    write_in(folder, name, weights, sizeof weights);
    write_in(folder, "config.json", "{}", 2);
    return folder;
}

static void try_side_files(const uint8_t *bytes, size_t n_bytes)
{
    static const char *const names[] = {"config.json", "tokenizer_config.json", "chat_template.json", "generation_config.json"};
    const char *folder = folder_with("config", "model.safetensors");
    for (int i = 0; i < 4; i++) {
        write_in(folder, names[i], bytes, n_bytes);
        open_and_use(folder);
        write_in(folder, names[i], "{}", 2);
    }
}

static void remove_folders(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf /dev/shm/trill-fuzz-*-%ld", (long)getpid());
    if (system(command))
        return;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static bool ready;
    char path[64];
    if (!ready)
        ready = atexit(remove_folders) == 0;
    if (n_bytes == 0)
        return 0;
    if (bytes[0] == 'C') {
        try_side_files(bytes + 1, n_bytes - 1);
    } else if (bytes[0] == 'I') {
        const char *folder = folder_with("index", "one.safetensors");
        write_in(folder, "model.safetensors.index.json", bytes + 1, n_bytes - 1);
        open_and_use(folder);
    } else {
        int fd = memory_file(bytes + 1, n_bytes - 1, path);
        open_and_use(path);
        close(fd);
    }
    return 0;
}
