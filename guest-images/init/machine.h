/* machine.h - limits, names, sysctl, clock of the machine. One thread. */
#pragma once

#include "cmdline.h"

/** machine_limits() - files that a process may open. */
void machine_limits(void);

/** machine_hostname() - from the command line, metadata, /etc/hostname, or
 * lwx-MAC of the first network device. */
void machine_hostname(const struct cmdline *cmdline);

/** machine_sysctl() - sysctl.d(5), then /etc/sysctl.conf. */
void machine_sysctl(void);

/** machine_clock() - from the real-time clock, if the kernel did not do it. */
void machine_clock(void);
