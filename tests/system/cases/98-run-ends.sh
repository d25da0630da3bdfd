# A VM of lwx-vm run that stays: exec, cp and wait reach it; nothing is left of it when
# passt, its file server or the command that started it is killed.
# shellcheck source=/dev/null
. "$here/run-functions"

host() {
	local runner

	make_root
	mkdir shared
	echo "from the host" >shared/in
	"$here/passt-interface"

	# A passt that is killed takes the network along and nothing else.
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
