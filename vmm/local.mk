# vmm/local.mk
