/*
 * power.h - how a machine is turned off: who asks for it, and what is done. One
 * thread.
 */
#pragma once

enum power {
	POWER_NONE,
	POWER_OFF,
	POWER_REBOOT,
	POWER_HALT,
};

/** power_signals - those that mean something to power_signal(), ended with 0.
 */
extern const int power_signals[];

/** power_signal() - signal @number came: as busybox's and sysvinit's tools send
 * them, and systemd's. */
void power_signal(int number);

/** power_contained() - as process 1 of a container SIGTERM means the end. */
void power_contained(void);

/** power_request() - turn the machine off soon. What was asked for first
 * stays. */
void power_request(enum power power);

/** power_wanted() - Return: what was asked for. */
enum power power_wanted(void);

/** power_buttons() - listen to the power buttons of ACPI, by evdev. */
void power_buttons(void);

/** power_down() - stop services, run onshutdown, end all processes, unmount,
 * turn off. Returns only in a container. */
void power_down(void);
