/* SPDX-License-Identifier: MIT */
/* Stands in for libFuzzer where clang is missing: runs the fuzzed function on each file, or on each file of a folder. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static int replay_file(const char *path, size_t n_bytes)
{
    uint8_t *bytes = malloc(n_bytes ? n_bytes : 1);
    FILE *file = fopen(path, "rb");
    int good = bytes && file && fread(bytes, 1, n_bytes, file) == n_bytes;
    if (file)
        fclose(file);
    if (good)
        LLVMFuzzerTestOneInput(bytes, n_bytes);
    else
        fprintf(stderr, "%s: cannot be read\n", path);
    free(bytes);
    return good ? 0 : 1;
}

static int replay(const char *path)
{
    struct stat facts;
    int r = 0;
    DIR *folder = opendir(path);
    if (!folder)
        return stat(path, &facts) == 0 ? replay_file(path, (size_t)facts.st_size) : 1;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char inside[4096];
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        if (stat(inside, &facts) == 0 && S_ISREG(facts.st_mode))
            r |= replay_file(inside, (size_t)facts.st_size);
    }
    closedir(folder);
    return r;
}

int main(int argc, char **argv)
{
    int r = 0;
    for (int i = 1; i < argc; i++)
        if (argv[i][0] != '-')
            r |= replay(argv[i]);
    return r;
}
