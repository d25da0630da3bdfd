# firmware/local.mk
