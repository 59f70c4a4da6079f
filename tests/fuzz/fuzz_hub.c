/* SPDX-License-Identifier: MIT */
/* What a hub says: a name in the first line, then either of its documents. What is taken stays inside its folder, and what is
 * needed is there. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "pull/choose.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void require(bool good)
{
    if (!good)
        abort();
}

static void choose(struct tl_hub_repository *repository, const struct tl_pull_name *name)
{
    struct tl_choice choice;
    uint64_t needed = 0;
    if (tl_choose(repository, name, NULL, 0, &choice) < 0)
        return;
    for (uint64_t i = 0; i < repository->n_files; i++)
        needed += repository->files[i].needed;
    require(needed > 0 && (!choice.path || tl_pull_path_is_good(choice.path)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct tl_hub_repository repository = {0};
    struct tl_pull_name name;
    const char *end = n_bytes ? memchr(bytes, '\n', n_bytes) : NULL;
    if (!end)
        return 0;
    TL_AUTO char *text = tl_strndup((const char *)bytes, (size_t)(end - (const char *)bytes));
    const char *document = end + 1;
    size_t n = n_bytes - (size_t)(document - (const char *)bytes);
    if (!text || tl_pull_name_parse(text, NULL, &name) < 0)
        return 0;
    require(tl_pull_name_is_repository(name.repository) && tl_pull_revision_is_good(name.revision));
    require(!name.file[0] || tl_pull_path_is_good(name.file));
    if (tl_hub_read_info(name.repository, document, n, &repository) >= 0)
        require(tl_pull_is_hex(repository.commit, TL_COMMIT_DIGITS));
    if (tl_hub_read_tree(name.repository, document, n, &repository) >= 0)
        choose(&repository, &name);
    for (uint64_t i = 0; i < repository.n_files; i++)
        require(tl_pull_path_is_good(repository.files[i].path) && tl_content_is_hash(repository.files[i].hash));
    tl_hub_done(&repository);
    return 0;
}
