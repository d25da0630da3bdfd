# fio in a stock guest, beside QEMU's microvm with the same disks: what fio wrote
# it reads back and checks. What it measured is told, not judged: this machine is
# emulated, and so are both VMMs.
guest() {
	local disk tools data

	# QEMU's disks come in another order.
	for disk in /sys/block/vd*; do
		case $(cat "$disk/serial") in
		tools) tools=/dev/${disk##*/} ;;
		data) data=/dev/${disk##*/} ;;
		esac
	done
	tools_root "$tools" || return 1
	chroot /mnt /usr/bin/fio --output=/tmp/log --output-format=terse \
		--thread --filename="$data" --direct=1 --ioengine=io_uring \
		--eta=never --bs=4k --size=8m --runtime=2 --stonewall \
		--name=verify --rw=randwrite --iodepth=32 --verify=crc32c \
		--verify_state_save=0 \
		--name=read-d1 --rw=randread --iodepth=1 --time_based \
		--name=read-d32 --rw=randread --iodepth=32 --time_based \
		--name=write-d32 --rw=randwrite --iodepth=32 --time_based ||
		return 2
	# The third field is the job, the fifth its error, the eighth and the
	# 49th the requests read and written in a second.
	awk -F ';' '$5 { exit 1 } NF > 80 { print "fio:", $3, int($8 + $49) }' \
		/mnt/tmp/log || return 3
	return 34
}

# tell VMM LOG: the guest has run all jobs; their rates in a line.
tell() {
	local line

	[ "$(grep -c '^fio: ' "$2")" = 4 ] || fail "$(cat "$2")"
	line=$(tr -d '\r' <"$2" | sed -n 's/^fio: //p' | paste -s -d ,)
	echo "$1: $line" >&3
}

host() {
	ln -s "$guest/tools.raw" .
	truncate -s 8M data.raw
	config "$(vm g vmlinux-cloud-amd64 "" "disks = (
		{ path = \"tools.raw\"; format = \"raw\"; readonly = true;
		  serial = \"tools\"; },
		{ path = \"data.raw\"; format = \"raw\"; serial = \"data\"; } );")"
	run_vms 34
	tell lwx-vmm g.log
	run_qemu 34 q.log -object iothread,id=io \
		-drive "if=none,id=t,file=tools.raw,format=raw,readonly=on" \
		-drive "if=none,id=d,file=data.raw,format=raw,aio=io_uring" \
		-device virtio-blk-device,drive=t,serial=tools \
		-device virtio-blk-device,drive=d,serial=data,iothread=io
	tell QEMU q.log
}
