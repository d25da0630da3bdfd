# mergeable = true: KSM merges the guest's equal pages.
guest() {
	mkdir /ram && mount -t tmpfs ram /ram
	yes "the same in every page" | head -c 32M >/ram/a
	cp /ram/a /ram/b
	echo "filled"
	sleep 60
}

host() {
	ksm=/sys/kernel/mm/ksm
	config "$(vm g vmlinux-cloud-amd64 "" "mergeable = true;")"
	start_vms
	wait_for "filled" g.log
	echo 20000 >$ksm/pages_to_scan
	echo 1 >$ksm/run
	tries=300
	until [ "$(cat $ksm/pages_sharing)" -gt 8000 ]; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || fail "$(cat $ksm/pages_sharing) pages shared"
		sleep 0.2
	done
	echo "$(cat $ksm/pages_sharing) pages shared"
	echo 2 >$ksm/run
	"$lwx_vm" stop g
	end_vms 0
}
