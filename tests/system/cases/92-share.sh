# Shared folders: the guest reads and writes one, cannot write the other, and
# virtiofsd ends with its VM.
guest() {
	mkdir /data /fixed
	mount -t virtiofs data /data || return 1
	mount -t virtiofs fixed /fixed || return 2
	[ "$(cat /data/hello)" = "from the host" ] || return 3
	[ "$(cat /fixed/hello)" = "only to read" ] || return 4
	echo "from the guest" >/data/new && chmod 640 /data/new || return 5
	{ echo no >/fixed/new; } 2>/dev/null && return 6
	# There and back, past the guest's page cache.
	dd if=/dev/urandom of=/tmp/random bs=1M count=4 2>/dev/null
	cp /tmp/random /data/random || return 7
	umount /data && mount -t virtiofs data /data || return 8
	cmp /tmp/random /data/random || return 9
	umount /data && umount /fixed || return 10
	return 40
}

host() {
	mkdir rw ro
	echo "from the host" >rw/hello
	echo "only to read" >ro/hello
	config "$(vm g vmlinux-cloud-amd64 "" 'memory_kind = "shared";' \
		'shares = ( { path = "rw"; tag = "data"; },' \
		'{ path = "ro"; tag = "fixed"; readonly = true; } );')"
	run_vms 40
	expect "from the guest" rw/new
	[ "$(stat -c %a rw/new)" = 640 ] || fail "mode of rw/new"
	[ "$(stat -c %s rw/random)" = 4194304 ] || fail "size of rw/random"
	[ ! -e ro/new ] || fail "the guest wrote a read-only share"
	! pgrep -x virtiofsd || fail "virtiofsd is left"
}
