# vmm/kvm/local.mk
