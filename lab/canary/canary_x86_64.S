/* The canary: the smallest kernel that does what every stock kernel does in its first
 * second. An accelerator that cannot run it runs no kernel.
 *
 * It is loaded as a Multiboot kernel (the GNU Multiboot Specification, 0.6.96), goes from
 * protected to long mode with page tables of its own, installs an interrupt table, counts
 * interrupts of the timer, changes model-specific registers, catches a page fault, goes to
 * user mode and comes back by a system call. Then it works for a fixed number of rounds,
 * says so on the first serial line, and ends QEMU through isa-debug-exit.
 */
	.set	MAGIC, 0x1BADB002
	.set	FLAGS, 0x0
	.section .multiboot, "a"
	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)

	.text
	.code32
	.globl	_start
_start:
	cli
	cld
	movl	$stack, %esp
	/* Identity map of the first gigabyte in pages of 2 MiB, for kernel and user. */
	movl	$pdpt + 7, pml4
	movl	$pd + 7, pdpt
	movl	$pd, %edi
	movl	$0x87, %eax
	movl	$512, %ecx
1:	movl	%eax, (%edi)
	addl	$0x200000, %eax
	addl	$8, %edi
	loop	1b
	movl	$0, pd + 511 * 8	/* the last 2 MiB are not there: to be faulted on */
	movl	$pml4, %eax
	movl	%eax, %cr3
	movl	%cr4, %eax
	orl	$0x6a0, %eax		/* PAE, PGE, OSFXSR, OSXMMEXCPT */
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx	/* EFER: long mode, system calls */
	rdmsr
	orl	$0x101, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$0x80010001, %eax	/* paging, write protection */
	movl	%eax, %cr0
	lgdt	gdtr
	ljmp	$8, $long

	.code64
long:
	movw	$16, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movq	$stack, %rsp
	/* Gates for all vectors lead to one place, but for two. */
	leaq	idt, %rdi
	movl	$256, %ecx
2:	leaq	bad, %rax
	call	gate
	loop	2b
	leaq	idt + 14 * 16, %rdi
	leaq	fault, %rax
	call	gate
	leaq	idt + 32 * 16, %rdi
	leaq	timer, %rax
	call	gate
	lidt	idtr
	leaq	tss, %rax
	movw	%ax, tssd + 2
	shrq	$16, %rax
	movb	%al, tssd + 4
	movb	%ah, tssd + 7
	movw	$48, %ax
	ltr	%ax
	/* The interrupt controller: vectors from 32, only the timer. */
	movb	$0x11, %al
	outb	%al, $0x20
	outb	%al, $0xa0
	movb	$32, %al
	outb	%al, $0x21
	movb	$40, %al
	outb	%al, $0xa1
	movb	$4, %al
	outb	%al, $0x21
	movb	$2, %al
	outb	%al, $0xa1
	movb	$1, %al
	outb	%al, $0x21
	outb	%al, $0xa1
	movb	$0xfe, %al
	outb	%al, $0x21
	movb	$0xff, %al
	outb	%al, $0xa1
	movb	$0x34, %al		/* 1193182 / 1193 Hz: a tick each millisecond */
	outb	%al, $0x43
	movb	$0xa9, %al
	outb	%al, $0x40
	movb	$0x04, %al
	outb	%al, $0x40
	sti
3:	hlt
	cmpl	$10, ticks
	jb	3b
	cli
	/* A fault, which is mended and tried again. */
	movl	$1, 0x3fe00000
	cmpl	$1, faults
	jne	bad
	/* System calls: into user mode and back. */
	movl	$0xc0000081, %ecx	/* STAR */
	xorl	%eax, %eax
	movl	$0x00180008, %edx	/* user: 24 + 16 and 24 + 8; kernel: 8 and 16 */
	wrmsr
	movl	$0xc0000082, %ecx	/* LSTAR */
	leaq	back, %rax
	xorl	%edx, %edx
	wrmsr
	movl	$0xc0000084, %ecx	/* SFMASK */
	movl	$0x200, %eax
	wrmsr
	movl	$0xc0000102, %ecx	/* KERNEL_GS_BASE */
	movl	$0x12345678, %eax
	wrmsr
	leaq	user, %rcx
	movl	$2, %r11d
	movq	%rsp, saved
	sysretq
user:
	movl	$0x51, %edi
	syscall
back:
	swapgs
	movq	saved, %rsp
	cmpl	$0x51, %edi
	jne	bad
	movl	$0xc0000101, %ecx	/* GS_BASE is what was put aside */
	rdmsr
	cmpl	$0x12345678, %eax
	jne	bad
	/* Work that takes as long as the machine is slow. */
	movl	$100000000, %ecx
4:	decl	%ecx
	jnz	4b
	leaq	good, %rsi
	call	print
	movb	$0x10, %al
	outb	%al, $0xf4
5:	hlt
	jmp	5b

bad:
	leaq	failed, %rsi
	call	print
	movb	$0x11, %al
	outb	%al, $0xf4
6:	hlt
	jmp	6b

timer:
	pushq	%rax
	incl	ticks
	movb	$0x20, %al
	outb	%al, $0x20
	popq	%rax
	iretq

fault:
	pushq	%rax
	incl	faults
	movl	$0x83, pd + 511 * 8
	movq	%cr2, %rax
	invlpg	(%rax)
	popq	%rax
	addq	$8, %rsp		/* the error code */
	iretq

gate:	/* writes a gate to rax at rdi, and goes on to the next */
	movw	%ax, (%rdi)
	movw	$8, 2(%rdi)
	movw	$0x8e00, 4(%rdi)
	shrq	$16, %rax
	movw	%ax, 6(%rdi)
	movq	$0, 8(%rdi)
	addq	$16, %rdi
	ret

print:
	movw	$0x3f8, %dx
7:	lodsb
	testb	%al, %al
	jz	8f
	outb	%al, %dx
	jmp	7b
8:	ret

	.section .rodata
good:	.asciz	"ringside canary: alive\n"
failed:	.asciz	"ringside canary: failed\n"

	.data
	.balign	16
gdt:	.quad	0
	.quad	0x00af9b000000ffff	/* 8: kernel code */
	.quad	0x00cf93000000ffff	/* 16: kernel data */
	.quad	0
	.quad	0x00cff3000000ffff	/* 32: user data */
	.quad	0x00affb000000ffff	/* 40: user code */
tssd:	.quad	0x0000890000000067	/* 48: task state; its address is filled in */
	.quad	0
gdtr:	.word	gdtr - gdt - 1
	.long	gdt
idtr:	.word	256 * 16 - 1
	.quad	idt
ticks:	.long	0
faults:	.long	0
	.balign	8
saved:	.quad	0

	.bss
	.balign	4096
pml4:	.skip	4096
pdpt:	.skip	4096
pd:	.skip	4096
idt:	.skip	4096
tss:	.skip	128
	.skip	8192
stack:
