# A stock kernel boots, finds its devices and hands back an exit code.
guest() {
	echo "kernel $(uname -r)"
	return 42
}

host() {
	write_config host.cfg g cloud-amd64 vmlinux
	expect_status 42 "$lwx_vm" start host.cfg
	expect "kernel 6.1" g.log
}
