#include "err.h"
#include "io.h"
#include "state.h"
#include "tap.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/vfs.h>

static char directory[] = "/tmp/wp-unit-XXXXXX";

/* Stands in for libc's, so that a file system can be anything. */
static unsigned pretended_type;

int fstatfs(int fd, struct statfs *buf)
{
	memset(buf, 0, sizeof(*buf));
	buf->f_type = pretended_type ? pretended_type : 0xef53;
	return 0;
}

/* Holds for a few calls more. */
static const char *in_directory(const char *name)
{
	static char *slots[4];
	static size_t n;
	char **slot = &slots[n++ % 4];

	free(*slot);
	if (asprintf(slot, "%s/%s", directory, name) < 0)
		bail_out("memory");
	return *slot;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		bail_out(path);
	return st.st_mode & 07777;
}

static void opens(const char *dir, const char *expected, const char *name)
{
	char *wanted = strdup(in_directory(expected));
	struct state state;
	char *db_path;

	if (!is_int(state_open(&state, dir), 0, "%s: opens", name)) {
		printf("# %s\n", err_message());
		free(wanted);
		return;
	}
	is_str(state.dir, wanted, "%s: its name", name);
	is_int(mode_of(state.dir), 0700, "%s: for its owner alone", name);
	is_int(mode_of(state.live_dir), 0700, "%s: live/ as well", name);
	ok(faccessat(state.fd, "live", F_OK, 0) == 0, "%s: the descriptor is the directory's", name);
	ok(fcntl(state.fd, F_GETFD) & FD_CLOEXEC, "%s: and is not handed on", name);
	if (asprintf(&db_path, "%s/state.db", wanted) < 0)
		bail_out("memory");
	is_str(state.db_path, db_path, "%s: the database's name", name);
	free(db_path);
	free(wanted);
	state_release(&state);
	ok(state.fd == -1 && !state.dir, "%s: released", name);
}

static void refused(const char *dir, int status, const char *reason, const char *name)
{
	struct state state;

	is_int(state_open(&state, dir), -1, "%s: refused", name);
	is_int(err_status(), status, "%s: its status", name);
	ok(strstr(err_message(), reason), "%s: the reason is \"%s\" (%s)", name, reason, err_message());
	is_int(state.fd, -1, "%s: nothing is open", name);
}

static void test_where(void)
{
	char *home = strdup(in_directory("home")), *xdg = strdup(in_directory("xdg"));
	char *other = strdup(in_directory("by-variable"));

	opens(in_directory("a/b/c"), "a/b/c", "parents are made");
	is_int(mode_of(in_directory("a")), 0700, "and are for their owner alone");
	opens(in_directory("a/b/c"), "a/b/c", "one that is there");
	opens(in_directory("slashes///"), "slashes", "slashes at the end");
	opens("relative", "relative", "a relative name");

	setenv("WP_STATE", other, 1);
	opens(NULL, "by-variable", "WP_STATE");
	opens(in_directory("asked"), "asked", "what is asked for goes before WP_STATE");
	setenv("WP_STATE", "", 1);
	setenv("HOME", home, 1);
	setenv("XDG_STATE_HOME", xdg, 1);
	if (geteuid() != 0) {
		opens(NULL, "xdg/workplane", "XDG_STATE_HOME");
		setenv("XDG_STATE_HOME", "not/absolute", 1);
		opens(NULL, "home/.local/state/workplane", "HOME");
		unsetenv("HOME");
		refused(NULL, WP_USAGE, "HOME is not set", "no home");
	}
	free(home);
	free(xdg);
	free(other);
}

static void test_refusals(void)
{
	char *long_name = malloc(PATH_MAX + 10);
	char *target = strdup(in_directory("target"));
	char *component = malloc(NAME_MAX + 10);

	refused("", WP_USAGE, "empty", "no name");
	memset(long_name, 'x', PATH_MAX);
	long_name[0] = '/';
	for (int i = 100; i < PATH_MAX; i += 100)
		long_name[i] = '/';
	long_name[PATH_MAX - 1] = '\0';
	refused(long_name, WP_USAGE, "too long", "a long name");
	memset(component, 'x', NAME_MAX + 1);
	component[NAME_MAX + 1] = '\0';
	refused(in_directory(component), WP_CANTCREAT, "too long", "a long component");

	mkdir(target, 0700);
	if (symlink(target, in_directory("link")) < 0)
		bail_out("symlink");
	refused(in_directory("link"), WP_NOPERM, "symbolic link", "a symbolic link");
	refused(in_directory("link/"), WP_NOPERM, "symbolic link", "a symbolic link and a slash");
	mkdir(in_directory("link/below"), 0700);
	opens(in_directory("link/below"), "link/below", "a link on the way");

	chmod(target, 0770);
	refused(target, WP_NOPERM, "by others", "writable by the group");
	chmod(target, 01777);
	refused(target, WP_NOPERM, "by others", "writable by all, sticky");
	chmod(target, 0700);
	close(open(in_directory("file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	refused(in_directory("file"), WP_CANTCREAT, "not a directory", "a file");
	refused(in_directory("file/below"), WP_CANTCREAT, "Not a directory", "below a file");
	refused(geteuid() == 0 ? "/proc/none" : "/wp-unit-none", geteuid() == 0 ? WP_CANTCREAT : WP_NOPERM,
		"cannot make directory", "where none can be made");
	free(long_name);
	free(target);
	free(component);
}

static void test_other_owner(void)
{
	if (geteuid() == 0) {
		mkdir(in_directory("foreign"), 0700);
		if (chown(in_directory("foreign"), 65534, 65534) < 0)
			bail_out("chown");
		refused(in_directory("foreign"), WP_NOPERM, "another user", "another's directory");
	} else {
		refused("/", WP_NOPERM, "another user", "another's directory");
	}
}

static void test_file_systems(void)
{
	static const unsigned network[] = { 0x6969, 0xff534d42, 0xfe534d42, 0x517b, 0x01021997, 0x5346414f, 0x73757245 };

	for (size_t i = 0; i < sizeof(network) / sizeof(network[0]); i++) {
		pretended_type = network[i];
		refused(in_directory("asked"), WP_CANTCREAT, "network file system", "a network file system");
	}
	pretended_type = 0x01021994;
	opens(in_directory("asked"), "asked", "tmpfs");
	pretended_type = 0;
}

int main(void)
{
	char *command;
	int cwd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	err_program("test");
	unsetenv("WP_STATE");
	if (cwd < 0 || !mkdtemp(directory) || chdir(directory) < 0)
		bail_out("mkdtemp");
	test_where();
	test_refusals();
	test_other_owner();
	test_file_systems();
	if (fchdir(cwd) < 0 || asprintf(&command, "rm -rf '%s'", directory) < 0 || system(command) != 0)
		bail_out("cannot clean up");
	free(command);
	close(cwd);
	return done_testing();
}
