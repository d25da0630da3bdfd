# Network: a tap on a bridge (ping, a page fetched, a large transfer both ways),
# and passt, whose DHCP gives the guest its address and which needs no bridge.
guest() {
	ip link set lo up
	ip link set eth0 up
	ip addr add 10.9.0.2/24 dev eth0
	ping -c 3 -W 10 10.9.0.1 >/dev/null || return 1
	[ "$(wget -q -O - http://10.9.0.1:8080/page)" = "from the host" ] ||
		return 2
	wget -q -O /tmp/large http://10.9.0.1:8080/large || return 3
	[ "$(sha256sum </tmp/large)" = "$(wget -q -O - http://10.9.0.1:8080/sum)" ] ||
		return 4
	nc 10.9.0.1 8081 </tmp/large || return 5
	return 30
}

guest_passt() {
	dhcp || return 1
	ip addr show dev eth0 | grep 'inet '
	[ "$(wget -q -O - http://192.0.2.1:8080/page)" = "from the host" ] ||
		return 2
	return 31
}

bridged() {
	ip link add lwx0 type bridge
	ip addr add 10.9.0.1/24 dev lwx0
	ip link set lwx0 up
	socat -u TCP-LISTEN:8081,reuseaddr OPEN:back,creat &
	config "$(vm g vmlinux-cloud-amd64 "" \
		"nets = ( { type = \"tap\"; network = \"lan\"; } );")"
	echo "networks = ( { name = \"lan\"; bridge = \"lwx0\"; } );" >>host.cfg
	run_vms 30
	wait "$!"
	cmp back www/large || fail "what the guest sent is not what it got"
	! ip link show | grep -q 'lwx[1-9]' || fail "a tap is left"
	ip link del lwx0
}

passt_net() {
	"$here/passt-interface"
	config "$(vm g vmlinux-cloud-amd64 lwx.guest=guest_passt \
		"nets = ( { type = \"passt\"; } );")"
	run_vms 31
	expect "inet 192.0.2.2" g.log
	ip link del passt0
	! pgrep passt || fail "passt is left"
}

host() {
	local server

	mkdir www
	echo "from the host" >www/page
	head -c 4000000 /dev/urandom >www/large
	sha256sum <www/large >www/sum
	ip link set lo up
	busybox httpd -f -p 8080 -h www &
	server=$!
	bridged
	passt_net
	kill "$server"
}
