#include "jobline.h"

#include "json.h"

#include <string.h>

static void add_member(struct strbuf *sb, const char *name, int64_t n)
{
	strbuf_addstr(sb, name);
	strbuf_addint(sb, n);
}

void jobline_add(struct strbuf *sb, const struct job *job)
{
	add_member(sb, "{\"id\":", job->id);
	strbuf_addstr(sb, ",\"queue\":");
	json_add_string(sb, job->queue, strlen(job->queue));
	add_member(sb, ",\"attempt\":", job->attempt);
	add_member(sb, ",\"max_attempts\":", job->max_attempts);
	add_member(sb, ",\"priority\":", job->priority);
	strbuf_addstr(sb, ",\"payload\":");
	json_add_one_line(sb, job->payload, job->payload_len);
	strbuf_addstr(sb, ",\"lease\":");
	json_add_string(sb, job->lease, strlen(job->lease));
	strbuf_addstr(sb, "}\n");
}

void jobline_add_cancel(struct strbuf *sb, int64_t id, const char *lease)
{
	add_member(sb, "{\"id\":", id);
	strbuf_addstr(sb, ",\"lease\":");
	json_add_string(sb, lease, strlen(lease));
	strbuf_addstr(sb, ",\"cancel\":true}\n");
}
