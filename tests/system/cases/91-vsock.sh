# vsock over unix sockets: the guest calls the host, the host calls the guest,
# a message, a port nobody listens on, and 2,000 short connections.
guest() {
	[ "$(guest-vsock send 2 5000 hello)" = HELLO ] || return 1
	[ "$(guest-vsock message 2 5001 'one message')" = 'ONE MESSAGE' ] ||
		return 2
	guest-vsock send 2 5999 nobody 2>/dev/null && return 3
	guest-vsock echo 6000 || return 4
	guest-vsock many 2 5002 2000 || return 5
	return 40
}

host() {
	local upper="tr '[:lower:]' '[:upper:]'"

	# -t: how long the answer may take after the end of the question.
	socat -t 60 UNIX-LISTEN:v.sock_5000 "SYSTEM:$upper" &
	socat -t 60 -b 65536 UNIX-LISTEN:v.sock_5001,type=5 \
		"SYSTEM:dd bs=64k count=1 status=none | $upper" &
	"$guest/guest-vsock" serve v.sock_5002 &
	config "$(vm g vmlinux-cloud-amd64 "" \
		'vsock = { cid = 3; path = "v.sock"; };')"
	start_vms
	wait_for listening g.log
	printf 'CONNECT 6000\nfrom the host' | socat -t 60 - UNIX:v.sock >reply
	end_vms 40
	grep -q '^OK [0-9]*$' reply || fail "no OK: $(cat reply)"
	expect "from the host" reply
	[ ! -e v.sock ] || fail "v.sock is left"
}
