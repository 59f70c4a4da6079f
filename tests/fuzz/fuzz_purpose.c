/* SPDX-License-Identifier: MIT */
/* Jobs in a few words: any text is understood or refused with a sentence, and what is understood has all that its kind needs. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "plan/purpose.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void require(bool good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    char text[256];
    struct tl_purpose purpose;
    size_t n = n_bytes < sizeof text ? n_bytes : sizeof text - 1;
    memcpy(text, bytes, n);
    text[n] = 0;
    if (tl_purpose_parse(text, &purpose) < 0) {
        require(strncmp(tl_error_text(), "--for: ", 7) == 0);
        return 0;
    }
    bool learns = purpose.kind == TL_PURPOSE_TRAIN || purpose.kind == TL_PURPOSE_DISTILL;
    require(purpose.kind < TL_PURPOSES && (purpose.student > 0) == learns);
    require(purpose.tokens > 0 || (purpose.kind == TL_PURPOSE_BATCH && purpose.requests > 0));
    require(isfinite(purpose.tokens) && isfinite(purpose.requests) && isfinite(purpose.student));
    return 0;
}
