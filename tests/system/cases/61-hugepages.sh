# memory_kind = "hugepages": the guest's memory comes from the reserved pool.
guest() {
	echo "filling"
	mkdir /ram && mount -t tmpfs ram /ram
	head -c 48M /dev/zero >/ram/a
	sleep 60
}

host() {
	pool=/proc/sys/vm/nr_hugepages
	echo 128 >$pool
	[ "$(cat $pool)" = 128 ] || fail "no memory for hugepages"
	config "$(vm g vmlinux-cloud-amd64 "" 'memory_kind = "hugepages";' \
		"prefault = true;")"
	start_vms
	wait_for "filling" g.log
	grep -q '^HugePages_Free: *0$' /proc/meminfo ||
		fail "$(grep Huge /proc/meminfo)"
	"$lwx_vm" stop --now g
	end_vms 125
	grep -q '^HugePages_Free: *128$' /proc/meminfo || fail "pages are lost"

	# Too small a pool is refused before anything runs.
	echo 16 >$pool
	expect_status 120 "$lwx_vm" start host.cfg
	echo 0 >$pool
}
