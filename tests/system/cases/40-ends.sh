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

# ends STATUS FUNCTION [WORDS]
ends() {
	config "$(vm g vmlinux-cloud-amd64 "lwx.guest=$2 ${3-}")"
	run_vms "$1" 2>start.log
}

host() {
	ends 0 off
	ends 124 reset
	expect "reset" start.log
	ends 122 triple reboot=t
	expect "triple fault" start.log
	ends 123 panic
	expect "panic" start.log
}
