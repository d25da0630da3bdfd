# iperf3 both ways, by a tap and by passt. What it measured is told, not judged:
# this machine is emulated. iperf3 and its libraries come on a disk.
guest() {
	ip link set lo up
	ip link set eth0 up
	ip addr add 10.9.0.2/24 dev eth0
	measure 10.9.0.1
}

guest_passt() {
	dhcp && measure 192.0.2.1
}

measure() {
	tools_root /dev/vda || return 1
	for way in "" -R; do
		# shellcheck disable=SC2086 # no word or one
		chroot /mnt /usr/bin/iperf3 -c "$1" -t 2 $way >/tmp/log ||
			return 2
		grep receiver /tmp/log
	done
	return 33
}

# check NAME: the guest has measured, and bytes have moved both ways.
check() {
	run_vms 33
	[ "$(grep -c 'bits/sec.*receiver' g.log)" = 2 ] ||
		fail "$(cat g.log)"
	! grep -q ' 0.00 .*bits/sec.*receiver' g.log || fail "nothing came"
	sed -n "s/.*Bytes *\(.*bits.sec\).*receiver.*/$1: \1/p" g.log >&3
	rm g.log
}

host() {
	local server disk='disks = ( { path = "tools.raw"; format = "raw";
		readonly = true; } );'

	ln -s "$guest/tools.raw" .
	ip link set lo up
	iperf3 -s >iperf.log &
	server=$!
	ip link add lwx0 type bridge
	ip addr add 10.9.0.1/24 dev lwx0
	ip link set lwx0 up
	config "$(vm g vmlinux-cloud-amd64 "" "$disk" \
		'nets = ( { type = "tap"; network = "lan"; } );')"
	echo 'networks = ( { name = "lan"; bridge = "lwx0"; } );' >>host.cfg
	check tap
	ip link del lwx0
	"$here/passt-interface"
	config "$(vm g vmlinux-cloud-amd64 lwx.guest=guest_passt "$disk" \
		'nets = ( { type = "passt"; } );')"
	check passt
	ip link del passt0
	kill "$server"
}
