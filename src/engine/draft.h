/* SPDX-License-Identifier: MIT */
/* Drafts: ids that probably come next, computed in one step with the last id of a sequence. A drafted id is accepted if and
 * only if it equals the one that the sampler draws at its place, so no answer depends on them.
 *
 * A kind is a row of drafts.def and a file. The kinds are asked in the order of the rows; the first whose ids are worth the
 * time of a longer step (draft_price.h) drafts. One that fails is off from there; while opening, a warning says why. All is the
 * leader's, between two steps, but open and close, begin, and the figures; drafters come and go inside (tl_engine_enter). */
#ifndef TL_ENGINE_DRAFT_H
#define TL_ENGINE_DRAFT_H

#include "engine/draft_price.h"
#include "text/guide.h"
#include "text/sampler.h"

struct tl_engine;
struct tl_model;
struct tl_model_limits;

enum tl_draft_names {
#define DRAFT(name, always, help) TL_DRAFT_##name,
#include "engine/drafts.def"
#undef DRAFT
    TL_DRAFT_KINDS
};

/* So many sequences fill a step themselves: one more token of each costs as much as it brings, and they come in bursts. */
enum { TL_DRAFT_CROWD = 4 };

enum { TL_DRAFT_CLASSES = 5 };

/* Where a sequence is. */
struct tl_draft_place {
    const int32_t *ids;
    uint32_t n_ids, n_prompt;
    struct tl_guide *guide;              /* NULL: none */
    const struct tl_sampling *sampling;
    uint64_t choice;
    const float *hidden;                 /* with drafts->hidden: [n_hidden][width] of the tokens from hidden_at on that the last step
                                            computed, before the model's last norm */
    uint32_t hidden_at, n_hidden;
};

struct tl_drafts;

/* `shared` is a kind's own for an engine, `own` for a session. All but look and give may be NULL. */
struct tl_draft_kind {
    float prior[TL_DRAFT_CLASSES];       /* how likely its first id is accepted, by its classes, before it was tried */
    uint64_t (*bytes)(const struct tl_model *model, const struct tl_model_limits *limits);      /* that it takes on the heap */
    int (*open)(struct tl_drafts *drafts, void **ret_shared);
    void (*close)(void *shared);
    int (*start)(struct tl_drafts *drafts, void *shared, void **ret_own);
    void (*stop)(void *own);
    void (*begin)(void *own);            /* another answer; from the thread that asked */
    void (*follow)(void *own, const struct tl_draft_place *place);    /* behind every step, whoever drafts */
    /* How many ids it could draft now, at most `room` (TL_DRAFT_MOST at most), and how sure it is of them. */
    uint32_t (*look)(void *own, const struct tl_draft_place *place, uint32_t room, uint32_t *ret_class);
    /* These ids: how many; < 0: failed. ret_ids lies behind place->ids [n_ids]. */
    int (*give)(void *own, const struct tl_draft_place *place, uint32_t n_ids, int32_t *ret_ids);
};

#define DRAFT(name, always, help) extern const struct tl_draft_kind tl_draft_##name;
#include "engine/drafts.def"
#undef DRAFT

struct tl_draft_figures { uint64_t drafted, accepted; double own_seconds; };

/* Of an engine. */
struct tl_drafts {
    struct tl_engine *engine;
    bool replays;                        /* what is drafted in vain is computed again up to its first wrong id: recurrent layers */
    uint32_t context, vocab;             /* ids of a sequence; ids that there are, 0: any */
    void (*log)(void *context, int level, const char *text);
    void *log_context;
    float *hidden;                       /* [chunk][width] of the last step's tokens; NULL: no kind wants it */
    bool on[TL_DRAFT_KINDS];
    bool priced;                         /* else always as much as there is */
    void *shared[TL_DRAFT_KINDS];
    struct tl_odds odds[TL_DRAFT_KINDS][TL_DRAFT_CLASSES];
    double own_each[TL_DRAFT_KINDS];     /* seconds that drafting an id takes, of late */
    struct tl_draft_figures figures[TL_DRAFT_KINDS];
    struct tl_draft_price price;
    struct tl_draft_step step;           /* the last one, until the next has run; n_sequences 0: none to be noted */
    double own_seconds;                  /* drafting for the next one */
    uint32_t n_sequences, n_tokens;      /* that will probably be in it; tokens with what is drafted so far */
    double expected;                     /* drafted ids of it that will probably be accepted */
};

/* Of a session. */
struct tl_drafter;

/* Which kinds; always: whatever they cost, for tests and measurements. */
struct tl_draft_choice { bool on[TL_DRAFT_KINDS], always; };

/* names: with commas between them, "always" among them; "auto" or NULL, "off". TL_E_USAGE lists them. A smaller model that is
 * named (NULL: none) drafts, unless nothing does. */
int tl_drafts_choose(const char *names, const char *draft_model, struct tl_draft_choice *ret_choice);
const char *tl_drafts_names(void);                                    /* blanks between them */
uint64_t tl_drafts_bytes(const struct tl_draft_choice *choice, const struct tl_model *model, const struct tl_model_limits *limits);   /* heap */
/* engine, context and log (which may be NULL) are set before. A kind that cannot be had is told to the log, and off. */
void tl_drafts_open(struct tl_drafts *drafts, const struct tl_draft_choice *choice);
void tl_drafts_close(struct tl_drafts *drafts);
bool tl_drafts_any(const struct tl_drafts *drafts);

int tl_drafter_new(struct tl_drafts *drafts, struct tl_drafter **ret_drafter);
void tl_drafter_free(struct tl_drafter *drafter);
void tl_drafter_begin(struct tl_drafter *drafter);
/* A step has run in which n_sequences decoded with n_tokens together. pure: it had no other tokens, so it tells what it costs.
 * Before `told` and `next` of its sequences. */
void tl_drafts_stepped(struct tl_drafts *drafts, uint32_t n_sequences, uint32_t n_tokens, bool pure, double seconds);
/* What the last draft became: so many of its ids were computed, and so many accepted. n_given: ids that the step gave. */
void tl_drafter_told(struct tl_drafter *drafter, uint32_t n_computed, uint32_t n_accepted, uint32_t n_given);
/* Drafts at most `room` ids. */
uint32_t tl_drafter_next(struct tl_drafter *drafter, const struct tl_draft_place *place, uint32_t room, int32_t *ret_ids);

#endif
