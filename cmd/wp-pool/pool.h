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
 * reported. Nothing here allocates after pool_init().
 *
 * A slot takes PER_SLOT items at once and the oldest of them is its head: timeouts run
 * for the head alone. A slot that was told to end (TERM, KILL) takes nothing new until
 * pool_slot_down() says that its process is gone.
 */
#ifndef WP_POOL_POOL_H
#define WP_POOL_POOL_H

#include "clock.h"

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

struct pool_item {
	struct pool_item *prev, *next;
	uint64_t seq;               /* the owner's */
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
	struct pool_slot *due_prev, *due_next; /* in the queue of its deadline */
	struct pool_slots *due;
	struct pool_items items;               /* the head first */
	size_t load;
	usec_t deadline;
	unsigned char state;
	unsigned char signal;                  /* the next one for it, when its deadline comes */
	bool alone;                            /* its item must not get company */
	bool listed;                           /* in a bucket */
};

struct pool_slots {
	struct pool_slot *first, *last;
};

enum pool_halt { POOL_HALT_NEVER, POOL_HALT_SOON, POOL_HALT_NOW };

struct pool_config {
	size_t slots, per_slot;
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
	struct pool_slots timeouts, kills, signals;
	usec_t grace_end, hold_end;
	unsigned refusals;
	size_t live;                /* offered and not yet reported */
	size_t running;
	uint64_t offered, passed, failed, interrupted;
};

enum pool_do {
	POOL_WAIT,
	POOL_START,        /* *item, on slot item->slot; then pool_started(), pool_refused() or pool_ended() */
	POOL_TERM,         /* *slot: SIGTERM and SIGCONT to its process group */
	POOL_KILL,         /* *slot: SIGKILL */
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
void pool_offer(struct pool *pool, struct pool_item *item);
void pool_eof(struct pool *pool);
void pool_started(struct pool *pool, struct pool_item *item, usec_t now);
/* It could not be started for lack of processes or memory: again when something ends, or
 * a little later. False: it was tried often enough; the item is running
 * still and the owner says how it ended. */
bool pool_refused(struct pool *pool, struct pool_item *item, usec_t now);
void pool_ended(struct pool *pool, struct pool_item *item, enum pool_outcome outcome, usec_t now);
/* Pending: reported at once. Running: its slot is told to end. */
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

/* Stages; each only goes forward. */
void pool_halt(struct pool *pool);               /* no new starts */
void pool_drain(struct pool *pool, usec_t now);  /* the same, TERM after grace */
void pool_stop(struct pool *pool);               /* TERM now, KILL after kill_after */

#endif
