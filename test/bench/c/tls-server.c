/*
 * A GnuTLS server, one thread per connection. Prints its port.
 *
 *   tls-server echo CERT KEY        sends back whatever it receives
 *   tls-server source CERT KEY      answers each byte with a mebibyte
 *   tls-server handshake CERT KEY   shakes hands and waits for the end
 */
#define _GNU_SOURCE
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <signal.h>

#include "sockets.h"

enum { MEBIBYTE = 1 << 20, RECORD = 16384 };

static gnutls_certificate_credentials_t credentials;
static gnutls_priority_t priority;
static char mode;

static int send_all(gnutls_session_t session, const char *bytes, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t count = gnutls_record_send(session, bytes + done, length - done);
		if (count < 0 && gnutls_error_is_fatal(count))
			return 0;
		if (count > 0)
			done += count;
	}
	return 1;
}

static void serve(gnutls_session_t session)
{
	static char mebibyte[MEBIBYTE];
	char buffer[RECORD];
	for (;;) {
		ssize_t count = gnutls_record_recv(session, buffer, sizeof buffer);
		if (count < 0 && !gnutls_error_is_fatal(count))
			continue;
		if (count <= 0)
			return;
		if (mode == 'e' && !send_all(session, buffer, count))
			return;
		for (ssize_t index = 0; mode == 's' && index < count; index += 1)
			if (!send_all(session, mebibyte, MEBIBYTE))
				return;
	}
}

static void *connection(void *given)
{
	int fd = (int)(long)given, code;
	gnutls_session_t session;
	gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL);
	gnutls_priority_set(session, priority);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_transport_set_int(session, fd);
	do
		code = gnutls_handshake(session);
	while (code < 0 && !gnutls_error_is_fatal(code));
	if (code == 0)
		serve(session);
	close(fd);
	gnutls_deinit(session);
	return NULL;
}

int main(int count, char **words)
{
	if (count != 4)
		return 2;
	mode = words[1][0];
	signal(SIGPIPE, SIG_IGN);
	gnutls_certificate_allocate_credentials(&credentials);
	if (gnutls_certificate_set_x509_key_file(credentials, words[2], words[3], GNUTLS_X509_FMT_PEM) < 0)
		return 2;
	gnutls_priority_init(&priority, "NORMAL:-VERS-ALL:+VERS-TLS1.3", NULL);
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
