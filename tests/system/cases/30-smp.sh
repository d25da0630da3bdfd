# Two vCPUs, both at work.
guest() {
	[ "$(nproc)" = 2 ] || return 1
	for mask in 1 2; do
		taskset $mask dd if=/dev/zero bs=1M count=20 2>/dev/null |
			md5sum >/dev/null &
	done
	wait
	awk '/^cpu[01] / && $2 + $4 == 0 { exit 1 }' /proc/stat || return 3
	grep -q '^siblings.*2' /proc/cpuinfo || return 4
	return 30
}

host() {
	config "$(vm g vmlinux-cloud-amd64 "" "vcpus = 2;")"
	run_vms 30
}
