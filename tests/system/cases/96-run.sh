# lwx-vm run: a command on a folder, on the host's own root and on an image, its
# streams and status, shared folders, the user's network, nothing left. What happens
# to a VM that stays: 98-run-ends. The rest: tests/payload/test_run.c,
# tests/integration/test_agent.c.
# shellcheck source=/dev/null
. "$here/run-functions"

host() {
	local server began=$SECONDS

	make_root
	mkdir shared fixed
	echo "from the host" >shared/in
	"$here/passt-interface"
	echo "nameserver 192.0.2.53" >/etc/resolv.conf
	busybox httpd -f -p 8080 -h shared &
	server=$!

	# Streams apart, status, environment, folders shared, one of them only to
	# read; what is written to the root goes nowhere. Address, route and name
	# server by DHCP, a page of the host.
	# shellcheck disable=SC2016 # $WORD is the guest's
	echo "to the guest" | expect_status 7 run --root root --env WORD=hello \
		--share shared:/mnt/rw --share fixed:/mnt/ro:ro \
		--net user --junit bad.xml -- sh -c 'cat; echo $WORD; cat /etc/what
			echo err >&2; echo gone >/etc/what; cat /etc/what
			cat /mnt/rw/in >/mnt/rw/out
			ip addr show dev eth0 >/mnt/rw/address
			cat /etc/resolv.conf >/mnt/rw/names
			wget -q -O /mnt/rw/page http://192.0.2.1:8080/in
			touch /mnt/ro/x 2>/dev/null || exit 7' >out 2>err
	[ "$(cat out)" = "to the guest
hello
of the folder
gone" ] || fail "output: $(cat out)"
	[ "$(cat err)" = err ] || fail "errors: $(cat err)"
	[ "$(cat root/etc/what)" = "of the folder" ] || fail "the root changed"
	[ "$(cat shared/out)" = "from the host" ] || fail "shared folder"
	expect 'message="exit status 7"' bad.xml
	expect "inet 192.0.2.2/24" shared/address
	expect "nameserver 192.0.2.53" shared/names
	cmp shared/in shared/page
	kill "$server"
	ip link del passt0
	nothing_left
	echo "folder: $((SECONDS - began)) s" >&3

	# The host's own root, without a network; a disk image, and what is not in it.
	expect_status 3 run --root / -- bash -c \
		'[ -e /lwx/guest ] || exit 4; [ ! -e /sys/class/net/eth0 ] || exit 5
		uname -r; exit 3' >out
	expect "$(cat "$guest/release-cloud-amd64")" out
	mkfs.ext4 -q -d root image.raw 32M 2>/dev/null
	expect_status 127 run --image image.raw -- /no/such 2>err
	expect "/no/such: No such file or directory" err
	nothing_left

	echo "host's root, image: $((SECONDS - began)) s" >&3
}
