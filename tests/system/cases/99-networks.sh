# A network that lwx-vm makes, with two guests of one host.cfg: addresses and
# names from DHCP, an IPv6 address from router advertisements, one guest to the
# other, NAT, a published port from the host and from outside. The end of the
# host's service presses the power buttons and takes the network away; so does
# the next command after everything was killed.
serve() {
	dhcp || return 1
	mkdir -p /www
	echo "page of a" >/www/index.html
	httpd -p 80 -h /www
	echo "a serves"
	sleep 100
	return 2
}

# tries CMD...: the other guest may need a while.
tries() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		"$@" && return
		sleep 1
	done
	return 1
}

# get ADDRESS PORT TEXT
get() {
	printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 5 "$1" "$2" | grep "$3"
}

ask() {
	dhcp || return 1
	ip addr show dev eth0 | grep 'inet 10.88.0.9/24' || return 2
	nslookup a 10.88.0.1 | grep 10.88.0.2 || return 3
	tries get 10.88.0.2 80 "page of a" || return 4
	tries get 192.0.2.2 8000 "page of outside" || return 5
	tries has_address6 || return 6
	tries ping -c 1 -W 2 fd88::1 >/dev/null || return 7
	echo "b has all"
	sleep 100
	return 8
}

has_address6() {
	ip addr show dev eth0 | grep 'inet6 fd88:'
}

# fetched COMMAND...: with it before socat, the published page comes.
fetched() {
	local address=$1

	shift
	printf 'GET / HTTP/1.0\r\n\r\n' |
		"$@" socat -T 10 - "TCP:$address:8080" >got
	expect "page of a" got
}

gone() {
	! ip link show lwx0 >/dev/null 2>&1 || fail "the bridge is left"
	[ -z "$(nft list tables)" ] || fail "left: $(nft list tables)"
	! pgrep dnsmasq || fail "dnsmasq is left"
	[ -z "$(find /run/lwx/networks -mindepth 1)" ] ||
		fail "left: $(find /run/lwx)"
}

outside() {
	ip link set lo up
	ip netns add outside
	ip link add up0 type veth peer name eth0 netns outside
	ip addr add 192.0.2.1/24 dev up0
	ip link set up0 up
	ip -n outside addr add 192.0.2.2/24 dev eth0
	ip -n outside link set eth0 up
	mkdir www
	echo "page of outside" >www/index.html
	ip netns exec outside busybox httpd -f -p 8000 -h www &
	server=$!
}

killed() {

	start_vms
	for _ in {1..100}; do
		! pgrep dnsmasq >/dev/null || break
		sleep 0.1
	done
	pkill -KILL lwx-
	ip link show lwx0 >/dev/null || fail "the bridge went without anybody"
	for _ in {1..100}; do
		pgrep lwx-vmm >/dev/null || break
		sleep 0.1
	done
	sleep 1
	"$lwx_vm" ps
	gone
}

host() {
	local server

	outside
	config "$(vm a vmlinux-cloud-amd64 lwx.guest=serve "nets = ( {
		type = \"tap\"; network = \"lan\";
		publish = [ \"8080:80\" ]; } );")" \
		"$(vm b vmlinux-cloud-amd64 lwx.guest=ask "nets = ( {
		type = \"tap\"; network = \"lan\"; address = \"10.88.0.9\"; } );")"
	echo 'networks = ( { name = "lan"; bridge = "lwx0"; nat = true;
		address = "10.88.0.1/24"; address6 = "fd88::1/64";
		dhcp = true; } );' >>host.cfg
	"$lwx_vm" check host.cfg >check.log || fail "$(cat check.log)"
	start_vms
	wait_for "a serves" a.log
	fetched 127.0.0.1
	fetched 192.0.2.1 ip netns exec outside
	wait_for "b has all" b.log
	kill -TERM "$supervisor"
	end_vms 0
	expect "guest: power button" a.log
	expect "guest: power button" b.log
	gone
	killed
	kill "$server"
	ip netns del outside
}
