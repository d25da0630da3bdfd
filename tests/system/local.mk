# tests/system/local.mk - stock guests in a machine with a genuine /dev/kvm.
# Run by ./quickstart test, not by make check: it needs QEMU and the network.
EXTRA_DIST += %D%/initrd-build %D%/kernel-fetch %D%/l1-init.c %D%/l1-run \
	%D%/vmlinux-extract
