# A disk grows while the guest runs: lwx-vm disk resize, seen by the guest.
guest() {
	echo "size $(cat /sys/block/vda/size)"
	tries=300
	until [ "$(cat /sys/block/vda/size)" = 98304 ]; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.1
	done
	dd if=/dev/zero of=/dev/vda bs=1M seek=47 count=1 conv=fsync || return 2
	return 21
}

host() {
	truncate -s 32M data.raw
	config "$(vm g vmlinux-cloud-amd64 "" \
		'disks = ( { path = "data.raw"; format = "raw"; } );')"
	start_vms
	wait_for "size 65536" g.log
	"$lwx_vm" disk resize g disk0 48M
	end_vms 21
}
