/* SPDX-License-Identifier: MIT */
/* The model that is trained: a file that goes on from its weights, a geometry known by name, or a size ("10M": so many weights
 * beyond the embeddings, in a shape of our own). What has no file takes the words of another model and begins with weights that are
 * drawn. */
#ifndef TL_TRAIN_STUDENT_H
#define TL_TRAIN_STUDENT_H

#include "model/model.h"
#include "modelfile/modelfile.h"
#include "text/template.h"
#include "text/tokenizer.h"

struct tl_student {
    struct tl_model *model;              /* headers only, or outlined; for tl_weights_new */
    struct tl_tokenizer *tokenizer;
    struct tl_template *template;        /* NULL: none */
    const struct tl_modelfile *vocabulary;       /* for tl_weights_write; NULL: its own file's */
    struct tl_meters *meters;            /* of its store; NULL where it has no file */
    bool drawn;                          /* tl_weights_draw, not tl_weights_read */
    void *more;                          /* private */
};

/* source: a path, a geometry, a size. vocabulary: whose words and template a model without a file takes, borrowed; NULL where
 * source is a file. TL_E_USAGE: it is none of the three, or has no vocabulary. */
int tl_student_open(const char *source, const struct tl_modelfile *vocabulary, struct tl_student **ret_student);
/* The base of adapters: a file or a folder whose weights stay as they are. */
int tl_student_open_base(const char *path, struct tl_student **ret_student);
void tl_student_close(struct tl_student *student);                    /* NULL is fine */
/* The shape that a size has: the width is a multiple of 64. The weights of a shape beyond its embeddings. */
void tl_student_shape(double parameters, uint32_t *ret_width, uint32_t *ret_layers);
double tl_student_beyond(uint32_t width, uint32_t layers);
/* The size whose loss is predicted to be the least (plan/loss.h) for so many operations or, where tokens are given, the
 * one that these tokens are the best number for. Two figures of it count: "12M" means the same again. */
struct tl_student_choice { double size, parameters, tokens, loss; uint32_t width, layers; };        /* size: beyond the embeddings */
void tl_student_choose(uint32_t vocab, double operations, double tokens, struct tl_student_choice *ret_choice);
/* The usual peak of the rate: less for larger ones, and less for those that go on. */
double tl_student_rate(uint64_t parameters, bool drawn);

#endif
