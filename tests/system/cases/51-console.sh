# What is typed at lwx-vm console reaches the guest; what it says comes back.
guest() {
	echo "say something"
	read -r said
	echo "you said $said"
	[ "$said" = "a word" ] || return 1
	return 51
}

host() {
	config "$(vm g vmlinux-cloud-amd64)"
	start_vms
	wait_for "say something" g.log
	echo "a word" | "$lwx_vm" console g >console.log
	end_vms 51
	expect "say something" console.log
	expect "you said a word" console.log
}
