/* SPDX-License-Identifier: MIT */
/* Sets of stacks. A new one is made by a work list: frames enter it with what lies below them, and a frame that is entered
 * again with other stacks below gets the union of both and is looked at again. Only frames that read bytes, and the end,
 * stay in the set.
 *
 * Beyond DEEP frames on each other a branch goes on by its shortest ways only, so that nesting always ends. */
#include "grammar/stacks.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum {
    DEEP = 56,                           /* readers of JSON take 64 levels */
    BUCKETS = 4096, SUMS = 1024,
    MOST_WORK = 1 << 16,                 /* frames of one step */
    MOST_COUNTS = 2048,                  /* of one repetition, at once */
    MOST_SPENT = 1 << 22,                /* frames looked at for one question */
    MOST_FRAMES = 1 << 22, MOST_SETS = 1 << 18, MOST_ROWS = 1 << 15,
    FULL_FRAMES = 1 << 19, FULL_SETS = 1 << 16, FULL_ROWS = 1 << 13,
};

static uint32_t broken(struct tl_stacks *stacks, int status)
{
    if (stacks->status >= 0)
        stacks->status = status;
    return TL_STACKS_DEAD;
}

static uint32_t ambiguous(struct tl_stacks *stacks)
{
    if (stacks->status >= 0)
        stacks->status = tl_fail(TL_E_USAGE, "the grammar is too ambiguous: more ways to read one text than are kept");
    return TL_STACKS_DEAD;
}

/* --- sets ----------------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct tl_frame *x = a, *y = b;
    return x->node != y->node ? (x->node < y->node ? -1 : 1) : x->count != y->count ? (x->count < y->count ? -1 : 1) : 0;
}

static uint32_t hash_of(const struct tl_frame *frame, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ frame[i].node) * 0x9E3779B97F4A7C15u;
        h = (h ^ h >> 29 ^ frame[i].count) * 0xBF58476D1CE4E5B9u;
        h = (h ^ h >> 32 ^ frame[i].tail) * 0x94D049BB133111EBu;
    }
    return (uint32_t)(h >> 32);
}

static void measure(struct tl_stacks *stacks, struct tl_stack_set *set)
{
    uint64_t least = TL_GRAMMAR_NEVER;
    for (uint32_t i = 0; i < set->n; i++) {
        const struct tl_frame *frame = &stacks->frame[set->first + i];
        uint64_t sum = tl_grammar_least(stacks->grammar, frame->node, frame->count) + stacks->set[frame->tail].least;
        uint32_t depth = stacks->set[frame->tail].depth + 1;
        set->accepts = set->accepts || frame->node == TL_GRAMMAR_ACCEPT;
        if (frame->node == TL_GRAMMAR_ACCEPT)
            sum = 0;
        least = sum < least ? sum : least;
        set->depth = depth > set->depth ? depth : set->depth;
    }
    set->least = (uint32_t)least;
}

static int grow_set(struct tl_stacks *stacks, size_t n)
{
    if (stacks->n_frames + n > MOST_FRAMES || stacks->n_sets == MOST_SETS) {
        ambiguous(stacks);
        return stacks->status;
    }
    int r = 0;
    if (stacks->n_frames + n > stacks->frame_cap)
        r = tl_reserve((void **)&stacks->frame, stacks->n_frames + n, &stacks->frame_cap, sizeof *stacks->frame);
    if (r >= 0)
        r = tl_grow((void **)&stacks->set, stacks->n_sets, &stacks->set_cap, sizeof *stacks->set);
    if (r < 0)
        broken(stacks, r);
    return r;
}

static uint32_t intern(struct tl_stacks *stacks, const struct tl_frame *frame, size_t n)
{
    if (n == 0 || stacks->status < 0)
        return TL_STACKS_DEAD;
    uint32_t hash = hash_of(frame, n), *bucket = &stacks->bucket[hash % BUCKETS];
    for (uint32_t i = *bucket; i > 0; i = stacks->set[i].next)
        if (stacks->set[i].hash == hash && stacks->set[i].n == n && memcmp(stacks->frame + stacks->set[i].first, frame, n * sizeof *frame) == 0)
            return i;
    if (grow_set(stacks, n) < 0)
        return TL_STACKS_DEAD;
    struct tl_stack_set set = {.first = (uint32_t)stacks->n_frames, .n = (uint32_t)n, .hash = hash, .next = *bucket, .best = -2};
    memcpy(stacks->frame + stacks->n_frames, frame, n * sizeof *frame);
    stacks->n_frames += n;
    measure(stacks, &set);
    stacks->set[stacks->n_sets] = set;
    return *bucket = (uint32_t)stacks->n_sets++;
}

/* The set of these frames, in any order, no two with the same node and count. */
static uint32_t set_of(struct tl_stacks *stacks, struct tl_frame *frame, size_t n)
{
    qsort(frame, n, sizeof *frame, compare);
    return intern(stacks, frame, n);
}

/* All stacks of both. Their sets are no deeper than DEEP and the rules of the grammar. */
static uint32_t join(struct tl_stacks *stacks, uint32_t a, uint32_t b)
{
    if (a == b || b == TL_STACKS_DEAD || a == TL_STACKS_DEAD || stacks->status < 0)
        return a == TL_STACKS_DEAD ? b : a;
    if (a > b) {
        uint32_t c = a;
        a = b, b = c;
    }
    uint32_t slot = (a * 2654435761u ^ b * 2246822519u) % SUMS;
    if (stacks->sum[slot].a == a && stacks->sum[slot].b == b)
        return stacks->sum[slot].sum;
    uint32_t na = stacks->set[a].n, nb = stacks->set[b].n, i = 0, k = 0;
    size_t n = 0;
    stacks->spent += 4 + na + nb;
    if (stacks->spent > MOST_SPENT)
        return ambiguous(stacks);
    TL_AUTO struct tl_frame *both = tl_alloc(na + nb, sizeof *both);
    if (!both)
        return broken(stacks, TL_E_NOMEM);
    while (i < na || k < nb) {
        const struct tl_frame *x = i < na ? &stacks->frame[stacks->set[a].first + i] : NULL;
        const struct tl_frame *y = k < nb ? &stacks->frame[stacks->set[b].first + k] : NULL;
        int order = !x ? 1 : !y ? -1 : compare(x, y);
        i += order <= 0, k += order >= 0;
        both[n] = order <= 0 ? *x : *y;
        if (order == 0)
            both[n].tail = join(stacks, x->tail, y->tail);
        n++;
    }
    uint32_t sum = intern(stacks, both, n);
    stacks->sum[slot].a = a, stacks->sum[slot].b = b, stacks->sum[slot].sum = sum;
    return stacks->status < 0 ? TL_STACKS_DEAD : sum;
}

/* --- making a set --------------------------------------------------------------------------------------------------- */

static void enter(struct tl_stacks *stacks, struct tl_frame frame)
{
    bool accept = frame.node == TL_GRAMMAR_ACCEPT;
    if (stacks->status < 0 || (!accept && tl_grammar_least(stacks->grammar, frame.node, frame.count) == TL_GRAMMAR_NEVER))
        return;
    uint32_t *head = accept ? &stacks->accept : &stacks->head[frame.node], at = *head;
    unsigned counts = 0;
    for (; at > 0 && stacks->work[at - 1].frame.count != frame.count; counts++)
        at = stacks->work[at - 1].next;
    stacks->spent += 1 + counts / 16;
    if (at == 0) {
        if (stacks->n_work == MOST_WORK || counts == MOST_COUNTS || stacks->spent > MOST_SPENT) {
            ambiguous(stacks);
            return;
        }
        if (tl_grow((void **)&stacks->work, stacks->n_work, &stacks->work_cap, sizeof *stacks->work) < 0) {
            broken(stacks, TL_E_NOMEM);
            return;
        }
        stacks->work[stacks->n_work] = (struct tl_work){.frame = frame, .next = *head};
        at = *head = (uint32_t)++stacks->n_work;
    } else {
        uint32_t tail = join(stacks, stacks->work[at - 1].frame.tail, frame.tail);
        if (tail == stacks->work[at - 1].frame.tail)
            return;
        stacks->work[at - 1].frame.tail = tail;
    }
    if (stacks->work[at - 1].queued)
        return;
    if (stacks->n_queue == MOST_WORK)
        ambiguous(stacks);
    else if (tl_grow((void **)&stacks->queue, stacks->n_queue, &stacks->queue_cap, sizeof *stacks->queue) < 0)
        broken(stacks, TL_E_NOMEM);
    else {
        stacks->work[at - 1].queued = true;
        stacks->queue[stacks->n_queue++] = at - 1;
    }
}

static void enter_split(struct tl_stacks *stacks, const struct tl_grammar_node *node, uint32_t tail)
{
    const struct tl_grammar *grammar = stacks->grammar;
    uint32_t least = TL_GRAMMAR_NEVER - 1;
    if (stacks->set[tail].depth >= DEEP)
        for (uint32_t i = 0; i < node->b; i++) {
            uint64_t way = tl_grammar_least(grammar, grammar->target[node->a + i], 0);
            least = way < least || i == 0 ? (uint32_t)way : least;
        }
    for (uint32_t i = 0; i < node->b; i++)
        if (tl_grammar_least(grammar, grammar->target[node->a + i], 0) <= least)
            enter(stacks, (struct tl_frame){grammar->target[node->a + i], 0, tail});
}

/* Enters a rule; behind it lies `back`, or the tail itself where nothing of the calling rule is left. */
static void enter_rule(struct tl_stacks *stacks, uint32_t rule, struct tl_frame back)
{
    const struct tl_grammar *grammar = stacks->grammar;
    uint32_t start = grammar->rule[rule].start, tail = back.tail;
    if (grammar->least[start] == TL_GRAMMAR_NEVER || tl_grammar_least(grammar, back.node, back.count) == TL_GRAMMAR_NEVER)
        return;
    if (grammar->node[back.node].kind != TL_GRAMMAR_END)
        tail = intern(stacks, &back, 1);
    enter(stacks, (struct tl_frame){start, 0, tail});
}

static void enter_repeat(struct tl_stacks *stacks, const struct tl_grammar_node *node, struct tl_frame frame)
{
    uint32_t most = node->max == TL_GRAMMAR_NO_END ? node->min : node->max;          /* counting further is of no use */
    bool enough = frame.count >= node->min;
    if (enough)
        enter(stacks, (struct tl_frame){node->b, 0, frame.tail});
    if ((frame.count < node->max || node->max == TL_GRAMMAR_NO_END) && !(enough && stacks->set[frame.tail].depth >= DEEP))
        enter_rule(stacks, node->a, (struct tl_frame){frame.node, frame.count < most ? frame.count + 1 : most, frame.tail});
}

static void leave_rule(struct tl_stacks *stacks, uint32_t tail)
{
    for (uint32_t i = 0; i < stacks->set[tail].n && stacks->status >= 0; i++)
        enter(stacks, stacks->frame[stacks->set[tail].first + i]);
}

static void follow(struct tl_stacks *stacks, struct tl_frame frame)
{
    if (frame.node == TL_GRAMMAR_ACCEPT)
        return;
    const struct tl_grammar_node *node = &stacks->grammar->node[frame.node];
    if (node->kind == TL_GRAMMAR_SPLIT)
        enter_split(stacks, node, frame.tail);
    else if (node->kind == TL_GRAMMAR_CALL)
        enter_rule(stacks, node->a, (struct tl_frame){node->b, 0, frame.tail});
    else if (node->kind == TL_GRAMMAR_REPEAT)
        enter_repeat(stacks, node, frame);
    else if (node->kind == TL_GRAMMAR_END)
        leave_rule(stacks, frame.tail);
}

/* Works the list off: the set of what reads bytes, and of the end. */
static uint32_t close_set(struct tl_stacks *stacks)
{
    size_t n = 0;
    for (uint32_t i = 0; i < stacks->n_queue && stacks->status >= 0; i++) {
        struct tl_work *work = &stacks->work[stacks->queue[i]];
        work->queued = false;
        follow(stacks, work->frame);
    }
    TL_AUTO struct tl_frame *frame = tl_alloc(stacks->n_work + 1, sizeof *frame);
    if (!frame)
        broken(stacks, TL_E_NOMEM);
    for (uint64_t i = 0; i < stacks->n_work; i++) {
        struct tl_frame f = stacks->work[i].frame;
        if (f.node != TL_GRAMMAR_ACCEPT)
            stacks->head[f.node] = 0;
        if (frame && (f.node == TL_GRAMMAR_ACCEPT || stacks->grammar->node[f.node].kind == TL_GRAMMAR_BYTES))
            frame[n++] = f;
    }
    stacks->n_work = stacks->n_queue = stacks->accept = 0;
    return stacks->status < 0 ? TL_STACKS_DEAD : set_of(stacks, frame, n);
}

uint32_t tl_stacks_start(struct tl_stacks *stacks)
{
    enter(stacks, (struct tl_frame){stacks->grammar->rule[stacks->grammar->root].start, 0, TL_STACKS_BOTTOM});
    return close_set(stacks);
}

static uint32_t new_row(struct tl_stacks *stacks)
{
    if (stacks->n_rows == MOST_ROWS)
        return ambiguous(stacks);
    if (tl_grow((void **)&stacks->row, stacks->n_rows, &stacks->row_cap, sizeof *stacks->row) < 0)
        return broken(stacks, TL_E_NOMEM);
    memset(&stacks->row[stacks->n_rows], 0, sizeof *stacks->row);
    return (uint32_t)++stacks->n_rows;
}

uint32_t tl_stacks_make_step(struct tl_stacks *stacks, uint32_t set, uint8_t byte)
{
    const struct tl_grammar *grammar = stacks->grammar;
    uint32_t row = stacks->set[set].row;
    if (set == TL_STACKS_DEAD || stacks->status < 0 || (row == 0 && (row = new_row(stacks)) == 0))
        return TL_STACKS_DEAD;
    stacks->set[set].row = row;
    for (uint32_t i = 0; i < stacks->set[set].n; i++) {
        struct tl_frame frame = stacks->frame[stacks->set[set].first + i];
        if (frame.node == TL_GRAMMAR_ACCEPT)
            continue;
        const struct tl_grammar_node *node = &grammar->node[frame.node];
        for (uint32_t k = node->a; k < node->a + node->b; k++)
            if (grammar->edge[k].lo <= byte && byte <= grammar->edge[k].hi)
                enter(stacks, (struct tl_frame){grammar->edge[k].to, 0, frame.tail});
    }
    uint32_t to = stacks->n_work > 0 ? close_set(stacks) : TL_STACKS_DEAD;
    if (stacks->status >= 0)
        stacks->row[row - 1].to[byte] = to + 1;
    return to;
}

static bool range_stays(struct tl_stacks *stacks, uint32_t set, unsigned range)
{
    for (unsigned byte = tl_byte_ranges[range]; byte < tl_byte_ranges[range + 1]; byte++)
        if (tl_stacks_step(stacks, set, (uint8_t)byte) != set)
            return false;
    return true;
}

bool tl_stacks_stay(struct tl_stacks *stacks, uint32_t set, uint64_t ranges)
{
    uint32_t row = stacks->set[set].row;
    if (row == 0)
        return false;
    while ((ranges & stacks->row[row - 1].stay) != ranges) {
        uint64_t unknown = ranges & ~stacks->row[row - 1].asked;
        if (unknown != (ranges & ~stacks->row[row - 1].stay))        /* one of them is known to lead elsewhere */
            return false;
        unsigned range = (unsigned)__builtin_ctzll(unknown);
        bool stays = range_stays(stacks, set, range);
        stacks->row[row - 1].asked |= UINT64_C(1) << range;
        stacks->row[row - 1].stay |= (uint64_t)stays << range;
    }
    return true;
}

int tl_stacks_best(struct tl_stacks *stacks, uint32_t set)
{
    if (stacks->set[set].best != -2)
        return stacks->set[set].best;
    int best = -1;
    uint32_t least = stacks->set[set].least;
    for (int byte = 0; least > 0 && least < TL_GRAMMAR_NEVER && best < 0 && byte < 256; byte++) {
        uint32_t to = tl_stacks_step(stacks, set, (uint8_t)byte);
        if (to != TL_STACKS_DEAD && stacks->set[to].least + 1 == least)
            best = byte;
    }
    stacks->set[set].best = (int16_t)best;
    return best;
}

/* --- lives ---------------------------------------------------------------------------------------------------------- */

static void forget(struct tl_stacks *stacks)
{
    memset(stacks->bucket, 0, BUCKETS * sizeof *stacks->bucket);
    memset(stacks->sum, 0, SUMS * sizeof *stacks->sum);
    stacks->n_frames = stacks->n_rows = 0;
    stacks->n_sets = 1;
    stacks->set[TL_STACKS_DEAD] = (struct tl_stack_set){.least = TL_GRAMMAR_NEVER, .best = -1};
    intern(stacks, &(struct tl_frame){TL_GRAMMAR_ACCEPT, 0, TL_STACKS_DEAD}, 1);
}

int tl_stacks_init(struct tl_stacks *stacks, const struct tl_grammar *grammar)
{
    *stacks = (struct tl_stacks){.grammar = grammar};
    if (!(stacks->bucket = tl_alloc(BUCKETS, sizeof *stacks->bucket)) || !(stacks->sum = tl_alloc(SUMS, sizeof *stacks->sum)) ||
        !(stacks->head = tl_alloc(grammar->n_nodes + 1, sizeof *stacks->head)) || !(stacks->plain = tl_alloc(grammar->n_nodes + 1, 1)) ||
        tl_reserve((void **)&stacks->set, 64, &stacks->set_cap, sizeof *stacks->set) < 0)
        return stacks->status = TL_E_NOMEM;
    forget(stacks);
    return stacks->status;
}

void tl_stacks_done(struct tl_stacks *stacks)
{
    tl_free(stacks->frame);
    tl_free(stacks->set);
    tl_free(stacks->row);
    tl_free(stacks->bucket);
    tl_free(stacks->sum);
    tl_free(stacks->work);
    tl_free(stacks->queue);
    tl_free(stacks->head);
    tl_free(stacks->plain);
}

bool tl_stacks_full(const struct tl_stacks *stacks)
{
    return stacks->n_frames > FULL_FRAMES || stacks->n_sets > FULL_SETS || stacks->n_rows > FULL_ROWS;
}

/* Copies a set and what lies below it; renamed [old set]: its number + 1 where it is copied already. */
static uint32_t copy(struct tl_stacks *to, const struct tl_stacks *from, uint32_t set, uint32_t *renamed)
{
    if (set <= TL_STACKS_BOTTOM || renamed[set] || to->status < 0)
        return set <= TL_STACKS_BOTTOM ? set : renamed[set] ? renamed[set] - 1 : TL_STACKS_DEAD;
    uint32_t n = from->set[set].n;
    TL_AUTO struct tl_frame *frame = tl_alloc(n, sizeof *frame);
    if (!frame)
        return broken(to, TL_E_NOMEM);
    memcpy(frame, from->frame + from->set[set].first, n * sizeof *frame);
    for (uint32_t i = 0; i < n; i++)
        frame[i].tail = copy(to, from, frame[i].tail, renamed);
    uint32_t made = intern(to, frame, n);
    renamed[set] = made + 1;
    return made;
}

int tl_stacks_clear(struct tl_stacks *stacks, uint32_t *keep, size_t n)
{
    struct tl_stacks fresh;
    TL_AUTO uint32_t *renamed = tl_alloc(stacks->n_sets, sizeof *renamed);
    int r = tl_stacks_init(&fresh, stacks->grammar);
    for (size_t i = 0; i < n && renamed && r >= 0; i++)
        keep[i] = copy(&fresh, stacks, keep[i], renamed);
    if (!renamed || fresh.status < 0) {
        tl_stacks_done(&fresh);
        broken(stacks, TL_E_NOMEM);
        return stacks->status;
    }
    tl_stacks_done(stacks);
    *stacks = fresh;
    return 0;
}
