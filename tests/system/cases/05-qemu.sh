# The rig itself, without our VMM: QEMU's microvm boots the same guest.
guest() {
	echo "kernel $(uname -r)"
	return 42
}

host() {
	# isa-debug-exit: QEMU ends with 2 * code + 1.
	expect_status 85 timeout 120 qemu-system-x86_64 -nodefaults \
		-no-user-config -M microvm,accel=kvm,rtc=on -cpu host -m 256 \
		-display none -serial file:console -no-reboot \
		-kernel "$guest/vmlinux-cloud-amd64" \
		-initrd "$guest/initrd-cloud-amd64" \
		-append "$guest_words reboot=t lwx.case=$case_name" \
		-device isa-debug-exit,iobase=0x604,iosize=1
	expect "kernel 6.1" console
}
