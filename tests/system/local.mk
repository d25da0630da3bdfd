# tests/system/local.mk - stock guests in a machine with a genuine /dev/kvm.
# Run by ./quickstart test, not by make check: it needs QEMU and the network.
EXTRA_DIST += %D%/case-run %D%/cases %D%/console-session %D%/deb-fetch %D%/guest-exit.c \
	%D%/guest-vsock.c \
	%D%/guest-init %D%/init-image %D%/initrd-build %D%/kernel-fetch %D%/l1-init.c \
	%D%/l1-run %D%/nested %D%/nested-l1 %D%/passt-interface %D%/run-functions \
	%D%/vmlinux-extract
