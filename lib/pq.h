/*
 * pq.h - libpq, loaded when a Postgres database is used and not before: it pulls in twenty
 * libraries, and most runs of these programs never need it.
 *
 * After pq_load() the functions are called as pq.PQexec(...).
 */
#ifndef WP_PQ_H
#define WP_PQ_H

#include <libpq-fe.h>
#include <stddef.h>

#define PQ_FUNCTIONS(X) \
	X(PQbackendPID) X(PQcancel) X(PQclear) X(PQcmdStatus) X(PQcmdTuples) X(PQconnectPoll) X(PQconnectdbParams) \
	X(PQconnectStartParams) X(PQconninfoFree) X(PQconninfoParse) X(PQconsumeInput) X(PQdb) \
	X(PQerrorMessage) X(PQescapeIdentifier) X(PQexec) X(PQfinish) X(PQflush) X(PQfreeCancel) X(PQfreemem) \
	X(PQgetCancel) X(PQgetResult) X(PQgetisnull) X(PQgetlength) X(PQgetvalue) X(PQhost) X(PQisBusy) \
	X(PQnotifies) X(PQntuples) X(PQputCopyData) X(PQputCopyEnd) X(PQresultErrorField) X(PQresultStatus) \
	X(PQsendPrepare) X(PQsendQuery) X(PQsendQueryParams) X(PQsendQueryPrepared) X(PQsetNoticeProcessor) \
	X(PQsetnonblocking) X(PQsocket) X(PQstatus) X(PQtransactionStatus)

struct pq {
#define PQ_MEMBER(name) __typeof__(name) *name;
	PQ_FUNCTIONS(PQ_MEMBER)
#undef PQ_MEMBER
};

extern struct pq pq;

/* 0, or -1 with err recorded (status 69). Loads once. */
int pq_load(void);

#endif
