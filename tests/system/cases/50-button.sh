# lwx-vm stop presses the ACPI power button; the guest powers off.
guest() {
	echo "up and waiting"
	sleep 60
	return 1
}

host() {
	config "$(vm g vmlinux-cloud-amd64)"
	start_vms
	wait_for "up and waiting" g.log
	"$lwx_vm" ps | grep -q '^g .*running' || fail "ps: $("$lwx_vm" ps)"
	"$lwx_vm" stop g
	end_vms 0
	expect "guest: power button" g.log
}
