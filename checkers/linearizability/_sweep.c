/* The breadth-first search of search.py, with the order of placement.py, for objects with few states.
 *
 * The same configurations, moves and dominance as in Python, whose docstrings say why they are right. States and
 * operations are small integers here: an operation is one of the few kinds below, and those of other models than
 * registers look their steps up in a table. Runs without the interpreter's lock; `stop` is a byte that another
 * thread sets to end it.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum kind { READ, WRITE, CAS, CAS_REFUSED, CAS_UNKNOWN, TABLE, TABLE_OVERWRITES, IDLE, KINDS };
enum status { HOLDS, VIOLATED, OUT_OF_TIME, OUT_OF_MEMORY, STOPPED, LOST };

#define REFUSED (-1)
#define NONE (-1)
#define RANKS 256

/* A configuration; its words are W of open, W of free, and U of used unknown operations. */
struct node {
    int32_t state;
    uint32_t trail;
    int32_t next; /* the next one of the same state */
    uint16_t fresh; /* 1: may pass the return if it has the operation done */
    uint16_t dead; /* 1: a later one dominates it */
    uint64_t words[];
};

struct pool {
    char *nodes;
    int64_t count, room;
};

struct step_back {
    uint32_t before;
    int32_t op, event;
};

/* Unknown operations that are alike: bits from `first` on, of which `called` were called so far. */
struct strangers {
    int32_t op, first, called, needed;
};

struct search {
    /* the problem */
    const int32_t *events, *a, *b, *table;
    const uint8_t *kind, *excused; /* excused: may count as done from its call on */
    int64_t n_events, n;
    int32_t n_states, start;
    /* how many configurations are followed, 0 for all; whether some were not */
    int64_t width;
    int cut;
    /* limits */
    double until_s;
    int64_t memory_limit;
    const volatile char *stop;
    /* derived */
    int32_t *returns; /* the event of each operation's return, NONE without */
    int32_t *slot; /* of a pending operation; of an unknown one its class */
    int32_t *occupant; /* the operation of each slot */
    int32_t slots, W, U;
    size_t stride;
    struct strangers *classes;
    int32_t *members, n_classes; /* the operation of each bit */
    int32_t *class_of, *cover; /* the class of each bit; that of writes of what a compare-and-set would set */
    /* the pending operations, the one that returns first in front */
    int32_t *pending, n_pending;
    int32_t *movers, *alike, n_movers;
    int32_t *spare, n_spare;
    uint64_t *overwriting, *arrived, *let_off; /* let_off: those of the arrived that are excused */
    /* per state, valid where the stamp is the present one */
    int32_t *head;
    uint32_t *head_stamp, *idle_stamp;
    uint64_t *idle;
    uint32_t stamp, layer;
    /* configurations */
    struct pool front, pool;
    struct node *scratch;
    struct step_back *trail;
    int64_t n_trail, trail_room, trail_limit;
    int64_t steps, widest;
    enum status status;
    int32_t stuck;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline int32_t step(const struct search *s, int32_t state, int32_t op)
{
    switch ((enum kind)s->kind[op]) {
    case READ: return state == s->a[op] ? state : REFUSED;
    case WRITE: return s->a[op];
    case CAS: return state == s->a[op] ? s->b[op] : REFUSED;
    case CAS_REFUSED: return state != s->a[op] ? state : REFUSED;
    case CAS_UNKNOWN: return state == s->a[op] ? s->b[op] : state;
    case TABLE:
    case TABLE_OVERWRITES: return s->table[(int64_t)s->a[op] * s->n_states + state];
    default: return state;
    }
}

static inline int moves(const struct search *s, int32_t op)
{
    uint8_t kind = s->kind[op];
    return kind != READ && kind != CAS_REFUSED && kind != IDLE;
}

static inline int overwrites(const struct search *s, int32_t op)
{
    return s->kind[op] == WRITE || s->kind[op] == TABLE_OVERWRITES;
}

static inline int same(const struct search *s, int32_t x, int32_t y)
{
    return s->kind[x] == s->kind[y] && s->a[x] == s->a[y] && s->b[x] == s->b[y];
}

/* Whether what is known of both leaves the same: an unknown operation can stand in for a known one. */
static inline int twins(const struct search *s, int32_t known, int32_t unknown)
{
    uint8_t kind = s->kind[known] == CAS ? CAS_UNKNOWN : s->kind[known];
    int tables = kind == TABLE || kind == TABLE_OVERWRITES;
    return (kind == s->kind[unknown] && s->a[known] == s->a[unknown] && s->b[known] == s->b[unknown])
        || (tables && s->b[known] == s->b[unknown]);
}

static inline struct node *at(const struct search *s, const struct pool *pool, int64_t index)
{
    return (struct node *)(pool->nodes + (size_t)index * s->stride);
}

static inline uint64_t *opened(struct node *node) { return node->words; }
static inline uint64_t *freed(const struct search *s, struct node *node) { return node->words + s->W; }
static inline uint64_t *used(const struct search *s, struct node *node) { return node->words + 2 * s->W; }

static inline int has(const uint64_t *mask, int32_t bit) { return (int)(mask[bit >> 6] >> (bit & 63) & 1); }
static inline void put(uint64_t *mask, int32_t bit) { mask[bit >> 6] |= (uint64_t)1 << (bit & 63); }
static inline void clear(uint64_t *mask, int32_t bit) { mask[bit >> 6] &= ~((uint64_t)1 << (bit & 63)); }

static int64_t held(const struct search *s)
{
    return (s->front.room + s->pool.room) * (int64_t)s->stride + s->trail_room * (int64_t)sizeof *s->trail;
}

static int fail(struct search *s, enum status status)
{
    s->status = status;
    return 0;
}

/* Make room for one more; 0 when there is none left. */
static int reserve(struct search *s, struct pool *pool)
{
    if (pool->count < pool->room)
        return 1;
    int64_t room = pool->room ? 2 * pool->room : 64;
    if (room > INT32_MAX || (s->memory_limit >= 0 && held(s) + (room - pool->room) * (int64_t)s->stride > s->memory_limit))
        return fail(s, OUT_OF_MEMORY);
    char *nodes = realloc(pool->nodes, (size_t)room * s->stride);
    if (!nodes)
        return fail(s, OUT_OF_MEMORY);
    pool->nodes = nodes;
    pool->room = room;
    return 1;
}

static int in_budget(struct search *s)
{
    if (*s->stop)
        return fail(s, STOPPED);
    if (s->until_s >= 0 && now_s() >= s->until_s)
        return fail(s, OUT_OF_TIME);
    return 1;
}

/* The pending operations that change nothing in a state. */
static const uint64_t *idle_in(struct search *s, int32_t state)
{
    uint64_t *idle = s->idle + (int64_t)state * s->W;
    if (s->idle_stamp[state] != s->layer) {
        s->idle_stamp[state] = s->layer;
        memset(idle, 0, sizeof *idle * (size_t)s->W);
        for (int32_t i = 0; i < s->n_pending; i++)
            if (step(s, state, s->occupant[s->pending[i]]) == state)
                put(idle, s->pending[i]);
    }
    return idle;
}

/* Whether what is free in the better configuration makes up for what is free in the worse one only, `lacking` of the
 * word: for each such overwriting operation another one that does the same and returns no sooner. */
static int makes_up(const struct search *s, int32_t word, uint64_t lacking, uint64_t extra)
{
    while (lacking) {
        int32_t op = s->occupant[64 * word + __builtin_ctzll(lacking)];
        uint64_t left = extra, match = 0;
        for (; left && !match; left &= left - 1) {
            int32_t other = s->occupant[64 * word + __builtin_ctzll(left)];
            if (same(s, op, other) && s->returns[other] >= s->returns[op])
                match = left & -left;
        }
        if (!match)
            return 0;
        extra &= ~match;
        lacking &= lacking - 1;
    }
    return 1;
}

/* Whether unknown writes that are left in the better configuration make up for unknown compare-and-sets to the same
 * value that are left in the worse one only. */
static int makes_up_unknown(const struct search *s, const uint64_t *used_better, const uint64_t *used_worse)
{
    int enough = 1;
    for (int32_t w = 0; w < s->U; w++) {
        for (uint64_t lacking = used_better[w] & ~used_worse[w]; lacking; lacking &= lacking - 1) {
            int32_t cover = s->cover[64 * w + __builtin_ctzll(lacking)];
            if (cover == NONE)
                enough = 0;
            else
                s->classes[cover].needed++;
        }
    }
    for (int32_t w = 0; w < s->U; w++) {
        for (uint64_t extra = used_worse[w] & ~used_better[w]; extra; extra &= extra - 1) {
            struct strangers *class = &s->classes[s->class_of[64 * w + __builtin_ctzll(extra)]];
            if (class->needed > 0)
                class->needed--;
        }
    }
    for (int32_t w = 0; w < s->U; w++)
        for (uint64_t lacking = used_better[w] & ~used_worse[w]; lacking; lacking &= lacking - 1) {
            int32_t cover = s->cover[64 * w + __builtin_ctzll(lacking)];
            if (cover != NONE && s->classes[cover].needed) {
                s->classes[cover].needed = 0;
                enough = 0;
            }
        }
    return enough;
}

static inline int dominates(const struct search *s, struct node *better, struct node *worse)
{
    const uint64_t *o = opened(better), *f = freed(s, better), *o_ = opened(worse), *f_ = freed(s, worse);
    uint64_t odd = 0;
    for (int32_t w = 0; w < s->W; w++) {
        uint64_t lacking = ((o[w] ^ o_[w]) | f_[w]) & ~f[w];
        odd |= lacking;
        if (lacking & ~(s->overwriting[w] & f_[w] & ~o[w]))
            return 0;
    }
    const uint64_t *u = used(s, better), *u_ = used(s, worse);
    uint64_t strange = 0;
    for (int32_t w = 0; w < s->U; w++)
        strange |= u[w] & ~u_[w];
    if (odd)
        for (int32_t w = 0; w < s->W; w++) {
            uint64_t lacking = ((o[w] ^ o_[w]) | f_[w]) & ~f[w];
            if (lacking && !makes_up(s, w, lacking, s->overwriting[w] & f[w] & ~f_[w] & ~o_[w]))
                return 0;
        }
    return !strange || makes_up_unknown(s, u, u_);
}

/* Tell whether no configuration of the same state that was met since the stamp dominates this one; the one that
 * does goes to the front. Those that this one dominates die; it takes their place where they were fresh. */
static int best(struct search *s, const struct pool *pool, struct node *node)
{
    int32_t state = node->state;
    if (s->head_stamp[state] != s->stamp) {
        s->head_stamp[state] = s->stamp;
        s->head[state] = NONE;
    }
    int32_t *link = &s->head[state];
    while (*link != NONE) {
        int32_t index = *link;
        struct node *there = at(s, pool, index);
        if (dominates(s, there, node)) {
            *link = there->next;
            there->next = s->head[state];
            s->head[state] = index;
            return 0;
        }
        if (dominates(s, node, there)) {
            *link = there->next;
            node->fresh |= there->fresh;
            there->dead = 1;
        } else {
            link = &there->next;
        }
    }
    return 1;
}

static uint32_t note(struct search *s, uint32_t before, int32_t op, int32_t event)
{
    if (s->n_trail == s->trail_room) {
        int64_t room = 2 * s->trail_room;
        struct step_back *trail = room > UINT32_MAX ? NULL : realloc(s->trail, sizeof *trail * (size_t)room);
        if (!trail)
            return (uint32_t)fail(s, OUT_OF_MEMORY);
        s->trail = trail;
        s->trail_room = room;
    }
    s->trail[s->n_trail] = (struct step_back){before, op, event};
    return (uint32_t)s->n_trail++;
}

/* Add the scratch configuration to the layer's pool unless it is dominated; 0 when out of budget. `op` is what
 * changed the state last, before the return that is `event`; NONE for a configuration from the layer before. */
static int meet(struct search *s, int32_t op, int32_t event)
{
    struct node *node = s->scratch;
    s->steps++;
    if (!best(s, &s->pool, node))
        return 1;
    if (op != NONE)
        node->trail = note(s, node->trail, op, event);
    if (s->status != HOLDS || !reserve(s, &s->pool))
        return 0;
    node->next = s->head[node->state];
    s->head[node->state] = (int32_t)s->pool.count;
    memcpy(at(s, &s->pool, s->pool.count++), node, s->stride);
    return 1;
}

/* Turn the scratch configuration into the one after a change of state by an operation. */
static void change(struct search *s, int32_t op, int32_t state)
{
    struct node *node = s->scratch;
    uint64_t *o = opened(node), *f = freed(s, node);
    const uint64_t *idle = idle_in(s, state);
    int all = overwrites(s, op);
    for (int32_t w = 0; w < s->W; w++) {
        uint64_t freed_now = o[w] & (idle[w] | (all ? s->overwriting[w] : 0));
        o[w] &= ~freed_now;
        f[w] |= freed_now;
    }
    node->state = state;
}

/* Whether a mover in front of it is alike and in the same condition. */
static int tried(struct search *s, int32_t mover, struct node *node)
{
    int open = has(opened(node), s->movers[mover]);
    for (int32_t before = s->alike[mover]; before != NONE; before = s->alike[before])
        if (has(open ? opened(node) : freed(s, node), s->movers[before]))
            return 1;
    return 0;
}

static int use_pending(struct search *s, int64_t index, int32_t returning, int32_t event)
{
    for (int32_t i = 0; i < s->n_movers; i++) {
        struct node *node = at(s, &s->pool, index);
        int32_t slot = s->movers[i], op = s->occupant[slot];
        int open = has(opened(node), slot);
        if ((!open && !has(freed(s, node), slot)) || tried(s, i, node))
            continue;
        int32_t state = step(s, node->state, op);
        if (state == REFUSED || state == node->state)
            continue;
        memcpy(s->scratch, node, s->stride);
        s->scratch->fresh = has(opened(node), returning) || slot == returning;
        s->scratch->dead = 0;
        clear(opened(s->scratch), slot);
        clear(freed(s, s->scratch), slot);
        change(s, op, state);
        if (!meet(s, op, event))
            return 0;
    }
    return 1;
}

/* Whether a pending operation would do the same: it is used up sooner, so it goes first. */
static int pending_twin(const struct search *s, struct node *node, int32_t unknown, int32_t state)
{
    for (int32_t i = 0; i < s->n_movers; i++) {
        int32_t slot = s->movers[i], op = s->occupant[slot];
        if ((has(opened(node), slot) || has(freed(s, node), slot)) && twins(s, op, unknown)
            && step(s, node->state, op) == state)
            return 1;
    }
    return 0;
}

static int use_unknown(struct search *s, int64_t index, int32_t returning, int32_t event)
{
    for (int32_t c = 0; c < s->n_classes; c++) {
        struct strangers *class = &s->classes[c];
        struct node *node = at(s, &s->pool, index);
        int32_t bit = class->first, end = class->first + class->called;
        if (bit == end)
            continue;
        int32_t state = step(s, node->state, class->op);
        if (state == REFUSED || state == node->state)
            continue;
        while (bit < end && has(used(s, node), bit))
            bit++;
        if (bit == end || pending_twin(s, node, class->op, state))
            continue;
        memcpy(s->scratch, node, s->stride);
        s->scratch->fresh = (uint16_t)has(opened(node), returning);
        s->scratch->dead = 0;
        put(used(s, s->scratch), bit);
        change(s, class->op, state);
        if (!meet(s, s->members[bit], event))
            return 0;
    }
    return 1;
}

/* List the pending operations that may change the state; `alike` links each to the one before with the same call. */
static void list_movers(struct search *s)
{
    s->n_movers = 0;
    for (int32_t i = 0; i < s->n_pending; i++) {
        int32_t slot = s->pending[i], op = s->occupant[slot];
        if (!moves(s, op))
            continue;
        int32_t before = s->n_movers - 1;
        while (before >= 0 && !same(s, op, s->occupant[s->movers[before]]))
            before--;
        s->movers[s->n_movers] = slot;
        s->alike[s->n_movers++] = before;
    }
}

static int passes(const struct node *node, int32_t slot)
{
    return node->fresh && !node->dead && !has(node->words, slot);
}

static int possible_after(const struct search *s, int32_t slot)
{
    for (int64_t i = 0; i < s->pool.count; i++)
        if (passes(at(s, &s->pool, i), slot))
            return 1;
    return 0;
}

/* Keep what is best after the return; 0 when out of budget. */
static int leave(struct search *s, int32_t slot)
{
    s->front.count = 0;
    s->stamp++;
    for (int64_t i = 0; i < s->pool.count; i++) {
        struct node *node = at(s, &s->pool, i);
        if (!passes(node, slot))
            continue;
        clear(freed(s, node), slot);
        if (!best(s, &s->front, node))
            continue;
        if (!reserve(s, &s->front))
            return 0;
        node->next = s->head[node->state];
        s->head[node->state] = (int32_t)s->front.count;
        memcpy(at(s, &s->front, s->front.count++), node, s->stride);
    }
    int64_t alive = 0;
    for (int64_t i = 0; i < s->front.count; i++)
        if (!at(s, &s->front, i)->dead) {
            if (alive < i)
                memcpy(at(s, &s->front, alive), at(s, &s->front, i), s->stride);
            alive++;
        }
    s->front.count = alive;
    if (s->front.count > s->widest)
        s->widest = s->front.count;
    return 1;
}

/* How much a configuration can still do: what is free, less what still has to happen, less what was used up. */
static int promise(const struct search *s, struct node *node)
{
    int promise = 0;
    for (int32_t w = 0; w < s->W; w++)
        promise += __builtin_popcountll(freed(s, node)[w]) - __builtin_popcountll(opened(node)[w]);
    for (int32_t w = 0; w < s->U; w++)
        promise -= __builtin_popcountll(used(s, node)[w]);
    return promise;
}

static int rank(const struct search *s, struct node *node, int most)
{
    int rank = most - promise(s, node);
    return rank < RANKS ? rank : RANKS - 1;
}

/* Follow only the most promising configurations, about as many as the width, some of each state. */
static void narrow(struct search *s)
{
    if (!s->width || s->front.count <= s->width)
        return;
    s->cut = 1;
    int64_t counts[RANKS] = {0}, kept = 0, n = 0;
    int most = INT_MIN, last = 0;
    for (int64_t i = 0; i < s->front.count; i++) {
        int this = promise(s, at(s, &s->front, i));
        most = this > most ? this : most;
    }
    for (int64_t i = 0; i < s->front.count; i++)
        counts[rank(s, at(s, &s->front, i), most)]++;
    while (last < RANKS - 1 && (n += counts[last]) < s->width)
        last++;
    s->stamp++;
    for (int64_t i = 0; i < s->front.count; i++) {
        struct node *node = at(s, &s->front, i);
        int only = s->head_stamp[node->state] != s->stamp;
        if (!only && (rank(s, node, most) > last || kept >= 2 * s->width))
            continue;
        s->head_stamp[node->state] = s->stamp;
        s->head[node->state] = NONE;
        if (kept < i)
            memcpy(at(s, &s->front, kept), node, s->stride);
        kept++;
    }
    s->front.count = kept;
}

/* Forget the trails that no configuration of the front comes from. */
static int tidy(struct search *s)
{
    if (s->n_trail < s->trail_limit)
        return 1;
    uint32_t *to = calloc((size_t)s->n_trail, sizeof *to);
    if (!to)
        return fail(s, OUT_OF_MEMORY);
    for (int64_t i = 0; i < s->front.count; i++)
        for (uint32_t t = at(s, &s->front, i)->trail; t && !to[t]; t = s->trail[t].before)
            to[t] = 1;
    int64_t kept = 1;
    for (int64_t t = 1; t < s->n_trail; t++)
        if (to[t]) {
            s->trail[kept] = s->trail[t];
            s->trail[kept].before = to[s->trail[t].before];
            to[t] = (uint32_t)kept++;
        }
    for (int64_t i = 0; i < s->front.count; i++)
        at(s, &s->front, i)->trail = to[at(s, &s->front, i)->trail];
    s->n_trail = kept;
    s->trail_limit = 2 * kept + 65536;
    free(to);
    if (s->memory_limit >= 0 && held(s) > s->memory_limit)
        return fail(s, OUT_OF_MEMORY);
    return 1;
}

/* Bring all configurations past the return of an operation; 0 when the search ends here. */
static int pass(struct search *s, int32_t op, int32_t event)
{
    int32_t slot = s->slot[op];
    s->layer++;
    s->stamp++;
    s->pool.count = 0;
    list_movers(s);
    for (int64_t i = 0; i < s->front.count; i++) {
        memcpy(s->scratch, at(s, &s->front, i), s->stride);
        const uint64_t *idle = idle_in(s, s->scratch->state);
        for (int32_t w = 0; w < s->W; w++) {
            uint64_t free_now = s->arrived[w] & (idle[w] | s->let_off[w]);
            opened(s->scratch)[w] |= s->arrived[w] & ~free_now;
            freed(s, s->scratch)[w] |= free_now;
        }
        s->scratch->fresh = 1;
        if (!meet(s, NONE, event))
            return 0;
    }
    for (int64_t i = 0; i < s->pool.count; i++) {
        struct node *node = at(s, &s->pool, i);
        if (node->dead || (!has(opened(node), slot) && !(has(freed(s, node), slot) && moves(s, op))))
            continue;
        if ((i & 63) == 63 && !in_budget(s))
            return 0;
        if (!use_pending(s, i, slot, event) || !use_unknown(s, i, slot, event))
            return 0;
    }
    if (!possible_after(s, slot)) {
        s->stuck = op;
        return fail(s, s->cut ? LOST : VIOLATED);
    }
    if (!leave(s, slot))
        return 0;
    memset(s->arrived, 0, sizeof *s->arrived * (size_t)s->W);
    memset(s->let_off, 0, sizeof *s->let_off * (size_t)s->W);
    clear(s->overwriting, slot);
    memmove(s->pending, s->pending + 1, sizeof *s->pending * (size_t)--s->n_pending);
    s->spare[s->n_spare++] = slot;
    narrow(s);
    return tidy(s) && in_budget(s);
}

static void call(struct search *s, int32_t op)
{
    if (s->returns[op] == NONE) {
        if (s->slot[op] != NONE)
            s->classes[s->slot[op]].called++;
        return;
    }
    int32_t slot = s->spare[--s->n_spare], place = s->n_pending++;
    s->slot[op] = slot;
    s->occupant[slot] = op;
    put(s->arrived, slot);
    if (s->excused[op])
        put(s->let_off, slot);
    if (overwrites(s, op))
        put(s->overwriting, slot);
    for (; place > 0 && s->returns[s->occupant[s->pending[place - 1]]] > s->returns[op]; place--)
        s->pending[place] = s->pending[place - 1];
    s->pending[place] = slot;
}

static void run(struct search *s)
{
    for (int64_t e = 0; e < s->n_events; e++) {
        if (s->events[e] >= 0)
            call(s, s->events[e]);
        else if (!pass(s, ~s->events[e], (int32_t)e))
            return;
    }
}

struct unknown_op {
    int32_t op, rank;
    uint8_t kind;
    int32_t a, b;
};

static int by_call(const void *left, const void *right)
{
    const struct unknown_op *x = left, *y = right;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    if (x->b != y->b)
        return x->b < y->b ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* Sort the unknown operations into classes of equal calls, the members of each in the order of time. */
static int classify(struct search *s)
{
    int32_t count = 0;
    for (int64_t i = 0; i < s->n; i++)
        count += s->returns[i] == NONE && moves(s, (int32_t)i);
    struct unknown_op *all = malloc(sizeof *all * (size_t)(count + 1));
    s->classes = malloc(sizeof *s->classes * (size_t)(count + 1));
    s->members = malloc(sizeof *s->members * (size_t)(count + 1));
    s->class_of = malloc(sizeof *s->class_of * (size_t)(count + 1));
    s->cover = malloc(sizeof *s->cover * (size_t)(count + 1));
    if (!all || !s->classes || !s->members || !s->class_of || !s->cover) {
        free(all);
        return 0;
    }
    int32_t filled = 0;
    for (int64_t e = 0; e < s->n_events; e++) {
        int32_t op = s->events[e];
        if (op >= 0 && s->returns[op] == NONE && moves(s, op)) {
            all[filled] = (struct unknown_op){op, filled, s->kind[op], s->a[op], s->b[op]};
            filled++;
        }
    }
    qsort(all, (size_t)filled, sizeof *all, by_call);
    for (int32_t i = 0; i < filled; i++) {
        if (i == 0 || !same(s, all[i].op, all[i - 1].op))
            s->classes[s->n_classes++] = (struct strangers){all[i].op, i, 0, 0};
        s->slot[all[i].op] = s->n_classes - 1;
        s->members[i] = all[i].op;
        s->class_of[i] = s->n_classes - 1;
    }
    for (int32_t i = 0; i < filled; i++) {
        s->cover[i] = NONE;
        for (int32_t c = 0; c < s->n_classes && all[i].kind == CAS_UNKNOWN; c++)
            if (s->kind[s->classes[c].op] == WRITE && s->a[s->classes[c].op] == all[i].b)
                s->cover[i] = c;
    }
    s->U = (filled + 63) / 64;
    free(all);
    return 1;
}

static int prepare(struct search *s)
{
    size_t n = (size_t)s->n + 1, states = (size_t)s->n_states;
    s->returns = malloc(sizeof *s->returns * n);
    s->slot = malloc(sizeof *s->slot * n);
    if (!s->returns || !s->slot)
        return 0;
    for (int64_t i = 0; i < s->n; i++)
        s->returns[i] = s->slot[i] = NONE;
    for (int64_t e = 0; e < s->n_events; e++)
        if (s->events[e] < 0)
            s->returns[~s->events[e]] = (int32_t)e;
    int32_t pending = 0;
    for (int64_t e = 0; e < s->n_events; e++) {
        if (s->events[e] < 0)
            pending--;
        else if (s->returns[s->events[e]] != NONE && ++pending > s->slots)
            s->slots = pending;
    }
    s->W = (s->slots + 63) / 64;
    if (!classify(s))
        return 0;
    size_t slots = (size_t)s->slots + 1, words = (size_t)s->W + 1;
    s->stride = sizeof(struct node) + sizeof(uint64_t) * (size_t)(2 * s->W + s->U);
    s->occupant = malloc(sizeof *s->occupant * slots);
    s->pending = malloc(sizeof *s->pending * slots);
    s->movers = malloc(sizeof *s->movers * slots);
    s->alike = malloc(sizeof *s->alike * slots);
    s->spare = malloc(sizeof *s->spare * slots);
    s->overwriting = calloc(words, sizeof *s->overwriting);
    s->arrived = calloc(words, sizeof *s->arrived);
    s->let_off = calloc(words, sizeof *s->let_off);
    s->head = malloc(sizeof *s->head * states);
    s->head_stamp = calloc(states, sizeof *s->head_stamp);
    s->idle_stamp = calloc(states, sizeof *s->idle_stamp);
    s->idle = malloc(sizeof *s->idle * states * words);
    s->scratch = calloc(1, s->stride);
    s->trail_room = 1024;
    s->trail_limit = 65536;
    s->trail = malloc(sizeof *s->trail * (size_t)s->trail_room);
    if (!s->occupant || !s->pending || !s->movers || !s->alike || !s->spare || !s->overwriting || !s->arrived || !s->let_off
        || !s->head || !s->head_stamp || !s->idle_stamp || !s->idle || !s->scratch || !s->trail)
        return 0;
    for (int32_t slot = s->slots; slot > 0; slot--)
        s->spare[s->n_spare++] = slot - 1;
    s->trail[s->n_trail++] = (struct step_back){0, NONE, NONE};
    s->scratch->state = s->start;
    if (!reserve(s, &s->front))
        return 0;
    memcpy(at(s, &s->front, s->front.count++), s->scratch, s->stride);
    return 1;
}

static void release(struct search *s)
{
    void *all[] = {s->returns, s->slot, s->occupant, s->classes, s->members, s->class_of, s->cover, s->pending, s->movers, s->alike,
                   s->spare, s->overwriting, s->arrived, s->let_off, s->head, s->head_stamp, s->idle_stamp, s->idle,
                   s->front.nodes, s->pool.nodes, s->scratch, s->trail};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static int64_t below(const int32_t *sorted, int64_t count, int32_t bound)
{
    int64_t low = 0;
    while (low < count) {
        int64_t middle = (low + count) / 2;
        if (sorted[middle] < bound)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

/* Fill in the order of the operations; returns how many, or -1 without memory. See placement.py. */
static int64_t place(const struct search *s, int32_t *order)
{
    int64_t count = 0, total = 0;
    uint32_t last = at(s, &s->front, 0)->trail;
    for (uint32_t t = last; t; t = s->trail[t].before)
        count++;
    int64_t buckets = 3 * count + 5;
    int32_t *times = malloc(sizeof *times * (size_t)(count + 1));
    int32_t *ops = malloc(sizeof *ops * (size_t)(count + 1));
    int32_t *states = malloc(sizeof *states * (size_t)(count + 1));
    int64_t *bucket = malloc(sizeof *bucket * (size_t)(s->n + 1));
    int64_t *first = calloc((size_t)buckets, sizeof *first);
    int32_t *calls = malloc(sizeof *calls * (size_t)(s->n + 1));
    if (!times || !ops || !states || !bucket || !first || !calls) {
        total = -1;
        goto done;
    }
    int64_t index = count;
    for (uint32_t t = last; t; t = s->trail[t].before) {
        times[--index] = s->trail[t].event;
        ops[index] = s->trail[t].op;
    }
    for (int64_t i = 0; i < s->n; i++)
        bucket[i] = NONE;
    states[0] = s->start;
    for (int64_t i = 0; i < count; i++) {
        states[i + 1] = step(s, states[i], ops[i]);
        bucket[ops[i]] = 3 * (i + 1);
    }
    for (int64_t e = 0; e < s->n_events; e++) {
        int32_t op = s->events[e];
        if (op >= 0) {
            calls[op] = (int32_t)e;
            continue;
        }
        op = ~op;
        if (bucket[op] != NONE || s->excused[op])
            continue;
        int64_t from = below(times, count, calls[op]), to = below(times, count, (int32_t)e + 1), i = from;
        while (i <= to && step(s, states[i], op) != states[i])
            i++;
        if (i <= to) {
            bucket[op] = 3 * i + 1;
            continue;
        }
        for (i = from; i < to && !overwrites(s, ops[i]); i++)
            ;
        bucket[op] = 3 * i + 2;
    }
    for (int64_t i = 0; i < s->n; i++)
        if (bucket[i] != NONE)
            first[bucket[i] + 1]++;
    for (int64_t i = 1; i < buckets; i++)
        first[i] += first[i - 1];
    for (int64_t e = 0; e < s->n_events; e++) {
        int32_t op = s->events[e];
        if (op >= 0 && bucket[op] != NONE) {
            order[first[bucket[op]]++] = op;
            total++;
        }
    }
done:
    free(times);
    free(ops);
    free(states);
    free(bucket);
    free(first);
    free(calls);
    return total;
}

static PyObject *possible(const struct search *s)
{
    PyObject *states = PySet_New(NULL);
    for (int64_t i = 0; states && s->status == VIOLATED && i < s->pool.count; i++) {
        PyObject *state = PyLong_FromLong(at(s, &s->pool, i)->state);
        if (!state || PySet_Add(states, state) < 0)
            Py_CLEAR(states);
        Py_XDECREF(state);
    }
    return states;
}

static int consistent(const struct search *s, Py_ssize_t table)
{
    for (int64_t i = 0; i < s->n; i++) {
        int32_t a = s->a[i], b = s->b[i];
        switch ((enum kind)s->kind[i]) {
        case TABLE:
        case TABLE_OVERWRITES:
            if (a < 0 || ((int64_t)a + 1) * s->n_states > table)
                return 0;
            break;
        case WRITE:
            if (a < 0 || a >= s->n_states)
                return 0;
            break;
        case CAS:
        case CAS_UNKNOWN:
            if (b < 0 || b >= s->n_states)
                return 0;
            break;
        default:
            if (s->kind[i] >= KINDS)
                return 0;
        }
    }
    for (Py_ssize_t i = 0; i < table; i++)
        if (s->table[i] < REFUSED || s->table[i] >= s->n_states)
            return 0;
    for (int64_t e = 0; e < s->n_events; e++) {
        int64_t op = s->events[e] < 0 ? ~s->events[e] : s->events[e];
        if (op >= s->n)
            return 0;
    }
    return s->n_states > 0 && s->start >= 0 && s->start < s->n_states;
}

PyDoc_STRVAR(sweep_doc,
"sweep(events, kind, a, b, excused, table, n_states, start, width, limit_s, limit_bytes, stop)\n"
"--\n\n"
"Return (status, stuck, states, order, steps, widest); see checkers.linearizability.compiled.\n\n"
"`events`, `a`, `b` and `table` are int32, `kind` and `excused` uint8, `stop` one byte; a negative limit is none.");

static PyObject *sweep(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer events, kind, a, b, excused, table, stop;
    int n_states, start, width;
    double limit_s;
    long long limit_bytes;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*iiidLy*", &events, &kind, &a, &b, &excused, &table, &n_states, &start, &width, &limit_s,
                          &limit_bytes, &stop))
        return NULL;
    PyObject *result = NULL, *order = NULL, *states = NULL;
    struct search s = {
        .events = events.buf, .kind = kind.buf, .a = a.buf, .b = b.buf, .excused = excused.buf, .table = table.buf,
        .n_events = events.len / 4, .n = kind.len, .n_states = n_states, .start = start,
        .until_s = limit_s < 0 ? -1 : now_s() + limit_s, .memory_limit = limit_bytes, .stop = stop.buf,
        .width = width, .status = HOLDS, .stuck = NONE,
    };
    int32_t *placed = NULL;
    int64_t count = 0;
    if (a.len != 4 * kind.len || b.len != a.len || excused.len != kind.len || stop.len < 1 || events.len / 4 >= INT32_MAX
        || !consistent(&s, table.len / 4)) {
        PyErr_SetString(PyExc_ValueError, "the columns do not fit together");
        goto done;
    }
    int lacking = 0;
    Py_BEGIN_ALLOW_THREADS
    lacking = !prepare(&s);
    if (!lacking) {
        run(&s);
        if (s.status == HOLDS) {
            placed = malloc(sizeof *placed * (size_t)(s.n + 1));
            count = placed ? place(&s, placed) : -1;
            lacking = count < 0;
        }
    }
    Py_END_ALLOW_THREADS
    if (lacking && s.status == HOLDS)
        s.status = OUT_OF_MEMORY;
    order = PyBytes_FromStringAndSize((char *)placed, s.status == HOLDS ? (Py_ssize_t)(4 * count) : 0);
    states = possible(&s);
    if (order && states)
        result = Py_BuildValue("iiOOLL", (int)s.status, (int)s.stuck, states, order, (long long)s.steps,
                               (long long)s.widest);
done:
    Py_XDECREF(order);
    Py_XDECREF(states);
    free(placed);
    release(&s);
    PyBuffer_Release(&events);
    PyBuffer_Release(&kind);
    PyBuffer_Release(&a);
    PyBuffer_Release(&b);
    PyBuffer_Release(&excused);
    PyBuffer_Release(&table);
    PyBuffer_Release(&stop);
    return result;
}

static PyMethodDef methods[] = {
    {"sweep", sweep, METH_VARARGS, sweep_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_sweep", "The search for an order, compiled.", 0, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__sweep(void)
{
    return PyModule_Create(&definition);
}
