# A unified kernel image boots; host.cfg's words follow its own.
guest() {
	grep -q 'uki-word.*config-word' /proc/cmdline || return 1
	return 12
}

host() {
	# The sections need addresses that do not overlap; ours reads their
	# place in the file.
	echo "$guest_words lwx.case=$case_name uki-word" >cmdline
	objcopy \
		--add-section .cmdline=cmdline --change-section-vma .cmdline=0x30000 \
		--add-section .linux="$guest/vmlinuz-cloud-amd64" \
		--change-section-vma .linux=0x2000000 \
		--add-section .initrd="$guest/initrd-cloud-amd64" \
		--change-section-vma .initrd=0x4000000 \
		"$guest/linuxx64.efi.stub" guest.efi
	cat >host.cfg <<-'END'
	vms = ( { name = "g"; memory = "256M"; console_log = "g.log";
	          boot = { uki = "guest.efi"; cmdline = "config-word"; }; } );
	END
	run_vms 12
}
