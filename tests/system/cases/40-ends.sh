# How a guest ends is told by the exit status, and on stderr if it is not 0.
off() {
	poweroff -f
}

reset() {
	reboot -f
}

triple() {
	reboot -f # with reboot=t on the command line: by triple fault
}

panic() {
	echo c >/proc/sysrq-trigger
}

# ends STATUS TEXT FUNCTION [WORDS]
ends() {
	config "$(vm g vmlinux-cloud-amd64 "lwx.guest=$3 ${4-}")"
	run_vms "$1" 2>start.log
	expect "$2" start.log
}

host() {
	ends 0 "" off
	ends 124 "reset" reset
	ends 122 "triple" triple reboot=t
	ends 123 "panic" panic
}
