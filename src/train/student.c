/* SPDX-License-Identifier: MIT */
/* Opens what is to be trained. A size becomes a configuration of the llama kind: heads of 64, as many layers as a 64th of
 * the width or so, three matrices of about 8/3 of the width behind attention, and the embedding as head. */
#include "train/student.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/text.h"
#include "model/arch.h"
#include "modelfile/adapter.h"
#include "plan/loss.h"
#include "plan/outlined.h"

enum { HEAD = 64, CONTEXT = 2048, MOST_WIDTH = 8192, MOST_LAYERS = 128 };
static const double least_size = 1e4, most_size = 1e11;

/* What lies behind tl_student.more. */
struct opened {
    struct tl_modelfile *file;           /* its own; NULL: outlined */
    struct tl_outlined *outlined;
    struct tl_meters meters;
};

/* --- sizes -------------------------------------------------------------------------------------------------------- */

static uint32_t ff_of(uint32_t width) { return (width * 8 / 3 + HEAD / 2) / HEAD * HEAD; }
static double layer_parameters(uint32_t width) { return 4.0 * width * width + 3.0 * width * ff_of(width) + 2.0 * width; }

void tl_student_shape(double parameters, uint32_t *ret_width, uint32_t *ret_layers)
{
    double width = cbrt(parameters * HEAD / 12);         /* 12 width^2 a layer, width / 64 layers */
    uint32_t heads = (uint32_t)(width / HEAD + 0.5);
    heads = heads < 1 ? 1 : heads > MOST_WIDTH / HEAD ? MOST_WIDTH / HEAD : heads;
    double layers = parameters / layer_parameters(heads * HEAD) + 0.5;
    *ret_width = heads * HEAD;
    *ret_layers = layers < 1 ? 1 : layers > MOST_LAYERS ? MOST_LAYERS : (uint32_t)layers;
}

double tl_student_beyond(uint32_t width, uint32_t layers) { return layers * layer_parameters(width) + width; }

static struct tl_student_choice choice_of(double size, uint32_t vocab, double operations, double tokens)
{
    struct tl_student_choice c = { .size = size, .tokens = tokens };
    tl_student_shape(size, &c.width, &c.layers);
    c.parameters = tl_student_beyond(c.width, c.layers) + (double)vocab * c.width;
    c.tokens = tokens > 0 ? tokens : operations / tl_loss_operations(c.parameters, 1);
    c.loss = tl_loss(c.parameters, c.tokens);
    return c;
}

/* Sizes of two figures, smallest first. Of small models most weights are embeddings, which cost operations at the head but
 * are worth little: what counts as size here is what lies beyond them. */
void tl_student_choose(uint32_t vocab, double operations, double tokens, struct tl_student_choice *ret_choice)
{
    *ret_choice = choice_of(least_size * 10, vocab, operations, tokens);
    for (double unit = least_size; unit < most_size / 10; unit *= 10)
        for (int figures = 10; figures < 100; figures++) {
            struct tl_student_choice c = choice_of(figures * unit, vocab, operations, tokens);
            double best_size = INFINITY, best_tokens;
            if (tokens > 0)
                tl_loss_best(tl_loss_operations(c.size, tokens), &best_size, &best_tokens);
            if (c.size <= best_size && (tokens > 0 || tl_loss(c.size, c.tokens) < tl_loss(ret_choice->size, ret_choice->tokens)))
                *ret_choice = c;
        }
}

static int size_config(const char *source, double parameters, char *config, size_t n_bytes)
{
    uint32_t width, layers;
    if (parameters < least_size || parameters > most_size)
        return tl_fail(TL_E_USAGE, "a student of %.40s weights: expected 10k to 100B", source);
    tl_student_shape(parameters, &width, &layers);
    snprintf(config, n_bytes, "{\"model_type\":\"llama\",\"num_hidden_layers\":%u,\"hidden_size\":%u,\"intermediate_size\":%u,\"num_attention_heads\":%u,"
             "\"num_key_value_heads\":%u,\"vocab_size\":32,\"max_position_embeddings\":%d,\"rope_theta\":10000,\"rms_norm_eps\":1e-5,"
             "\"tie_word_embeddings\":true}", layers, width, ff_of(width), width / HEAD, width / HEAD, CONTEXT);
    return 0;
}

/* --- words -------------------------------------------------------------------------------------------------------- */

static int open_words(const struct tl_modelfile *file, struct tl_student *student)
{
    const char *text;
    size_t n_bytes;
    int status = tl_tokenizer_new((struct tl_modelfile *)file, &student->tokenizer);
    if (status < 0)
        return status;
    status = tl_meta_string(file, "tokenizer.chat_template", &text, &n_bytes);
    if (status > 0 && tl_template_new(text, n_bytes, &student->template) < 0)
        student->template = NULL;        /* a corpus with messages says that there is none */
    return status < 0 ? status : 0;
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

/* frozen: as the base of adapters. */
static int open_file(const char *source, bool frozen, struct tl_student *student)
{
    struct opened *opened = student->more;
    int status = tl_modelfile_open(source, &opened->file);
    if (status >= 0 && tl_adapter_is(opened->file))
        status = tl_fail(TL_E_USAGE, "%s is an adapter and no model: adapters are trained on their base", source);
    if (status >= 0 && !frozen && tl_modelfile_format(opened->file) != TL_MODELFILE_GGUF)
        status = tl_fail(TL_E_USAGE, "%s: only models in GGUF files are trained on", source);
    if (status >= 0)
        status = open_words(opened->file, student);
    if (status < 0)
        return status;
    if (frozen)
        tl_modelfile_drop_tokenizer_json(opened->file);
    struct tl_model_choices choices = { .exact = true, .walked_back = frozen };
    student->meters = &opened->meters;
    return tl_model_new(opened->file, &choices, &opened->meters, &student->model);
}

static int open_outline(const char *name, const char *source, const struct tl_modelfile *vocabulary, struct tl_student *student)
{
    static const struct tl_recipe_names f32 = { .to = "f32" };
    struct opened *opened = student->more;
    struct tl_model_choices choices = { .kv = NULL };
    if (!vocabulary)
        return tl_fail(TL_E_USAGE, "%s: has no vocabulary of its own; name a model whose words it takes (--vocab MODEL)", name);
    if (tl_modelfile_format(vocabulary) != TL_MODELFILE_GGUF)
        return tl_fail(TL_E_USAGE, "%s: a vocabulary is taken from a GGUF file", tl_modelfile_path(vocabulary));
    int status = open_words(vocabulary, student);
    if (status < 0)
        return status;
    struct tl_outline_sizes sizes = { .vocab = tl_tokenizer_size(student->tokenizer) };
    status = tl_outlined_open(source, &sizes, &f32, &choices, &opened->outlined);
    if (status < 0)
        return status;
    if (opened->outlined->outline->geometry.arch->planned)
        return tl_fail(TL_E_USAGE, "%s: trill plans models of the architecture %s but does not run them yet", name,
                       opened->outlined->outline->geometry.arch->name);
    student->model = opened->outlined->model;
    student->vocabulary = vocabulary;
    student->drawn = true;
    return 0;
}

static bool is_configuration(const char *source)
{
    if (!tl_file_is_folder(source))
        return tl_text_ends(source, ".json");
    struct tl_modelfile *file = NULL;
    bool model = tl_modelfile_open(source, &file) >= 0;
    tl_modelfile_close(file);
    return !model;
}

static int open_source(const char *source, const struct tl_modelfile *vocabulary, struct tl_student *student)
{
    char config[512];
    double size;
    if (tl_file_exists(source) || strchr(source, '/'))
        return is_configuration(source) ? open_outline(source, source, vocabulary, student) : open_file(source, false, student);
    if (!tl_parse_count(source, strlen(source), &size))
        return open_outline(source, source, vocabulary, student);
    int status = size_config(source, size, config, sizeof(config));
    return status < 0 ? status : open_outline(source, config, vocabulary, student);
}

static int open_student(const char *source, const struct tl_modelfile *vocabulary, bool frozen, struct tl_student **ret_student)
{
    struct tl_student *student = tl_alloc(1, sizeof(*student));
    if (!student)
        return TL_E_NOMEM;
    student->more = tl_alloc(1, sizeof(struct opened));
    int status = student->more ? 0 : TL_E_NOMEM;
    if (status >= 0)
        status = frozen ? open_file(source, true, student) : open_source(source, vocabulary, student);
    if (status < 0) {
        tl_student_close(student);
        return status;
    }
    *ret_student = student;
    return 0;
}

int tl_student_open(const char *source, const struct tl_modelfile *vocabulary, struct tl_student **ret_student)
{
    return open_student(source, vocabulary, false, ret_student);
}

int tl_student_open_base(const char *path, struct tl_student **ret_student) { return open_student(path, NULL, true, ret_student); }

void tl_student_close(struct tl_student *student)
{
    if (!student)
        return;
    struct opened *opened = student->more;
    if (opened && !opened->outlined)
        tl_model_free(student->model);
    if (opened) {
        tl_outlined_close(opened->outlined);
        tl_modelfile_close(opened->file);
    }
    tl_template_free(student->template);
    tl_tokenizer_free(student->tokenizer);
    tl_free(opened);
    tl_free(student);
}

/* Rates fall with the cube root of the size, about as those of published models do. */
double tl_student_rate(uint64_t parameters, bool drawn)
{
    double rate = 1e-3 * cbrt(30e6 / (parameters > 0 ? (double)parameters : 1));
    rate = rate < 1e-4 ? 1e-4 : rate > 3e-3 ? 3e-3 : rate;
    return drawn ? rate : rate / 10;
}
