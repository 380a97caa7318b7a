#include "store.h"

#include "err.h"
#include "parse.h"
#include "schema.h"
#include "strbuf.h"

#include <stdlib.h>
#include <string.h>

int store_open_raw(struct store *store, const struct globals *globals)
{
	*store = (struct store){ .state.fd = -1 };
	if (globals->db)
		return db_open(&store->db, globals->db, NULL) < 0 ? -1 : 0;
	if (state_open(&store->state, globals->state) < 0)
		return -1;
	if (db_open(&store->db, NULL, store->state.db_path) == 0)
		return 0;
	state_release(&store->state);
	return -1;
}

void store_close(struct store *store)
{
	db_close(store->db);
	store->db = NULL;
	if (store->state.dir)
		state_release(&store->state);
}

int store_open(struct store *store, const struct globals *globals)
{
	if (store_open_raw(store, globals) < 0)
		return -1;
	if (schema_check(store->db) == 0)
		return 0;
	store_close(store);
	return -1;
}

const char *store_queue_bell(const char *queue)
{
	static struct strbuf name = STRBUF_INIT;

	strbuf_reset(&name);
	strbuf_addf(&name, "jobs %s", queue);
	return name.buf;
}

int queue_check(const char *name, size_t len)
{
	if (len == 0)
		return err_set(WP_USAGE, "the queue's name is empty");
	if (len > QUEUE_NAME_MAX)
		return err_set(WP_USAGE, "the queue's name is longer than %d bytes", QUEUE_NAME_MAX);
	if (!utf8_valid(name, len))
		return err_set(WP_USAGE, "the queue's name is not valid UTF-8");
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return err_set(WP_USAGE, "control character in queue name \"%s\"", name);
	}
	return 0;
}

int ids_parse(int64_t **ids, int n, char **operands)
{
	int64_t *array = calloc(n ? (size_t)n : 1, sizeof(*array));

	if (!array)
		return err_errno("cannot hold %d ids", n);
	for (int i = 0; i < n; i++) {
		if (parse_int(&array[i], operands[i], "job id", 1, INT64_MAX) < 0) {
			free(array);
			return -1;
		}
	}
	*ids = array;
	return 0;
}

int states_check(const char *states)
{
	static const char known[] = ",scheduled,available,reserved,in_progress,retry,completed,failed,cancelled,";
	struct strbuf word = STRBUF_INIT;
	int result = 0;

	for (const char *s = states; result == 0; ) {
		size_t len = strcspn(s, ",");
		strbuf_reset(&word);
		strbuf_addf(&word, ",%.*s,", (int)len, s);
		if (len == 0 || !strstr(known, word.buf)) {
			result = err_set(WP_USAGE, "unknown state \"%.*s\"", (int)len, s);
			err_hint("the states are scheduled, available, reserved, in_progress, retry, completed, failed, cancelled");
		}
		if (s[len] == '\0')
			break;
		s += len + 1;
	}
	strbuf_release(&word);
	return result;
}
