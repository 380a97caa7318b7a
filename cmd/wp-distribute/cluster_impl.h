/*
 * cluster_impl.h - what the parts of the cluster share. For cluster*.c alone.
 */
#ifndef WP_DISTRIBUTE_CLUSTER_IMPL_H
#define WP_DISTRIBUTE_CLUSTER_IMPL_H

#include "cluster.h"

/* A column's text, the caller's; NULL for NULL. */
char *cluster_text(struct db_rows *rows, int column);
/* The first column of the only row: 1, 0 there is none, negative (db.h). */
int cluster_read_int(struct cluster *c, enum sql_id sql, struct db_value first, struct db_value second, int64_t *n);

/* Inside a writing transaction. R and NODE may be NULL; *SEQ too. */
int cluster_tell(struct cluster *c, const char *event, const char *reason, const struct replica *r, const char *node, pid_t pid,
	int64_t *seq);
/* All nodes that live, the dead removed. */
int cluster_living(struct cluster *c, struct nodes *nodes);

/* N is gone: what it was to end has ended, and what is never started again has failed. */
int cluster_bury_ending(struct cluster *c, const struct node *n);

/* All replicas, with what placing needs: no reason, settings, meta and name of the target. */
int cluster_board(struct cluster *c, struct replicas *replicas);

#endif
