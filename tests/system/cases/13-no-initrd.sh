# Without an initial RAM disk Debian's kernel, whose virtio drivers are
# modules, says that it finds no root, and resets (panic=-1).
host() {
	config "{ name = \"g\"; memory = \"256M\"; on_reboot = \"exit\";
		console_log = \"g.log\";
		boot = { kernel = \"$guest/vmlinux-cloud-amd64\";
			cmdline = \"$guest_words root=/dev/vda\"; }; }"
	run_vms 124
	expect "Unable to mount root fs" g.log
}
