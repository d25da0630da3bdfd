/*
 * vmm_launch.h - how lwx-vm starts lwx-vmm and what comes back.
 *
 *	lwx-vmm --config-fd N --control-fd N [--lifeline-fd N]
 *
 * --config-fd:   file with the CBOR of struct vm_config; fds by number.
 *                console_log_fd may be a pipe: the supervisor in the foreground
 *                collects the output by it, and lwx-vmm ends when all is
 *                written.
 * --control-fd:  listening SOCK_SEQPACKET socket of the control protocol
 * --lifeline-fd: read end of a pipe. End of file or hang-up means that the
 *                owner has died: the VM ends at once with
 *                VMM_STATUS_HOST_ENDED. Without it the VM survives its owner.
 *
 * All of them come without FD_CLOEXEC, as do lock files that lwx-vmm knows
 * nothing about: it must leave descriptors it was not told of open, because
 * its name, disks, taps and CIDs stay claimed for as long as they are.
 */
#pragma once

/* Exit status of lwx-vmm: 0-255 from the guest (0: power off) but for these.
 * A guest that asks for a reserved code by the exit port gets it; the event
 * vm.stopped tells the two apart by its reason. */
enum vmm_status {
	VMM_STATUS_SETUP = 120,	 /* config, image or host resource; no guest
				    instruction ran */
	VMM_STATUS_FAULT = 121,	 /* lwx-vmm or KVM failed while it ran */
	VMM_STATUS_TRIPLE = 122, /* triple fault */
	VMM_STATUS_PANIC = 123,	 /* guest panic, told by pvpanic */
	VMM_STATUS_RESET = 124,	 /* the guest asked for a reset. lwx-vmm always
				    ends so; lwx-vm starts it again if
				    on_reboot says that */
	VMM_STATUS_HOST_ENDED = 125, /* vm.kill, signal or the owner's death */
};

/* Events of lwx-vmm that its supervisor acts on; fields in control.cddl. */
#define VMM_EVENT_STARTED "vm.started"	  /* vCPUs run */
#define VMM_EVENT_READY "agent.ready"	  /* the guest's agent serves */
#define VMM_EVENT_GONE "agent.gone"	  /* and does not any more */
#define VMM_EVENT_SHARE_GONE "share.gone" /* nobody serves it */
#define VMM_EVENT_STOP_REQUESTED "vm.stop_requested" /* vm.stop or vm.kill */
#define VMM_EVENT_STOPPED "vm.stopped" /* {reason, status}: the last event */

/* Values of "reason" in vm.stopped. */
#define VMM_REASON_POWEROFF "poweroff"	 /* ACPI S5: status 0 */
#define VMM_REASON_EXIT "exit"		 /* exit port: status 0-255 */
#define VMM_REASON_RESET "reset"	 /* 124 */
#define VMM_REASON_TRIPLE "triple-fault" /* 122 */
#define VMM_REASON_PANIC "panic"	 /* 123 */
#define VMM_REASON_FAULT "fault"	 /* 121 */
#define VMM_REASON_HOST "host"		 /* 125 */
