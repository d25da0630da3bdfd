# A guest that reboots is started again (on_reboot = "restart", the default).
guest() {
	if grep -q booted /dev/vda; then
		return 41
	fi
	echo booted >/dev/vda
	sync
	reboot -f
}

host() {
	truncate -s 1M mark.raw
	config "$(vm g vmlinux-cloud-amd64 "" \
		'disks = ( { path = "mark.raw"; format = "raw"; } );' |
		sed 's/on_reboot = "exit";//')"
	run_vms 41
}
