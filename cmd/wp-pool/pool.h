/*
 * pool.h - the pool as a state machine: no descriptors, no processes, no clock.
 *
 * It knows items (pieces of work) and slots (places where one runner works on one
 * or more items). The owner tells it what happened, with the time, and asks with
 * pool_next() what to do until the answer is POOL_WAIT; then it sleeps until
 * something happens or pool_deadline() comes.
 *
 *     offered -> pending -> (POOL_START) running -> pool_ended() -> (POOL_REPORT) the owner's again
 *                   ^------------------- a retry ----'
 *
 * The owner embeds struct pool_item in its own and keeps it in place until it is
 * reported. Nothing here allocates after pool_init(), but for the heap of deadlines.
 *
 * There are two kinds of pools. In a plain one a slot is one process that takes PER_SLOT items
 * at once; the oldest of them is its head and timeouts run for the head alone; the signals are
 * the slot's. A slot that was told to end (TERM, KILL) takes nothing new until pool_slot_down() says
 * that its process is gone.
 *
 * With OWN each item is a process of its own, with a deadline and signals of its own, and a slot is a
 * runner, a place where PER_SLOT of them run. Runners come and go (pool_slot_up(), pool_slot_gone()): how many there
 * should be is the business of elastic.h.
 */
#ifndef WP_POOL_POOL_H
#define WP_POOL_POOL_H

#include "clock.h"
#include "heap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the owner saw an item end. */
enum pool_outcome {
	POOL_OK,
	POOL_FAILED,       /* run again while retries are left */
	POOL_BAD,          /* failed, and would fail again */
	POOL_UNBLAMED,     /* its runner died of another item's fault: once more, alone */
	POOL_UNSTARTED     /* could not be begun, through no fault of its own: counts as interrupted */
};

/* Why an item is being ended by us. */
enum pool_cause { POOL_NO_CAUSE, POOL_TIMEOUT, POOL_CANCEL, POOL_INTERRUPT };

enum pool_verdict { POOL_PASSED, POOL_FAILURE, POOL_CANCELLED, POOL_INTERRUPTED };

/* What is ended by a TERM and, if that does not help, by a KILL: a slot's process, or an item's. */
struct pool_end {
	struct pool_end *prev, *next;          /* in the queue of its deadline */
	struct pool_ends *queue;
	usec_t deadline;
	unsigned char signal;                  /* the next one for it, when its deadline comes */
	bool is_item;
};

struct pool_ends {
	struct pool_end *first, *last;
};

struct pool_item {
	struct pool_item *prev, *next;
	uint64_t seq;               /* the owner's */
	int32_t priority;           /* the owner's, with OWN: lower runs first */
	unsigned retries;           /* the owner's, beside the pool's */
	struct heap_node due;       /* its deadline */
	struct pool_end end;
	size_t slot;                /* while running */
	unsigned tries;             /* how often it failed */
	unsigned char state;
	bool alone;                 /* wants a slot for itself */
	enum pool_cause cause;
	enum pool_verdict verdict;  /* when reported */
};

struct pool_items {
	struct pool_item *first, *last;
};

struct pool_slot {
	struct pool_slot *prev, *next;         /* in a bucket of slots with the same load */
	struct pool_end end;
	struct pool_items items;               /* the head first */
	size_t load;
	uint64_t taken;                        /* items, since it came up */
	unsigned char state;
	bool alone;                            /* its item must not get company */
	bool listed;                           /* in a bucket */
};

struct pool_slots {
	struct pool_slot *first, *last;
};

enum pool_halt { POOL_HALT_NEVER, POOL_HALT_SOON, POOL_HALT_NOW };

struct pool_config {
	size_t slots, per_slot;
	bool own;                   /* each item is a process of its own; slots are not there before pool_slot_up() */
	size_t per_slot_max;        /* with OWN: what per_slot may be set to */
	bool single_use;            /* with OWN: a slot takes nothing new once an item has ended on it */
	bool pack;                  /* with OWN: the fullest slot with room, so that others become idle; else the emptiest */
	usec_t timeout;             /* for a head; 0: none */
	usec_t kill_after;          /* from TERM to KILL */
	usec_t grace;               /* from pool_drain() to TERM */
	unsigned retries;
	enum pool_halt halt;
	uint64_t halt_fail;         /* after so many failures */
	bool halt_percent;          /* ... or so many percent of what has ended, once three have failed */
};

enum pool_stage {
	POOL_RUNS,
	POOL_ENDS,         /* starts nothing more, lets the running ones end */
	POOL_DRAINS,       /* the same, with a deadline */
	POOL_STOPS         /* TERM was sent to all */
};

struct pool {
	struct pool_config config;
	enum pool_stage stage;
	bool eof, halted;
	struct pool_slot *slot;
	struct pool_slots *bucket;  /* by load: open slots with room */
	size_t lowest;              /* no bucket below it has a slot */
	struct pool_items pending, reports;
	size_t waiting;             /* how many are pending */
	struct pool_ends timeouts, kills, signals;
	struct heap deadlines;      /* of items */
	usec_t grace_end, hold_end;
	unsigned refusals;
	size_t live;                /* offered and not yet reported */
	size_t running;
	uint64_t offered, passed, failed, interrupted;
};

enum pool_do {
	POOL_WAIT,
	POOL_START,        /* *item, on slot item->slot; then pool_started(), pool_refused() or pool_ended() */
	POOL_TERM,         /* *slot: SIGTERM and SIGCONT to its process group; with OWN to that of *item */
	POOL_KILL,         /* SIGKILL to the same */
	POOL_ABANDON,      /* with OWN: *slot did not see to the end of an item that was to be killed */
	POOL_REPORT        /* *item is done, see its verdict; the pool has forgotten it */
};

void pool_init(struct pool *pool, const struct pool_config *config);
void pool_release(struct pool *pool);

enum pool_do pool_next(struct pool *pool, usec_t now, struct pool_item **item, size_t *slot);
usec_t pool_deadline(const struct pool *pool);       /* USEC_NEVER: none */
/* How many more items would find a place at once. */
size_t pool_room(const struct pool *pool);
/* Nothing left to do and nothing more to come. Processes may still be there. */
bool pool_finished(const struct pool *pool);

/* Items. */
/* With OWN: a deadline for waiting and running together, before or after the offer; USEC_NEVER: none. */
void pool_set_deadline(struct pool *pool, struct pool_item *item, usec_t deadline);
void pool_offer(struct pool *pool, struct pool_item *item);
void pool_eof(struct pool *pool);
void pool_started(struct pool *pool, struct pool_item *item, usec_t now);
/* It could not be started for lack of processes or memory: again when something ends, or
 * a little later; reported if it was to be ended in the meantime. False: it was tried often enough; the item is running
 * still and the owner says how it ended. */
bool pool_refused(struct pool *pool, struct pool_item *item, usec_t now);
void pool_ended(struct pool *pool, struct pool_item *item, enum pool_outcome outcome, usec_t now);
/* Pending: reported at once. Running: its slot (with OWN: the item) is told to end. */
void pool_cancel(struct pool *pool, struct pool_item *item);

/* Slots. */
struct pool_item *pool_head(const struct pool *pool, size_t slot);
/* It was sent TERM and is still waited for. */
bool pool_slot_termed(const struct pool *pool, size_t slot);
void pool_slot_down(struct pool *pool, size_t slot);           /* its process is gone */
void pool_slot_hold(struct pool *pool, size_t slot);           /* nothing for it until ... */
void pool_slot_open(struct pool *pool, size_t slot);
/* Asked to end in its own way: nothing more for it; TERM after kill_after. */
void pool_slot_close(struct pool *pool, size_t slot, usec_t now);
/* TERM now: its process is of no use any more. */
void pool_slot_end(struct pool *pool, size_t slot);
/* With OWN: it is there, empty and open; it is not there any more, and all of its items have been told to have ended. */
void pool_slot_up(struct pool *pool, size_t slot);
void pool_slot_gone(struct pool *pool, size_t slot);
bool pool_slot_held(const struct pool *pool, size_t slot);
void pool_set_per_slot(struct pool *pool, size_t per_slot);

/* Stages; each only goes forward. */
void pool_halt(struct pool *pool);               /* no new starts */
void pool_drain(struct pool *pool, usec_t now);  /* the same, TERM after grace */
void pool_stop(struct pool *pool);               /* TERM now, KILL after kill_after */

#endif
