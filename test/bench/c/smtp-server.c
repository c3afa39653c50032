/*
 * An SMTP server that takes mail as fast as it can and forgets it, one thread per connection. Prints its port.
 *
 *   smtp-server plain
 *   smtp-server starttls CERT KEY    offers STARTTLS as well
 *
 * It offers PIPELINING, 8BITMIME and CHUNKING, answers everything with yes and looks at no address. It is a sink for
 * measurements, not a server to learn from.
 */
#define _GNU_SOURCE
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "sockets.h"

enum { ROOM = 1 << 18 };

static gnutls_certificate_credentials_t credentials;
static gnutls_priority_t priority;
static int offers_tls;

struct peer {
	int fd;
	gnutls_session_t session;
	char *bytes;
	size_t from, to;
	char replies[4096];
	size_t waiting;
};

/* Replies to what came together go out together. */
static int flush(struct peer *peer)
{
	for (size_t done = 0; done < peer->waiting;) {
		ssize_t count = peer->session ? gnutls_record_send(peer->session, peer->replies + done, peer->waiting - done)
					      : write(peer->fd, peer->replies + done, peer->waiting - done);
		if (count <= 0)
			return 0;
		done += count;
	}
	peer->waiting = 0;
	return 1;
}

static int say(struct peer *peer, const char *reply)
{
	size_t length = strlen(reply);
	if (peer->waiting + length > sizeof peer->replies && !flush(peer))
		return 0;
	memcpy(peer->replies + peer->waiting, reply, length);
	peer->waiting += length;
	return 1;
}

static int more(struct peer *peer)
{
	if (!flush(peer))
		return 0;
	if (peer->from == peer->to)
		peer->from = peer->to = 0;
	if (peer->from > 0) {
		memmove(peer->bytes, peer->bytes + peer->from, peer->to - peer->from);
		peer->to -= peer->from;
		peer->from = 0;
	}
	if (peer->to == ROOM)
		return 0;
	ssize_t count;
	do
		count = peer->session ? gnutls_record_recv(peer->session, peer->bytes + peer->to, ROOM - peer->to)
				      : read(peer->fd, peer->bytes + peer->to, ROOM - peer->to);
	while (peer->session && count < 0 && !gnutls_error_is_fatal(count));
	if (count <= 0)
		return 0;
	peer->to += count;
	return 1;
}

/* Everything up to the line with a dot. */
static int take_data(struct peer *peer)
{
	for (;;) {
		char *end = memmem(peer->bytes + peer->from, peer->to - peer->from, "\r\n.\r\n", 5);
		if (end) {
			peer->from = end + 5 - peer->bytes;
			return 1;
		}
		/* The last four bytes may be the beginning of the end. */
		if (peer->to - peer->from > 4)
			peer->from = peer->to - 4;
		if (!more(peer))
			return 0;
	}
}

static int take_chunk(struct peer *peer, size_t size)
{
	while (size > 0) {
		size_t here = peer->to - peer->from < size ? peer->to - peer->from : size;
		peer->from += here;
		size -= here;
		if (size > 0 && !more(peer))
			return 0;
	}
	return 1;
}

static int start_tls(struct peer *peer)
{
	int code;
	if (!say(peer, "220 go\r\n") || !flush(peer))
		return 0;
	gnutls_init(&peer->session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL);
	gnutls_priority_set(peer->session, priority);
	gnutls_credentials_set(peer->session, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_transport_set_int(peer->session, peer->fd);
	do
		code = gnutls_handshake(peer->session);
	while (code < 0 && !gnutls_error_is_fatal(code));
	return code == 0;
}

static int is(const char *line, const char *verb)
{
	return strncasecmp(line, verb, strlen(verb)) == 0;
}

static int answer(struct peer *peer, const char *line)
{
	if (is(line, "EHLO"))
		return say(peer, offers_tls && !peer->session
					 ? "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n250 STARTTLS\r\n"
					 : "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 CHUNKING\r\n");
	if (is(line, "STARTTLS"))
		return start_tls(peer);
	if (is(line, "DATA"))
		return say(peer, "354 go\r\n") && flush(peer) && take_data(peer) && say(peer, "250 taken\r\n");
	if (is(line, "BDAT"))
		return take_chunk(peer, strtoul(line + 5, NULL, 10)) && say(peer, "250 taken\r\n");
	if (is(line, "QUIT")) {
		say(peer, "221 bye\r\n");
		flush(peer);
		return 0;
	}
	return say(peer, "250 ok\r\n");
}

static void *connection(void *given)
{
	struct peer peer = {.fd = (int)(long)given, .bytes = malloc(ROOM)};
	int going = say(&peer, "220 sink ESMTP\r\n");
	while (going) {
		char *line = peer.bytes + peer.from;
		char *end = memchr(line, '\n', peer.to - peer.from);
		if (!end) {
			going = more(&peer);
			continue;
		}
		*end = 0;
		peer.from = end + 1 - peer.bytes;
		going = answer(&peer, line);
	}
	close(peer.fd);
	if (peer.session)
		gnutls_deinit(peer.session);
	free(peer.bytes);
	return NULL;
}

int main(int count, char **words)
{
	offers_tls = count == 4 && strcmp(words[1], "starttls") == 0;
	if (!offers_tls && count != 2)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	if (offers_tls) {
		gnutls_certificate_allocate_credentials(&credentials);
		if (gnutls_certificate_set_x509_key_file(credentials, words[2], words[3], GNUTLS_X509_FMT_PEM) < 0)
			return 2;
		gnutls_priority_init(&priority, "NORMAL:-VERS-ALL:+VERS-TLS1.3", NULL);
	}
	int listener = listen_anywhere();
	for (;;) {
		pthread_t thread;
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			die("accept4");
		no_delay(fd);
		pthread_create(&thread, NULL, connection, (void *)(long)fd);
		pthread_detach(thread);
	}
}
