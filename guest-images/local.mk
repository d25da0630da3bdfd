# guest-images/local.mk
