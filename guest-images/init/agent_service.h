/*
 * agent_service.h - lwx-agent, by which the host reaches into this guest:
 * looked after by the init itself, for it must serve when containers do not.
 * One thread.
 */
#pragma once

#include <jansson.h>

/** agent_service_step() - start it if the image has it and the machine a vsock
 * device, and again when it has ended. Return: milliseconds until this wants to
 * be called again, at most @wait. */
int agent_service_step(int wait);

/** agent_service_list() - append its state to those of services, unless there
 * is none. */
void agent_service_list(json_t *services);
