/*
 * agent_files.h - a file, or a folder with all that is in it, over a connection
 * of the agent; both directions, both sides. One thread.
 *
 * The tree goes as one AGENT_ENTRY for each file, folder and symbolic link, a
 * folder before what is in it, each file followed by its AGENT_DATA, and an
 * AGENT_END. The first path is the last part of the sender's, the others begin
 * with it. Devices, sockets and pipes are left out.
 */
#pragma once

#include "agent_stream.h"

/**
 * agent_files_send() - send what is at @path
 *
 * Symbolic links are sent as such, but for @path itself, which is followed.
 * Return: 0 with AGENT_END written into the buffer, or a negative errno with
 * @err.
 */
int agent_files_send(struct agent_stream *s, const char *path, struct err *err);

/**
 * agent_files_receive() - write what the peer sends to @path
 * @path: an existing folder: into it, under the sender's name; else its name
 *
 * Files and links that exist are replaced. Nothing is written outside of @path,
 * whatever the peer sends: paths with "..", and links that lead out, are
 * refused. Of the modes the nine lower bits are taken. After a failure the rest
 * is read and thrown away. Return: 0 after AGENT_END, or a negative errno with
 * @err.
 */
int agent_files_receive(struct agent_stream *s, const char *path,
			struct err *err);

/** agent_files_put(), agent_files_get() - the host's side of a whole copy: ask
 * the agent of @s, a connection of its own, and send @from of the host, or
 * receive @from of the guest, to @to. Return: 0 or a negative errno with @err,
 * also the guest's. */
int agent_files_put(struct agent_stream *s, const char *from, const char *to,
		    struct err *err);
int agent_files_get(struct agent_stream *s, const char *from, const char *to,
		    struct err *err);
