/*
 * entry.S - everything a payload does in ring 0.
 *
 * DOC: theory of operation. On a host whose KVM emulates guest ring 0 an
 * instruction there costs microseconds, while ring 3 runs natively. So ring 0
 * only switches to long mode, with page tables made by the assembler, loads
 * GDT, IDT and TSS and drops to ring 3; the IDT is filled from there. What
 * needs ring 0 later goes through one gate: the ud2 at gate_ud2, whose #UD
 * handler runs the operation numbered by %rdi (enum gate_op in payload.h).
 * Any other exception continues in ring 3 at payload_exception().
 *
 * All of the first 8 GiB is mapped 1:1, user-accessible and writable; so are
 * the page tables, to which map_memory() adds.
 */

#define SEL_CODE64 0x08
#define SEL_DATA 0x10
#define SEL_USER_DATA 0x1b
#define SEL_USER_CODE 0x23
#define SEL_CODE32 0x28
#define SEL_TSS 0x30

#define CPUS_MAX 64
#define CPU_AREA_SHIFT 10 /* TSS, then the ring-0 stack */
#define USER_STACK_SHIFT 14
#define TSS_RSP0 4
#define TSS_IOMAP 102
#define TSS_LIMIT 103

#define LAPIC_EOI 0xfee000b0

	.section .note.pvh, "a", @note
	.long 4, 8, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad pvh_entry

	.text
	.code32
	.globl pvh_entry
pvh_entry:
	movl %ebx, start_info
	xorl %esi, %esi
	jmp enter_long_mode

/* A further CPU, from ap_trampoline: takes the next number. */
ap_entry32:
	movw $SEL_DATA, %ax
	movw %ax, %ds
	movl $1, %esi
	lock xaddl %esi, cpus_started
	cmpl $CPUS_MAX, %esi
	jb enter_long_mode
1:	hlt
	jmp 1b

/* %esi: number of this CPU */
enter_long_mode:
	lgdt gdt_pointer
	movl $0x20, %eax /* PAE */
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx /* EFER.LME */
	rdmsr
	orl $0x100, %eax
	wrmsr
	movl $0x80000033, %eax /* PG, NE, ET, MP, PE */
	movl %eax, %cr0
	ljmp $SEL_CODE64, $long_mode

	.code64
long_mode:
	movl %esi, %ebx
	shll $CPU_AREA_SHIFT, %ebx
	leaq cpu_areas(%rbx), %rbx /* TSS of this CPU */
	leaq (1 << CPU_AREA_SHIFT)(%rbx), %rax
	movq %rax, %rsp
	movq %rax, TSS_RSP0(%rbx)
	movw $(TSS_LIMIT + 1), TSS_IOMAP(%rbx)

	movl %esi, %edi /* its descriptor, 16 bytes, base below 4 GiB */
	shll $4, %edi
	movl %ebx, %eax
	shll $16, %eax
	orl $TSS_LIMIT, %eax
	movl %eax, gdt_tss(%rdi)
	movl %ebx, %eax
	andl $0xff000000, %eax
	shrl $16, %ebx
	movb %bl, %al
	orl $0x8900, %eax
	movl %eax, gdt_tss + 4(%rdi)
	addl $SEL_TSS, %edi
	ltr %di
	lidt idt_pointer

	movl %esi, %edi
	leal 1(%rsi), %eax
	shll $USER_STACK_SHIFT, %eax
	leaq user_stacks - 8(%rax), %rax /* as after a call */
	pushq $SEL_USER_DATA
	pushq %rax
	pushq $2
	pushq $SEL_USER_CODE
	pushq $payload_start
	iretq

/* long gate(op, rsi, rdx, rcx): see enum gate_op. */
	.globl gate
gate:
gate_ud2:
	ud2
	ret

	.globl invalid_opcode
invalid_opcode:
	cmpq $gate_ud2, (%rsp)
	jne exception_6
	addq $2, (%rsp)
	jmp *gate_ops(, %rdi, 8)

gate_out8:
	movl %esi, %eax
	outb %al, %dx
	iretq
gate_out16:
	movl %esi, %eax
	outw %ax, %dx
	iretq
gate_out32:
	movl %esi, %eax
	outl %eax, %dx
	iretq
gate_in8:
	xorl %eax, %eax
	inb %dx, %al
	iretq
gate_in16:
	xorl %eax, %eax
	inw %dx, %ax
	iretq
gate_in32:
	inl %dx, %eax
	iretq
gate_outs: /* cld is the state C leaves */
	rep outsb
	iretq
gate_wait: /* unless *(u32 *)rsi != rdx already, sleep until an interrupt */
	cmpl %edx, (%rsi)
	jne 1f
	sti
	hlt
1:	iretq
gate_interrupts: /* rsi: 0x200 or 0 */
	andq $~0x200, 16(%rsp)
	orq %rsi, 16(%rsp)
	iretq
gate_triple_fault:
	lidt idt_none
	ud2

/*
 * Exceptions: the frame goes on in ring 3 at payload_exception(vector, rip,
 * error code), interrupts off. One from ring 0 is a bug here: stop.
 */
	.altmacro /* %i passes the value of i */
	.macro exception vector, has_error
	.balign 32
exception_\vector:
	.if \has_error
	popq %rdx
	.else
	xorl %edx, %edx
	.endif
	movl $\vector, %edi
	jmp exception_common
	.endm

	.balign 32
	.globl exception_stubs
exception_stubs:
	.set i, 0
	.rept 32
	.if (i == 8) || ((i >= 10) && (i <= 14)) || (i == 17) || (i == 21) || (i == 29) || (i == 30)
	exception %i, 1
	.else
	exception %i, 0
	.endif
	.set i, i + 1
	.endr

exception_common:
	movq (%rsp), %rsi
	movq $payload_exception, (%rsp)
	andq $~0x200, 16(%rsp)
	andq $~15, 24(%rsp)
	subq $8, 24(%rsp)
	cmpq $SEL_USER_CODE, 8(%rsp)
	je 1f
	movw $0x604, %dx
	movb $110, %al
	outb %al, %dx
	hlt
1:	iretq

/* Interrupts 32..255 count themselves in irq_counts. */
	.macro interrupt vector
	.balign 32
	lock incl irq_counts + 4 * \vector
	jmp interrupt_end
	.endm

	.balign 32
	.globl interrupt_stubs
interrupt_stubs:
	.set i, 32
	.rept 224
	interrupt %i
	.set i, i + 1
	.endr

interrupt_end:
	pushq %rax
	xorl %eax, %eax
	movabs %eax, LAPIC_EOI
	popq %rax
	iretq

/* Copied to AP_TRAMPOLINE (payload.h), where a SIPI starts a CPU. */
	.code16
	.globl ap_trampoline
	.globl ap_trampoline_end
ap_trampoline:
	cli
	lgdtl %cs:(ap_gdt_pointer - ap_trampoline)
	movl $1, %eax
	movl %eax, %cr0
	ljmpl $SEL_CODE32, $ap_entry32
	.balign 4
ap_gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
ap_trampoline_end:

	.data
	.balign 8
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
	.balign 8
idt_pointer:
	.word 4095
	.quad idt
	.balign 8
idt_none:
	.word 0
	.quad 0

	.balign 16
gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* SEL_CODE64 */
	.quad 0x00cf93000000ffff /* SEL_DATA */
	.quad 0x00cff3000000ffff /* SEL_USER_DATA */
	.quad 0x00affb000000ffff /* SEL_USER_CODE */
	.quad 0x00cf9b000000ffff /* SEL_CODE32 */
gdt_tss:
	.fill 2 * CPUS_MAX, 8, 0
gdt_end:

	.balign 8
gate_ops: /* in the order of enum gate_op */
	.quad gate_out8, gate_out16, gate_out32
	.quad gate_in8, gate_in16, gate_in32
	.quad gate_outs, gate_wait, gate_interrupts, gate_triple_fault

/* Present, writable, user; 0x80: 2 MiB page. */
	.balign 4096
	.globl pml4
pml4:
	.quad pdpt + 7
	.fill 511, 8, 0
pdpt:
	.set i, 0
	.rept 8
	.quad pd + (i << 12) + 7
	.set i, i + 1
	.endr
	.fill 504, 8, 0
pd:
	.set i, 0
	.rept 8 * 512
	.quad (i << 21) + 0x87
	.set i, i + 1
	.endr

	.globl cpus_started
cpus_started:
	.long 1
	.globl start_info
start_info:
	.long 0

	.bss
	.balign 4096
	.globl idt
idt:
	.skip 4096
	.globl irq_counts
irq_counts:
	.skip 1024
	.balign 1024
cpu_areas:
	.skip CPUS_MAX << CPU_AREA_SHIFT
user_stacks:
	.skip CPUS_MAX << USER_STACK_SHIFT

	.section .note.GNU-stack, "", @progbits
