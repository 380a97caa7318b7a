#include "metrics.h"

#include "err.h"
#include "io.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void metrics_family(struct strbuf *sb, const char *name, const char *type, const char *help)
{
	strbuf_addf(sb, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_value(struct strbuf *sb, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n') {
			strbuf_addstr(sb, "\\n");
			continue;
		}
		if (*value == '"' || *value == '\\')
			strbuf_addch(sb, '\\');
		strbuf_addch(sb, *value);
	}
}

void metrics_sample_text(struct strbuf *sb, const char *name, const char *const *labels, const char *value)
{
	const char *before = "{";

	strbuf_addstr(sb, name);
	for (; *labels; labels += 2) {
		strbuf_addf(sb, "%s%s=\"", before, labels[0]);
		add_value(sb, labels[1]);
		strbuf_addch(sb, '"');
		before = ",";
	}
	if (*before == ',')
		strbuf_addch(sb, '}');
	strbuf_addf(sb, " %s\n", value);
}

void metrics_sample(struct strbuf *sb, const char *name, const char *const *labels, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	metrics_sample_text(sb, name, labels, text);
}

void metrics_end(struct strbuf *sb)
{
	strbuf_addstr(sb, "# EOF\n");
}

static int fill(int fd, const struct strbuf *sb, const char *file)
{
	/* Others are to read it: mkostemp() has made it ours alone. */
	mode_t mask = umask(0);

	umask(mask);
	if (fchmod(fd, 0666 & ~mask) < 0 || write_full(fd, sb->buf, sb->len) < 0 || fsync(fd) < 0)
		return err_errno("cannot write \"%s\"", file);
	return 0;
}

static int write_and_rename(const struct strbuf *sb, const char *file, char *beside)
{
	int fd = mkostemp(beside, O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_errno("cannot make \"%s\"", beside);
	r = fill(fd, sb, file);
	fd_close(&fd);
	if (r == 0 && rename(beside, file) < 0)
		r = err_errno("cannot rename \"%s\" to \"%s\"", beside, file);
	if (r < 0)
		unlink(beside);
	return r;
}

int metrics_write(const struct strbuf *sb, const char *file)
{
	struct strbuf beside = STRBUF_INIT;
	int r;

	if (!file) {
		fwrite(sb->buf, 1, sb->len, stdout);     /* checked when stdout is closed */
		return 0;
	}
	/* The collector reads only what ends in ".prom". */
	strbuf_addf(&beside, "%s.XXXXXX", file);
	r = write_and_rename(sb, file, beside.buf);
	strbuf_release(&beside);
	return r;
}
