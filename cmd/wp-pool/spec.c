#include "spec.h"

#include "alloc.h"
#include "err.h"
#include "io.h"
#include "parse.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Strings, a NUL after each: directory, umask, the limits, the number of arguments, the arguments, the environment. */
enum { HEAD = 6 };
#define SPEC_MAX ((off_t)64 << 20)

static void add(struct strbuf *sb, const char *s)
{
	strbuf_add(sb, s, strlen(s) + 1);
}

static void add_int(struct strbuf *sb, int64_t n)
{
	strbuf_addint(sb, n);
	strbuf_addch(sb, '\0');
}

static mode_t our_umask(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return mask;
}

static int add_all(struct strbuf *sb, char *const *command, char *const *envp, const struct spawn_limits *limits)
{
	char *dir = getcwd(NULL, 0);
	int64_t n = 0;

	if (!dir)
		return err_errno("cannot find the current directory");
	add(sb, dir);
	free(dir);
	while (command[n])
		n++;
	add_int(sb, our_umask());
	add_int(sb, limits->memory);
	add_int(sb, limits->cpu);
	add_int(sb, limits->nice);
	add_int(sb, n);
	for (char *const *arg = command; *arg; arg++)
		add(sb, *arg);
	for (; *envp; envp++)
		add(sb, *envp);
	return 0;
}

int spec_write(char *const *command, char *const *envp, const struct spawn_limits *limits)
{
	struct strbuf text = STRBUF_INIT;
	int fd = -1;

	if (add_all(&text, command, envp, limits) == 0) {
		fd = memfd_create("wp-pool call", MFD_CLOEXEC);
		if (fd < 0 || write_full(fd, text.buf, text.len) < 0) {
			err_errno("cannot write down the command");
			fd_close(&fd);
		}
	}
	strbuf_release(&text);
	return fd;
}

/* Reading: the other side may be anybody who may write to the socket, so nothing is taken for granted. */

static int read_text(struct strbuf *text, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno("cannot read the command");
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > SPEC_MAX)
		return err_set(WP_DATA, "the command is not written down as it should be");
	strbuf_grow(text, (size_t)st.st_size);
	if (lseek(fd, 0, SEEK_SET) < 0 || read_full(fd, text->buf, (size_t)st.st_size) != st.st_size)
		return err_errno("cannot read the command");
	strbuf_setlen(text, (size_t)st.st_size);
	return text->buf[text->len - 1] ? err_set(WP_DATA, "the command is not written down as it should be") : 0;
}

static size_t count_strings(const struct strbuf *text)
{
	size_t n = 0;

	for (const char *p = text->buf, *end = p + text->len; p < end; p += strlen(p) + 1)
		n++;
	return n;
}

static int set_strings(struct spec *spec, char **string, size_t nr, size_t more)
{
	int64_t mask, argc, nice;

	if (parse_int(&mask, string[1], "umask", 0, 0777) < 0
	    || parse_int(&spec->limits.memory, string[2], "memory limit", 0, INT64_MAX) < 0
	    || parse_int(&spec->limits.cpu, string[3], "limit of processor time", 0, INT64_C(1) << 32) < 0
	    || parse_int(&nice, string[4], "nice value", -20, 19) < 0
	    || parse_int(&argc, string[5], "number of arguments", 1, (int64_t)(nr - HEAD)) < 0)
		return -1;
	spec->dir = string[0];
	spec->mask = (mode_t)mask;
	spec->limits.nice = (int)nice;
	spec->env_nr = nr - HEAD - (size_t)argc;
	spec->argv = xcalloc((size_t)argc + 1, sizeof(*spec->argv));
	memcpy(spec->argv, string + HEAD, (size_t)argc * sizeof(*string));
	spec->envp = xcalloc(spec->env_nr + more + 1, sizeof(*spec->envp));
	memcpy(spec->envp, string + HEAD + argc, spec->env_nr * sizeof(*string));
	return 0;
}

int spec_read(struct spec *spec, int fd, size_t more)
{
	char **string, *p;
	size_t nr;
	int r;

	*spec = (struct spec){ .text = STRBUF_INIT };
	if (read_text(&spec->text, fd) < 0)
		return -1;
	nr = count_strings(&spec->text);
	if (nr <= HEAD)
		return err_set(WP_DATA, "the command is not written down as it should be");
	string = xcalloc(nr, sizeof(*string));
	p = spec->text.buf;
	for (size_t i = 0; i < nr; i++, p += strlen(p) + 1)
		string[i] = p;
	r = set_strings(spec, string, nr, more);
	free(string);
	return r;
}

void spec_release(struct spec *spec)
{
	free(spec->argv);
	free(spec->envp);
	strbuf_release(&spec->text);
	*spec = (struct spec){ .text = STRBUF_INIT };
}
