/*
 * guest-vsock.c - the guest's end of a vsock test, and one of the host's.
 *
 *	guest-vsock send CID PORT TEXT     connect, send TEXT, print what comes
 *	guest-vsock message CID PORT TEXT  the same as one SEQPACKET
 *	guest-vsock many CID PORT COUNT    COUNT connections, a byte there and
 *	                                   back on each
 *	guest-vsock echo PORT              accept once, send back what comes
 *	guest-vsock serve PATH             on the host: listen on a unix socket,
 *	                                   send back what comes, without end
 */
#include <sys/socket.h> /* before vm_sockets.h, which needs sa_family_t */

#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static int die(const char *what)
{
	perror(what);
	return 1;
}

static struct sockaddr_vm address(const char *cid, const char *port)
{
	return (struct sockaddr_vm){
		.svm_family = AF_VSOCK,
		.svm_cid = cid ? (unsigned int)strtoul(cid, NULL, 10)
			       : VMADDR_CID_ANY,
		.svm_port = (unsigned int)strtoul(port, NULL, 10),
	};
}

static int send_text(int type, char *argv[])
{
	struct sockaddr_vm to = address(argv[2], argv[3]);
	int fd = socket(AF_VSOCK, type, 0);
	char buf[4096];
	ssize_t n;

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return die("connect");
	if (send(fd, argv[4], strlen(argv[4]), 0) < 0)
		return die("send");
	if (type == SOCK_STREAM && shutdown(fd, SHUT_WR))
		return die("shutdown");
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		fwrite(buf, 1, (size_t)n, stdout);
		if (type == SOCK_SEQPACKET)
			break;
	}
	return n < 0 ? die("recv") : 0;
}

static int echo(const char *port)
{
	struct sockaddr_vm here = address(NULL, port);
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	char buf[4096];
	ssize_t n;
	int peer;

	if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof(here)) ||
	    listen(fd, 1))
		return die("listen");
	puts("listening");
	fflush(stdout);
	peer = accept(fd, NULL, NULL);
	if (peer < 0)
		return die("accept");
	while ((n = recv(peer, buf, sizeof(buf), 0)) > 0) {
		if (send(peer, buf, (size_t)n, 0) != n)
			return die("send");
	}
	return n < 0 ? die("recv") : 0;
}

static int many(char *argv[])
{
	struct sockaddr_vm to = address(argv[2], argv[3]);
	unsigned long count = strtoul(argv[4], NULL, 10);

	for (unsigned long i = 0; i < count; i++) {
		unsigned char out = (unsigned char)i, in = (unsigned char)~out;
		int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

		if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
			return die("connect");
		if (send(fd, &out, 1, 0) != 1 || recv(fd, &in, 1, 0) != 1)
			return die("one byte");
		if (in != out) {
			fprintf(stderr, "connection %lu: another byte\n", i);
			return 1;
		}
		close(fd);
	}
	return 0;
}

static int serve(const char *path)
{
	struct sockaddr_un here = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char buf[256];
	ssize_t n;

	snprintf(here.sun_path, sizeof(here.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof(here)) ||
	    listen(fd, 128))
		return die("listen");
	for (;;) {
		int peer = accept(fd, NULL, NULL);

		if (peer < 0)
			return die("accept");
		while ((n = recv(peer, buf, sizeof(buf), 0)) > 0)
			if (send(peer, buf, (size_t)n, MSG_NOSIGNAL) != n)
				break;
		close(peer);
	}
}

int main(int argc, char *argv[])
{
	if (argc == 5 && !strcmp(argv[1], "send"))
		return send_text(SOCK_STREAM, argv);
	if (argc == 5 && !strcmp(argv[1], "message"))
		return send_text(SOCK_SEQPACKET, argv);
	if (argc == 5 && !strcmp(argv[1], "many"))
		return many(argv);
	if (argc == 3 && !strcmp(argv[1], "echo"))
		return echo(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	fprintf(stderr, "usage: guest-vsock send|message CID PORT TEXT\n"
			"       guest-vsock many CID PORT COUNT\n"
			"       guest-vsock echo PORT | serve PATH\n");
	return 2;
}
