# Two vCPUs, both at work.
guest() {
	[ "$(nproc)" = 2 ] || return 1
	taskset 1 md5sum /bin/busybox >/dev/null &
	taskset 2 md5sum /bin/busybox >/dev/null &
	wait $! || return 2
	awk '/^cpu[01] / && $2 + $4 == 0 { exit 1 }' /proc/stat || return 3
	grep -q '^siblings.*2' /proc/cpuinfo || return 4
	return 30
}

host() {
	config "$(vm g vmlinux-cloud-amd64 "" "vcpus = 2;")"
	run_vms 30
}
