# guest-images/local.mk
EXTRA_DIST += %D%/debian-disk %D%/quickstart/autologin.conf \
	%D%/quickstart/config.json %D%/quickstart/lwx-dhcp %D%/quickstart/lwx-proof \
	%D%/quickstart/lwx-proof.service
