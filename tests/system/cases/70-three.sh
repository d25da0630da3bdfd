# Three guests from one host.cfg: the report names the one that failed.
guest() {
	return 0
}

bad() {
	return 7
}

host() {
	config "$(vm a vmlinux-cloud-amd64)" \
		"$(vm b vmlinux-amd64 lwx.guest=bad)" \
		"$(vm c vmlinuz-cloud-amd64)"
	expect_status 7 "$lwx_vm" start host.cfg >start.log 2>&1
	expect "a | guest: ends with 0" start.log
	expect "lwx-vm: a: exit status 0" start.log
	expect "lwx-vm: b: exit status 7" start.log
	expect "lwx-vm: c: exit status 0" start.log
}
