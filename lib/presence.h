/*
 * presence.h - who is present under which topic and key, and how much they can carry.
 *
 * An entry is a row in the state file and something of the kernel's that says whether it lives: a lock
 * (alive.h), a process (its pid and start time), or both. Whoever meets a dead one removes it and
 * records that it left; so nobody ever sees one. Joins, updates and leaves are also rows of a
 * log, written in the same transaction as what they tell.
 *
 * Nothing here waits for anything but the state file's other writers. What happens is
 * told by roster.h; tracked.h is for a program's own entry.
 */
#ifndef WP_PRESENCE_H
#define WP_PRESENCE_H

#include "alive.h"
#include "clock.h"
#include "db.h"
#include "state.h"
#include "strbuf.h"
#include "strvec.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PRESENCE_TOPIC "workers"         /* where nothing else is said */
#define PRESENCE_LOCKS "presence"        /* the family of the numbered locks (alive.h) */
#define PRESENCE_CAPACITY_MAX INT32_MAX

struct presence {
	struct state state;
	struct db *db;
	int64_t boot;

	/* private: the locks of those whose removal is not committed yet */
	int64_t *numbers;
	size_t numbers_nr, numbers_alloc;
	struct strvec locks;
};

/* Open the state directory DIR (state.h) and the file in it; both are made when missing. -1 with err recorded. */
int presence_open(struct presence *p, const char *dir);
/* The same only where there is one already: 1 opened, 0 there is none, -1 with err recorded. */
int presence_open_existing(struct presence *p, const char *dir);
void presence_close(struct presence *p);

struct presence_entry {
	int64_t id;                  /* the number of its lock */
	const char *topic, *key, *ref, *meta;
	int64_t capacity, in_use;
	pid_t pid;
	int64_t process;             /* when not 0: lives no longer than process PID, which was started then (process.h) */
	const char *lock;            /* NULL: its number's; "": none; else a file in live/ */
	usec_t joined_at, updated_at;
};

/*
 * Join. TOPIC, KEY and REF were checked (name.h); REF NULL: one is made up and appended to *REF_OUT (may be NULL).
 * With LOCK NULL the lock is taken here and is the caller's to keep: LIFE, to be let go of (alive_let_go)
 * after presence_leave(); else the caller has seen to it that what LOCK and PROCESS say is true by now.
 * WAIT false: 0 when another process is writing just now. 1 joined; -1 with err recorded; status 1 when REF
 * is there already.
 */
int presence_join(struct presence *p, const struct presence_entry *entry, struct alive *life, struct strbuf *ref_out,
	bool wait);

/* Why somebody left. */
#define PRESENCE_EXITED "exited"         /* it ended */
#define PRESENCE_UNTRACKED "untracked"   /* it was told to, or its entry was */
#define PRESENCE_KILLED "killed"         /* it was gone without a word */
#define PRESENCE_REBOOT "reboot"         /* with the machine */

/* Why did the last entry REF leave, as far as that is kept? A copy of the reason, or NULL; also after an error, which is recorded. */
char *presence_reason(struct presence *p, const char *ref);

/* Remove the entry REF. 1; 0 when it is not there (any more); -1 with err recorded. */
int presence_leave(struct presence *p, const char *ref, const char *reason);

/* What is to change; -1 and NULL: stays. */
struct presence_change {
	int64_t capacity, in_use;
	const char *meta;
};
/* WAIT as in presence_join(). 1 changed; 0 not (busy, with WAIT false); PRESENCE_GONE when there is no such
 * entry; -1 with err recorded. */
enum { PRESENCE_GONE = 2 };
int presence_update(struct presence *p, const char *ref, const struct presence_change *change, bool wait);

/* FN for each that lives, in the order in which they came; TOPIC and KEY NULL: any. The strings are valid until it returns; it
 * may not use P. What is dead is removed. 0, or -1 with err recorded. */
int presence_list(struct presence *p, const char *topic, const char *key,
	void (*fn)(const struct presence_entry *entry, void *ctx), void *ctx);

/* The same for whoever needs sums alone, which is faster; only id, ref, topic, capacity and in_use are set. */
int presence_scan(struct presence *p, const char *topic, void (*fn)(const struct presence_entry *entry, void *ctx), void *ctx);

/* All entries of one state of the file, without a look at who lives, and the number of the event after which it
 * is so; for those who hear of every death. -1 with err recorded. */
int64_t presence_snapshot(struct presence *p, const char *topic, void (*fn)(const struct presence_entry *entry, void *ctx), void *ctx);

struct presence_totals {
	int64_t entries, capacity, in_use, free;
};
/* What presence_scan() would sum up to, without a look at who lives: for those who hear of every death (roster.h). */
int presence_totals(struct presence *p, const char *topic, struct presence_totals *totals);
/* The same for: is there such an entry? 1, 0, or -1 with err recorded. */
int presence_has_key(struct presence *p, const char *topic, const char *key);

/* Remove the dead: all of them, those with numbers FIRST to LAST, those whose lock is the file LOCK, or REF. How many, or -1 with
 * err recorded. */
int64_t presence_reap(struct presence *p);
int64_t presence_reap_numbers(struct presence *p, int64_t first, int64_t last);
int64_t presence_reap_lock(struct presence *p, const char *lock);
int64_t presence_reap_ref(struct presence *p, const char *ref);

struct presence_event {
	int64_t seq;                 /* they follow each other without a gap */
	usec_t at;
	const char *event, *reason;  /* join, update, leave; REASON with leave alone */
	struct presence_entry entry; /* as it was then, without lock and times */
};
/* The number of the newest event, 0 when there was none. -1 with err recorded. */
int64_t presence_last_event(struct presence *p);
/* FN for each event after SEQ. The number of the last, or -1 with err recorded: status 75 when some of
 * them are not kept any more. FN may not use P. */
int64_t presence_events(struct presence *p, int64_t seq, void (*fn)(const struct presence_event *event, void *ctx), void *ctx);

/* Append the line of workplane-stream(5), newline included. EVENT may be "present", which no log has: an
 * entry as it is now. */
void presence_event_add(struct strbuf *sb, const struct presence_event *event);
/* Append the members of an entry, without braces: "topic":...,"meta":{...}. */
void presence_entry_add(struct strbuf *sb, const struct presence_entry *entry);

#endif
