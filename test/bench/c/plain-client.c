/*
 * The plain half of what `xcall` is held against: non-blocking, tries first, waits in poll(2).
 *
 *   plain-client check PORT WARMUP BATCHES SIZE     poll(2) with zero timeout on an idle connection
 *   plain-client echo PORT WARMUP BATCHES SIZE      64 bytes there and back
 */
#define _GNU_SOURCE
#include <errno.h>

#include "sockets.h"

enum { MESSAGE = 64 };

static int fd;
static char message[MESSAGE], reply[MESSAGE];

static void check(void)
{
	struct pollfd entry = {.fd = fd, .events = POLLIN};
	if (poll(&entry, 1, 0) != 0)
		die("the connection is not idle");
}

static void echo(void)
{
	size_t done = 0;
	while (done < MESSAGE) {
		ssize_t count = send(fd, message + done, MESSAGE - done, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (count > 0)
			done += count;
		else if (errno == EAGAIN)
			wait_for(fd, POLLOUT);
		else
			die("send");
	}
	for (done = 0; done < MESSAGE;) {
		ssize_t count = recv(fd, reply + done, MESSAGE - done, MSG_DONTWAIT);
		if (count > 0)
			done += count;
		else if (count < 0 && errno == EAGAIN)
			wait_for(fd, POLLIN);
		else
			die("recv");
	}
}

int main(int count, char **words)
{
	if (count != 6)
		return 2;
	fd = connect_localhost(words[2]);
	void (*work)(void) = strcmp(words[1], "check") == 0 ? check : echo;
	printf("{\"ns\":%.1f}\n", median_batch(work, atoi(words[3]), atoi(words[4]), atoi(words[5])));
	return 0;
}
