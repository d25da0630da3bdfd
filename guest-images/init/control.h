/*
 * control.h - services by a unix socket: SOCK_SEQPACKET, one request "VERB
 * NAME" a connection, one answer in JSON: {"ok": true}, {"error": TEXT}, or
 * {"services": [...]}. Only root may.
 */
#pragma once

#define CONTROL_SOCKET "/run/lwx-init/init.sock"

/** control_listen() - answer requests from now on. */
void control_listen(void);

/** control_main() - lwx-init ctl: @argv from the verb on. Return: exit code. */
int control_main(int argc, char **argv);
