/*
 * The TLS half of what `xcall` is held against: GnuTLS on a non-blocking socket, waits in poll(2).
 *
 *   tls-client echo PORT CA WARMUP BATCHES SIZE   64 bytes there and back
 *   tls-client download PORT CA WARMUP MEBIBYTES  reads into 64 KiB, one record at a time
 *   tls-client handshake PORT CA WARMUP COUNT     connects, verifies, closes
 */
#define _GNU_SOURCE
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "sockets.h"

enum { MESSAGE = 64, BUFFER = 65536, MEBIBYTE = 1 << 20 };

static gnutls_certificate_credentials_t credentials;
static gnutls_priority_t priority;
static const char *port;
static gnutls_session_t session;
static int fd;
static char message[MESSAGE], buffer[BUFFER];

/* What `xcall` verifies of the server: chain, name, and that the certificate is for servers. */
static gnutls_typed_vdata_st wanted[] = {
	{.type = GNUTLS_DT_DNS_HOSTNAME, .data = (unsigned char *)"localhost"},
	{.type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)GNUTLS_KP_TLS_WWW_SERVER},
};

/* Waits for what a GnuTLS call could not do at once. */
static void go_on(ssize_t code)
{
	if (code != GNUTLS_E_AGAIN && code != GNUTLS_E_INTERRUPTED) {
		fprintf(stderr, "%s\n", gnutls_strerror(code));
		exit(1);
	}
	wait_for(fd, gnutls_record_get_direction(session) == 1 ? POLLOUT : POLLIN);
}

static void open_session(void)
{
	int code;
	fd = connect_localhost(port);
	gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
	gnutls_priority_set(session, priority);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_server_name_set(session, GNUTLS_NAME_DNS, "localhost", 9);
	gnutls_session_set_verify_cert2(session, wanted, 2, 0);
	gnutls_transport_set_int(session, fd);
	while ((code = gnutls_handshake(session)) < 0)
		if (gnutls_error_is_fatal(code) || code == GNUTLS_E_AGAIN)
			go_on(code);
}

static void close_session(void)
{
	int code;
	while ((code = gnutls_bye(session, GNUTLS_SHUT_WR)) < 0)
		go_on(code);
	close(fd);
	gnutls_deinit(session);
}

static void handshake(void)
{
	open_session();
	close_session();
}

static void send_bytes(const char *bytes, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t count = gnutls_record_send(session, bytes + done, length - done);
		if (count < 0)
			go_on(count);
		else
			done += count;
	}
}

static void read_bytes(size_t length, size_t room)
{
	for (size_t done = 0; done < length;) {
		ssize_t count = gnutls_record_recv(session, buffer, room);
		if (count == 0)
			exit(1);
		if (count < 0)
			go_on(count);
		else
			done += count;
	}
}

static void echo(void)
{
	send_bytes(message, MESSAGE);
	read_bytes(MESSAGE, MESSAGE);
}

static void download(int mebibytes)
{
	static char asked[4096];
	send_bytes(asked, mebibytes);
	read_bytes((size_t)mebibytes * MEBIBYTE, BUFFER);
}

int main(int count, char **words)
{
	if (count < 6)
		return 2;
	port = words[2];
	int warmup = atoi(words[4]), amount = atoi(words[5]);
	gnutls_certificate_allocate_credentials(&credentials);
	if (gnutls_certificate_set_x509_trust_file(credentials, words[3], GNUTLS_X509_FMT_PEM) <= 0)
		return 2;
	gnutls_priority_init(&priority, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", NULL);
	if (words[1][0] == 'h') {
		for (int turn = 0; turn < warmup; turn += 1)
			handshake();
		double begun = now_ns(), used = cpu_ms();
		for (int turn = 0; turn < amount; turn += 1)
			handshake();
		double elapsed = now_ns() - begun;
		printf("{\"rate\":%.1f,\"cpu\":%.3f}\n", amount / (elapsed / 1e9), cpu_ms() - used);
		return 0;
	}
	open_session();
	if (words[1][0] == 'd') {
		download(warmup);
		double begun = now_ns(), used = cpu_ms();
		download(amount);
		printf("{\"wall\":%.3f,\"cpu\":%.3f}\n", (now_ns() - begun) / 1e6, cpu_ms() - used);
		return 0;
	}
	printf("{\"ns\":%.1f}\n", median_batch(echo, warmup, amount, atoi(words[6])));
	return 0;
}
