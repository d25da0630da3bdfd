# vmm/kvm/local.mk - the only files that include <linux/kvm.h>.
noinst_LIBRARIES += libkvm.a
libkvm_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_KVM)
libkvm_a_SOURCES = \
	%D%/cpu_features.c %D%/cpu_features.h \
	%D%/kvm_probe.c %D%/kvm_probe.h \
	%D%/kvm_vcpu.c %D%/kvm_vcpu.h \
	%D%/kvm_vm.c %D%/kvm_vm.h \
	%D%/kvm_x86.c %D%/kvm_x86.h
