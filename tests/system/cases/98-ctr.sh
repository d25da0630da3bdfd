# A real containerd in a VM, reached by the host's ctr: lwx-vm ctr, which ends as ctr
# does, and lwx-vm forward; an image goes in that way. The VM's root is that of the
# host, where both are installed.
# shellcheck source=/dev/null
. "$here/run-functions"

host() {
	local runner forward

	bash "$here/../../guest-images/modules/containerd/box-layout" "$PWD/box"
	"$lwx_vm" run "${kernel[@]}" --memory 640M --root / -- containerd >log 2>&1 &
	runner=$!
	until grep -qs "containerd successfully booted" log; do
		kill -0 "$runner" 2>/dev/null || fail "$(cat log)"
		sleep 0.5
	done
	"$lwx_vm" ctr "run-$runner" version >out 2>&1 || fail "$(cat out)"
	expect "Server:" out
	"$lwx_vm" ctr "run-$runner" images import box.tar >out 2>&1 || fail "$(cat out)"
	expect_status 1 "$lwx_vm" ctr "run-$runner" images export none.tar nobody 2>err
	"$lwx_vm" forward "run-$runner" /run/containerd/containerd.sock sock &
	forward=$!
	until [ -S sock ]; do sleep 0.1; done
	ctr --address sock images ls >out
	expect "docker.io/library/box:latest" out
	kill "$runner"
	expect_status 0 wait "$forward" # a forward ends with its VM
	wait "$runner" || :
	nothing_left
}
