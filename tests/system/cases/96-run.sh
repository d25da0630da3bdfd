# lwx-vm run: a command on a folder, on the host's own root and on an image, its
# streams and status, shared folders, and nothing left, also when it is killed; exec,
# cp and wait. The rest: tests/payload/test_run.c, tests/integration/test_agent.c.
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
}

make_root() {
	local applet

	mkdir -p root/{bin,etc,mnt,proc,sys,dev,run,tmp}
	cp /bin/busybox root/bin/
	for applet in sh cat echo sleep ls head touch uname test mount poweroff; do
		ln -s busybox "root/bin/$applet"
	done
	echo "of the folder" >root/etc/what
}

host() {
	local runner began=$SECONDS

	make_root
	mkdir shared fixed
	echo "from the host" >shared/in

	# Streams apart, status, environment, folders shared, one of them only to
	# read; what is written to the root goes nowhere.
	# shellcheck disable=SC2016 # $WORD is the guest's
	echo "to the guest" | expect_status 7 run --root root --env WORD=hello \
		--share shared:/mnt/rw --share fixed:/mnt/ro:ro \
		--junit bad.xml -- sh -c 'cat; echo $WORD; cat /etc/what
			echo err >&2; echo gone >/etc/what; cat /etc/what
			cat /mnt/rw/in >/mnt/rw/out
			touch /mnt/ro/x 2>/dev/null || exit 7' >out 2>err
	[ "$(cat out)" = "to the guest
hello
of the folder
gone" ] || fail "output: $(cat out)"
	[ "$(cat err)" = err ] || fail "errors: $(cat err)"
	[ "$(cat root/etc/what)" = "of the folder" ] || fail "the root changed"
	[ "$(cat shared/out)" = "from the host" ] || fail "shared folder"
	expect 'message="exit status 7"' bad.xml
	nothing_left
	echo "folder: $((SECONDS - began)) s" >&3

	# The host's own root; a disk image, and what is not in it.
	expect_status 3 run --root / -- bash -c \
		'[ -e /lwx/guest ] || exit 4; uname -r; exit 3' >out
	expect "$(cat "$guest/release-cloud-amd64")" out
	mkfs.ext4 -q -d root image.raw 32M 2>/dev/null
	expect_status 127 run --image image.raw -- /no/such 2>err
	expect "/no/such: No such file or directory" err
	nothing_left

	echo "host's root, image: $((SECONDS - began)) s" >&3

	# A VM that stays: the other verbs; and nothing is left of it when the
	# command that started it is killed.
	"$lwx_vm" run "${kernel[@]}" --root root --share shared:/mnt -- \
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
	kill -9 "$runner"
	for _ in $(seq 100); do
		pgrep -x lwx-vmm >/dev/null || break
		sleep 0.1
	done
	nothing_left
}
