/* SPDX-License-Identifier: MIT */
/* What whoever asked for a model should know of its tensors: which experts stay as they came, of which matrices the importance tells
 * nothing, what takes more room than before. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "compress/quantize_impl.h"

static void note_importance(struct tl_quantizing *q, const struct tl_output *output, const struct tl_place *place)
{
    const struct tl_tensor *tensor = output->tensor;
    struct tl_importance_report *report = &q->report->importance;
    bool stacked = tensor->n_dims > 2;
    for (uint64_t m = 0; m < (stacked ? output->shape[0] : 1); m++) {
        report->matrices++;
        report->missing[place->part] += !tl_importance_of(q->importance, tensor, stacked && output->kept ? output->kept[m] : m);
    }
}

static void note_wider(struct tl_quantizing *q, const struct tl_output *output)
{
    const struct tl_tensor *tensor = output->tensor;
    const struct tl_number *from = tl_conversion_number(q->conversion, (uint64_t)(tensor - tl_modelfile_tensor(q->file, 0)));
    if (!from || from->block_elems == 1 || !tensor->number || tensor->number->id != TL_NUMBER_F32)
        return;
    q->wider.several = q->wider.several || (q->wider.from && q->wider.from != from);
    q->wider.from = from;
    q->wider.elems += tensor->n_elems;
    q->wider.n++;
}

void tl_quantize_note(struct tl_quantizing *q, const struct tl_output *output, const struct tl_place *place, bool asked)
{
    if (place->native && !output->number && place->native != output->tensor->number)
        q->native = place->native;
    if (q->importance && output->number && tl_place_rounds(place, output->tensor))
        note_importance(q, output, place);
    if (q->conversion && !asked)
        note_wider(q, output);
}

static void tell(const struct tl_quantizing *q, const char *text)
{
    if (q->how->log)
        q->how->log(q->how->context, 1, text);
}

static void tell_importance(const struct tl_quantizing *q)
{
    const struct tl_importance_report *report = &q->report->importance;
    uint64_t missing = 0;
    char kinds[256] = "", text[400];
    for (int p = 0; p < TL_PARTS; p++) {
        size_t n = strlen(kinds);
        missing += report->missing[p];
        if (report->missing[p])
            snprintf(kinds + n, sizeof(kinds) - n, "%s%s %" PRIu64, n ? ", " : "", tl_weight_parts[p].name, report->missing[p]);
    }
    snprintf(text, sizeof(text), "importance is known of %" PRIu64 " of the %" PRIu64 " matrices that are rounded, not of: %s", report->matrices - missing,
             report->matrices, kinds);
    if (missing)
        tell(q, text);
}

void tl_quantize_tell(const struct tl_quantizing *q)
{
    bool gguf = tl_modelfile_format(q->file) == TL_MODELFILE_GGUF;
    char text[400];
    tell_importance(q);
    if (!q->wider.n)
        return;
    snprintf(text, sizeof(text), "f32 takes the place of %s in %" PRIu64 " of %" PRIu64 " tensors, %.3f GB, as no smaller format of %s has all of their values: --to bf16 "
             "rounds them to half of that%s", q->wider.several ? "several formats" : q->wider.from->name, q->wider.n, q->n_outputs,
             (double)q->wider.elems * 4e-9, gguf ? "a GGUF" : "safetensors", gguf ? ", --to q8_0 to about a quarter" : "");
    tell(q, text);
}
