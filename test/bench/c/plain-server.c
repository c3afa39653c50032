/* Echoes whatever it receives, on any number of connections. Prints its port. */
#define _GNU_SOURCE
#include <sys/epoll.h>

#include "sockets.h"

int main(void)
{
	static char buffer[65536];
	static struct epoll_event events[1024];
	int listener = listen_anywhere();
	int set = epoll_create1(0);
	struct epoll_event entry = {.events = EPOLLIN, .data.fd = listener};
	epoll_ctl(set, EPOLL_CTL_ADD, listener, &entry);
	for (;;) {
		int count = epoll_wait(set, events, 1024, -1);
		for (int index = 0; index < count; index += 1) {
			int fd = events[index].data.fd;
			if (fd == listener) {
				int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
				if (accepted < 0)
					die("accept4");
				no_delay(accepted);
				entry = (struct epoll_event){.events = EPOLLIN, .data.fd = accepted};
				epoll_ctl(set, EPOLL_CTL_ADD, accepted, &entry);
				continue;
			}
			ssize_t length = recv(fd, buffer, sizeof buffer, 0);
			if (length <= 0)
				close(fd);
			else if (send(fd, buffer, length, MSG_NOSIGNAL) < 0)
				close(fd);
		}
	}
}
