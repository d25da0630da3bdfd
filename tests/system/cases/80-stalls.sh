# No legacy device stalls the boot. The gaps of over 200 ms in the kernel log
# are listed, each with its reason, which is why the kernel logs its initcalls; a
# gap of over 3 s, or a complaint of a device, fails.
guest() {
	dmesg | awk '
	# What the kernel did before it wrote this line.
	function reason(line) {
		if (last_line ~ /calling /) {
			sub(/.*calling +/, "", last_line)
			sub(/[+].*/, "", last_line)
			return "initcall " last_line
		}
		if (line ~ /[Rr]un \/init|Freeing (unused|initrd)|unpack/)
			return "the initial RAM disk was unpacked"
		if (line ~ /verification failed|virtio_|vda|hvc0|input:/)
			return "init ran and loaded this module"
		return "no reason known"
	}
	{
		at = substr($0, 2, 12) + 0
		if (NR > 1 && at - last > 0.2)
			printf "gap %.2f s (%s) before: %s\n", at - last,
				reason($0), $0
		if (NR > 1 && at - last > 3)
			bad = 1
		last = at
		last_line = $0
	}
	/i8042.*(failed|timeout|No controller)/ { bad = 1; print }
	/rtc_cmos.*(broken|not accessible)/ { bad = 1; print }
	END { exit bad }' || return 1
	echo "all gaps listed"
	return 80
}

host() {
	config "$(vm g vmlinux-cloud-amd64 "initcall_debug log_buf_len=2M")"
	run_vms 80
	expect "all gaps listed" g.log
	report=$(grep "^gap" g.log || echo "no gap over 200 ms")
	echo "$report" >&3
}
