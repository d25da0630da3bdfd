# The rig itself, without our VMM: QEMU's microvm boots the same guest.
guest() {
	echo "kernel $(uname -r)"
	return 42
}

host() {
	run_qemu 42 console
	expect "kernel 6.1" console
}
