# Disks: a file system is made, written, checked; what the guest wrote is in
# the file; read-only, direct and serial are as host.cfg says.
guest() {
	[ "$(cat /sys/block/vda/serial)" = data ] || return 1
	[ "$(cat /sys/block/vdb/ro)" = 1 ] || return 2
	[ "$(head -c 5 /dev/vdb)" = hello ] || return 3
	[ "$(cat /sys/block/vda/queue/write_cache)" = "write back" ] || return 4
	mount -t ext4 -o discard /dev/vda /mnt || return 5
	dd if=/dev/urandom of=/mnt/file bs=64k count=64 2>/dev/null || return 6
	sum=$(sha256sum </mnt/file)
	umount /mnt && mount -t ext4 /dev/vda /mnt || return 7
	[ "$(sha256sum </mnt/file)" = "$sum" ] || return 8
	fstrim -v /mnt || return 9
	echo "from the guest" >/mnt/note
	umount /mnt
	return 20
}

# check ENGINE DIRECT
check() {
	truncate -s 64M data.raw
	mkfs.ext4 -q data.raw
	echo hello >fixed.raw
	truncate -s 1M fixed.raw
	config "$(vm g vmlinux-cloud-amd64 "" "io_engine = \"$1\";" \
		"disks = ( { path = \"data.raw\"; format = \"raw\";
			serial = \"data\"; direct = $2; },
			{ path = \"fixed.raw\"; format = \"raw\";
			readonly = true; } );")"
	run_vms 20
	debugfs -R "cat note" data.raw >note 2>/dev/null
	expect "from the guest" note
	e2fsck -fn data.raw >fsck.log 2>&1 || fail "fsck: $(cat fsck.log)"
	rm data.raw g.log
}

host() {
	check io_uring false
	check aio false
}
