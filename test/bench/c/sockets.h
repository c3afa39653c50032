/* Sockets on the loopback, the same for all programs here. */
#ifndef SOCKETS_H
#define SOCKETS_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"

static inline void no_delay(int fd)
{
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Listens on a free port and prints it. */
static inline int listen_anywhere(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, 4096) < 0)
		die("listen");
	getsockname(fd, (struct sockaddr *)&address, &length);
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

static inline void wait_for(int fd, short events)
{
	struct pollfd entry = {.fd = fd, .events = events};
	poll(&entry, 1, -1);
}

/* Resolves localhost and connects, without blocking but in poll(2). */
static inline int connect_localhost(const char *port)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
	if (getaddrinfo("localhost", port, &hints, &found) != 0)
		die("getaddrinfo");
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	no_delay(fd);
	if (connect(fd, found->ai_addr, found->ai_addrlen) < 0) {
		int error = 0;
		socklen_t length = sizeof error;
		wait_for(fd, POLLOUT);
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
		if (error != 0)
			die("connect");
	}
	freeaddrinfo(found);
	return fd;
}

#endif
