# Debian's kernels boot, as unpacked ELF (PVH) and as bzImage, with the devices
# that ACPI announces; guest exit codes come back.
guest() {
	echo "kernel $(uname -r)"
	for device in /dev/hvc0 /dev/hwrng /dev/input/event0; do
		[ -e "$device" ] || return 1
	done
	return 42
}

host() {
	for image in vmlinux-cloud-amd64 vmlinuz-cloud-amd64 vmlinux-amd64 \
		vmlinuz-amd64; do
		config "$(vm g "$image")"
		rm -f g.log
		run_vms 42
		expect "kernel $(cat "$guest/release-${image#*-}")" g.log
	done
}
