# Everything without root: a user of the group that /dev/kvm belongs to, files of
# its own, a network by passt, a shared folder. Without that group: an error.
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

# as_user GROUP COMMAND...: as nobody, who owns the working folder, in a further
# group.
as_user() {
	local further=$1

	shift
	setpriv --reuid 65534 --regid 65534 --groups "$further" \
		env XDG_RUNTIME_DIR="$PWD/run" HOME="$PWD" "$@"
}

host() {
	local server group=107 # any but the user's own

	mkdir www run
	echo "from the host" >www/page
	truncate -s 1M data.raw
	"$here/passt-interface"
	busybox httpd -f -p 8080 -h www &
	server=$!
	config "$(vm g vmlinux-cloud-amd64 "" 'memory_kind = "shared";' \
		'nets = ( { type = "passt"; } );' \
		'shares = ( { path = "www"; tag = "data"; } );' \
		'disks = ( { path = "data.raw"; format = "raw"; } );')"
	chown -R 65534:65534 .
	chown root:"$group" /dev/kvm
	chmod 660 /dev/kvm
	expect_status 120 as_user 65534 "$lwx_vm" start host.cfg 2>refused.log
	expect "join the group kvm" refused.log
	expect_status 32 as_user "$group" "$lwx_vm" start host.cfg
	[ "$(head -n 1 data.raw | tr -d '\0')" = "by the guest" ] ||
		fail "what the guest wrote is not on the disk"
	[ "$(stat -c %u www/new)" = 65534 ] || fail "owner of www/new"
	as_user "$group" "$lwx_vm" ps >ps.log
	! grep -q '^g ' ps.log || fail "the VM is left: $(cat ps.log)"
	! pgrep -x 'passt|virtiofsd' || fail "a helper is left"
	chown root:root /dev/kvm
	chmod 600 /dev/kvm
	kill "$server"
	ip link del passt0
}
