# A block device of the host as a disk, past its page cache, on both engines.
guest() {
	[ "$(cat /sys/block/vda/size)" = 131072 ] || return 1
	dd if=/dev/urandom of=/dev/vda bs=64k count=64 conv=fsync 2>/dev/null ||
		return 2
	sum=$(dd if=/dev/vda bs=64k count=64 2>/dev/null | sha256sum)
	echo 1 >/proc/sys/vm/drop_caches
	[ "$(dd if=/dev/vda bs=64k count=64 2>/dev/null | sha256sum)" = "$sum" ] ||
		return 3
	echo "sum ${sum%% *}"
	return 22
}

# check DEVICE ENGINE
check() {
	rm -f g.log
	config "$(vm g vmlinux-cloud-amd64 "" "io_engine = \"$2\";" \
		"disks = ( { path = \"$1\"; format = \"raw\"; direct = true; } );")"
	run_vms 22
	expect "sum $(head -c 4M "$1" | sha256sum | cut -d ' ' -f 1)" g.log
}

host() {
	local device

	truncate -s 64M backing
	device=$(losetup -f --show backing)
	check "$device" io_uring
	check "$device" aio
	losetup -d "$device"
}
