#include "notify.h"

#include "err.h"
#include "io.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

void notify_systemd(const char *state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;
	int fd;

	if ((len == 0 || (*path != '/' && *path != '@')) || len >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, len);
	if (*path == '@')
		address.sun_path[0] = '\0';      /* an abstract one */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* Who does not listen does not care. */
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	fd_close(&fd);
}

int notify_check_fd(int64_t fd)
{
	if (fd >= 0 && fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_set(WP_USAGE, "descriptor %d is not open", (int)fd);
	return 0;
}

void notify_ready_fd(int *fd)
{
	if (*fd < 0)
		return;
	(void)write_full(*fd, "\n", 1);
	fd_close(fd);
}
