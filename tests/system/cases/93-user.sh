# Everything without root: a user with access to /dev/kvm, files of its own, a
# network by passt, a shared folder.
guest() {
	dhcp || return 1
	[ "$(wget -q -O - http://192.0.2.1:8080/page)" = "from the host" ] ||
		return 2
	echo "by the guest" | dd of=/dev/vda conv=notrunc,fsync 2>/dev/null ||
		return 3
	mkdir /data
	mount -t virtiofs data /data || return 4
	[ "$(cat /data/page)" = "from the host" ] || return 5
	echo "by the guest" >/data/new || return 6
	umount /data
	return 32
}

# as_user COMMAND...: as nobody, who owns the working folder.
as_user() {
	setpriv --reuid 65534 --regid 65534 --clear-groups \
		env XDG_RUNTIME_DIR="$PWD/run" HOME="$PWD" "$@"
}

host() {
	local server

	mkdir www run
	echo "from the host" >www/page
	truncate -s 1M data.raw
	passt_interface
	busybox httpd -f -p 8080 -h www &
	server=$!
	config "$(vm g vmlinux-cloud-amd64 "" 'memory_kind = "shared";' \
		'nets = ( { type = "passt"; } );' \
		'shares = ( { path = "www"; tag = "data"; } );' \
		'disks = ( { path = "data.raw"; format = "raw"; } );')"
	chown -R 65534:65534 .
	chmod 666 /dev/kvm
	expect_status 32 as_user "$lwx_vm" start host.cfg
	[ "$(head -n 1 data.raw | tr -d '\0')" = "by the guest" ] ||
		fail "what the guest wrote is not on the disk"
	[ "$(stat -c %u www/new)" = 65534 ] || fail "owner of www/new"
	as_user "$lwx_vm" ps >ps.log
	! grep -q '^g ' ps.log || fail "the VM is left: $(cat ps.log)"
	! pgrep -x 'passt|virtiofsd' || fail "a helper is left"
	chmod 600 /dev/kvm
	kill "$server"
	ip link del passt0
}
