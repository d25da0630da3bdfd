# vmm/control/local.mk
