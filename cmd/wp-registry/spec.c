#include "spec.h"

#include "alloc.h"
#include "err.h"
#include "name.h"
#include "spawn.h"

#include <stdlib.h>
#include <unistd.h>

/* A mistake is told to whoever made it, not to whoever sends the first message. */
static int check_command(char **command)
{
	char *path = command[0] ? spawn_find(command[0]) : NULL;

	free(path);
	return !command[0] || path ? 0 : -1;
}

int spec_make(struct spec *spec, const struct spec_args *args, const char *handle, char **command)
{
	const char *stack = args->stack;

	*spec = (struct spec){ .consumer = CONSUMER_INIT, .settings = SETTINGS_INIT };
	if (check_address(&stack, handle) < 0 || (args->meta && meta_check(args->meta) < 0) || check_command(command) < 0)
		return -1;
	spec->consumer.stack = xstrdup(stack);
	spec->consumer.handle = xstrdup(handle);
	spec->consumer.meta = xstrdup(args->meta ? args->meta : "{}");
	spec->consumer.restart = args->on_crash != 0;
	spec->consumer.rest = (struct rest_times){ args->hibernate_after, args->jitter, args->suspend_after };
	spec->settings.warm = args->warm;
	spec->settings.hibernation = args->hibernation;
	spec->settings.max_pending = args->max_pending;
	spec->settings.timeout = args->timeout;
	spec->settings.shutdown_timeout = args->shutdown_timeout;
	strvec_push_all(&spec->settings.command, (const char *const *)command);
	return 0;
}

/* As at(1) has it: it will run as if it were started now and here. */
int spec_remember(struct spec *spec, const char *log)
{
	spec->settings.directory = getcwd(NULL, 0);
	if (!spec->settings.directory)
		return err_errno("cannot find out the working directory");
	strvec_push_all(&spec->settings.environment, (const char *const *)environ);
	if (log && *log != '/') {
		struct strbuf path = STRBUF_INIT;

		strbuf_addf(&path, "%s/%s", spec->settings.directory, log);
		spec->settings.log = strbuf_detach(&path, NULL);
	} else if (log) {
		spec->settings.log = xstrdup(log);
	}
	return 0;
}

void spec_finish(struct spec *spec)
{
	struct strbuf text = STRBUF_INIT;

	settings_add(&text, &spec->settings);
	free(spec->consumer.settings);
	spec->consumer.settings = strbuf_detach(&text, NULL);
}

int spec_rest(struct spec *spec, struct registry *r)
{
	struct rest_times *rest = &spec->consumer.rest;

	if (rest->hibernate_after >= 0 || rest->jitter >= 0 || rest->suspend_after >= 0)
		return 0;
	return registry_rest_of(r, spec->consumer.stack, rest);
}

void spec_release(struct spec *spec)
{
	consumer_release(&spec->consumer);
	settings_release(&spec->settings);
}
