# lwx-vm run: a command on a folder, on the host's own root and on an image, its
# streams and status, shared folders, the user's network, and nothing left, also when
# it or passt is killed; exec, cp and wait. The rest: tests/payload/test_run.c,
# tests/integration/test_agent.c.
kernel=(--kernel "$guest/vmlinux-cloud-amd64"
	--modules "$guest/modules-cloud-amd64" --memory 256M)

run() {
	"$lwx_vm" run "${kernel[@]}" "$@"
}

# nothing_left: no VM, process, socket or file of a run.
nothing_left() {
	local left

	left=$(find /run/lwx/vms /run/lwx/claims -mindepth 1)
	[ -z "$left" ] || fail "left: $left"
	! pgrep -x lwx-vmm || fail "lwx-vmm is left"
	! pgrep -x virtiofsd || fail "virtiofsd is left"
	! pgrep passt || fail "passt is left"
}

make_root() {
	local applet

	mkdir -p root/{bin,etc,mnt,proc,sys,dev,run,tmp}
	cp /bin/busybox root/bin/
	for applet in sh cat echo sleep ls head touch uname test mount poweroff ip \
		wget; do
		ln -s busybox "root/bin/$applet"
	done
	echo "of the folder" >root/etc/what
}

host() {
	local runner server began=$SECONDS

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

	# A VM that stays: the other verbs; a passt that is killed takes the network
	# along and nothing else; and nothing is left when the command that started
	# it is killed.
	"$lwx_vm" run "${kernel[@]}" --root root --share shared:/mnt --net user -- \
		sh -c 'echo up; sleep 1000' >out &
	runner=$!
	wait_for up out
	"$lwx_vm" wait --for ready --timeout 10 "run-$runner"
	expect_status 9 "$lwx_vm" exec "run-$runner" -- sh -c \
		'cat /proc/sys/kernel/hostname; exit 9' >hostname
	expect "run-$runner" hostname
	"$lwx_vm" cp shared "run-$runner:/tmp"
	"$lwx_vm" cp "run-$runner:/tmp/shared/in" back
	cmp shared/in back
	pkill -9 passt
	# shellcheck disable=SC2016 # the guest's
	expect_status 8 "$lwx_vm" exec "run-$runner" -- sh -c \
		'while [ "$(cat /sys/class/net/eth0/carrier)" = 1 ]; do sleep 0.1
		done; exit 8'
	ip link del passt0
	kill -9 "$runner"
	for _ in $(seq 100); do
		pgrep -x lwx-vmm >/dev/null || break
		sleep 0.1
	done
	nothing_left

	# Without its file server a guest hangs: the VM ends.
	run --root root --share shared:/mnt -- sh -c 'echo up; sleep 1000' \
		>out 2>err &
	runner=$!
	wait_for up out
	pkill -9 -n -x virtiofsd
	expect_status 121 wait "$runner"
	expect "share.gone: the file server of $PWD/shared has ended" err
	nothing_left
}
