# A paused guest does nothing, and goes on when resumed.
guest() {
	for i in $(seq 1 600); do
		echo "tick $i"
		sleep 0.1
	done
}

host() {
	config "$(vm g vmlinux-cloud-amd64)"
	start_vms
	wait_for "tick 3" g.log
	"$lwx_vm" pause g
	before=$(wc -c <g.log)
	sleep 1
	[ "$(wc -c <g.log)" = "$before" ] || fail "the paused guest went on"
	"$lwx_vm" resume g
	sleep 1
	[ "$(wc -c <g.log)" -gt "$before" ] || fail "the guest did not go on"
	"$lwx_vm" stop --now g
	end_vms 125
}
