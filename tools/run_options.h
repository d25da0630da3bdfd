/* run_options.h - the command line of lwx-vm run. */
#pragma once

#include "lwx_vm.h"
#include "run_config.h"

/**
 * run_options_parse() - read it
 * @run: filled; points into @argv and static storage
 *
 * Return: 0, or the exit status after a message.
 */
int run_options_parse(const struct lwx_verb *verb, struct run_options *run,
		      int argc, char **argv);
