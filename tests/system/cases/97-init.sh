# An image of lwx-image with lwx-init and lwx-agent, started by a program with liblwx
# (its example), which runs a command in it meanwhile: ready when its services are up,
# with the times of its boot, also as a chart; services, their logs, containers, a socket of the guest on
# the host; off by the agent.
host() {
	local starter before logs step

	cat >host.cfg <<-END
	vms = ( { name = "i"; memory = "256M";
	  boot = { kernel = "$guest/vmlinux-cloud-amd64";
	    initrd = "$guest/init.img"; cmdline = "$guest_words"; };
	  vsock = { cid = 3; path = "i.vsock"; agent = true; }; } );
	END
	LWX_VM=$lwx_vm "${lwx_vm%/*}/lwx-example-run" host.cfg i /bin/busybox sh -c \
		'echo from the library; while :; do sleep 1; done' >started 2>end &
	starter=$!
	until [ -S i.vsock ]; do sleep 0.1; done
	"$lwx_vm" wait --for ready --timeout 60 i
	"$lwx_vm" events i | grep -F agent.ready >ready
	for step in mounts modules onboot dead web ready; do
		expect "$step" ready
	done

	"$lwx_vm" boot-chart i >chart 2>err
	[ ! -s err ] || fail "$(cat err)"
	for step in "lwx-vmm  set up" "kernel   until process 1" "init     modules" \
		"onboot   000-first" "service  web" "agent    lwx-agent"; do
		expect "$step" chart
	done
	cat chart >&3
	"$lwx_vm" boot-chart --json --svg chart.svg i | tr -d ' \n' >chart
	expect '"kind":"service","name":"web","begin_us":' chart
	expect "service web</text>" chart.svg

	"$lwx_vm" services i >list
	expect "NAME" list
	[ "$(grep -c running list)" = 3 ] || fail "$(cat list)"
	grep -q "^dead *done" list || fail "$(cat list)"
	"$lwx_vm" services --json i | tr -d ' \n' >list
	expect '"name":"lwx-agent","state":"running"' list
	"$lwx_vm" containers i >list
	grep -q "^web *running" list || fail "$(cat list)"

	"$lwx_vm" logs i dead >log
	expect "last words" log
	[ "$(wc -l <log)" = 1 ] || fail "log: $(cat log)"
	expect_status 1 "$lwx_vm" logs i nobody 2>err
	expect "i: log of nobody: No such file or directory" err
	"$lwx_vm" logs -f i >log &
	logs=$!
	wait_for "first of all" log
	wait_for "dead" log
	before=$(grep -c '^web .*served$' log)
	while [ "$(grep -c '^web .*served$' log)" -lt $((before + 2)) ]; do
		sleep 0.2
	done

	"$lwx_vm" forward i /run/containerd/containerd.sock sock &
	until [ -S sock ]; do sleep 0.1; done
	[ "$(echo "there and back" | socat -t 20 - UNIX:sock)" = \
		"there and back" ] || fail "forward"
	kill "$!"
	expect_status 0 wait "$!"
	[ ! -e sock ] || fail "the socket is left"
	mkdir bin
	cat >bin/ctr <<-'END'
	#!/bin/sh
	[ "$1" = --address ] && echo "$3" | socat -t 20 - "UNIX:$2"
	exit 5
	END
	chmod +x bin/ctr
	PATH=$PWD/bin:$PATH expect_status 5 "$lwx_vm" ctr i version >out
	expect version out
	[ -z "$(find /tmp -maxdepth 1 -name 'lwx-ctr.*')" ] || fail "left by ctr"

	"$lwx_vm" shutdown i
	expect_status 0 wait "$logs" # logs end with their VM
	expect "from the library" started
	expect_status 125 wait "$starter"
	expect "run: the VM has ended" end
	! pgrep -x lwx-vmm || fail "lwx-vmm is left"
}
