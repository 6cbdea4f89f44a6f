// SPDX-License-Identifier: GPL-2.0
/*
 * Faults on demand for Ringside's drift lab: "insmod ringfault.ko mode=NAME"
 * does one thing wrong, in a function called ring_NAME. The function's name is
 * the answer the labels expect, so each is kept out of line and does its own
 * wrong deed; nothing in here is shared that could be blamed in its place.
 */
#include <linux/completion.h>
#include <linux/debugobjects.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/kobject.h>
#include <linux/ktime.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

static char *mode = "none";
module_param(mode, charp, 0);

struct thing {
	unsigned char before[0x38];
	unsigned long field;
	struct list_head list;
};

/* Values that the compiler must not know. */
static volatile unsigned long zero;
static volatile unsigned long wild = 0xdead4ead12345678UL;
static volatile long sink;

/*
 * The kernel prints the 42 bytes before the one that trapped; where those lie
 * before the module's first page, it prints none at all. Keep a distance.
 */
asm(".text\n.skip 64, 0xcc\n");

static noinline void ring_null(void)
{
	struct thing *t = (struct thing *)zero;

	sink = READ_ONCE(t->field);
}

static noinline void ring_nullwrite(void)
{
	struct thing *t = (struct thing *)zero;

	WRITE_ONCE(t->field, 1);
}

static noinline void ring_nullcall(void)
{
	void (*f)(void) = (void (*)(void))zero;

	f();
	sink++;
}

static noinline void ring_wild(void)
{
	struct thing *t = (struct thing *)wild;

	sink = READ_ONCE(t->field);
}

static noinline void ring_errptr(void)
{
	struct thing *t = ERR_PTR(-12 + (long)zero);

	sink = READ_ONCE(t->field);
}

static noinline void ring_bug(void)
{
	BUG_ON(!zero);
	sink++;
}

static noinline void ring_warn(void)
{
	WARN_ON(!zero);
	sink++;
}

static noinline void ring_warnmsg(void)
{
	WARN(!zero, "ring: %d things left behind\n", 3);
	sink++;
}

static noinline void ring_div0(void)
{
	sink = 7 / (int)zero;
}

static noinline void ring_uafread(void)
{
	struct thing *t = kmalloc(sizeof(*t), GFP_KERNEL);

	kfree(t);
	barrier();
	sink = READ_ONCE(*(unsigned long *)((char *)t + offsetof(struct thing, field) + zero));
}

static noinline void ring_uafwrite(void)
{
	struct thing *t = kmalloc(sizeof(*t), GFP_KERNEL);

	kfree(t);
	barrier();
	WRITE_ONCE(*(unsigned long *)((char *)t + offsetof(struct thing, field) + zero), 5);
}

static noinline void ring_oobread(void)
{
	char *p = kmalloc(96 + zero, GFP_KERNEL);

	sink = READ_ONCE(p[96 + zero]);
	kfree(p);
}

static noinline void ring_oobwrite(void)
{
	char *p = kmalloc(96 + zero, GFP_KERNEL);

	WRITE_ONCE(p[96 + zero], 1);
	kfree(p);
}

static noinline void ring_stackoob(void)
{
	char buf[16];
	volatile int at = 17 + zero;

	memset(buf, 0, sizeof(buf));
	OPTIMIZER_HIDE_VAR(at);
	sink = ((volatile char *)buf)[at];
}

static noinline void ring_vmallocoob(void)
{
	char *p = vmalloc(3000);

	sink = READ_ONCE(p[3001 + zero]);
	vfree(p);
}

static noinline void ring_dfree(void)
{
	char *p = kmalloc(96, GFP_KERNEL);

	kfree(p);
	barrier();
	kfree(p + zero);
	sink++;
}

static noinline void ring_badfree(void)
{
	char *p = kmalloc(96, GFP_KERNEL);

	kfree(p + 8 + zero);
	sink++;
}

static noinline void ring_listadd(void)
{
	LIST_HEAD(head);
	struct list_head a;

	list_add(&a, &head);
	head.next = (struct list_head *)&sink;
	list_add(&a, &head);
	sink++;
}

static noinline void ring_listdel(void)
{
	struct thing *t = kzalloc(sizeof(*t), GFP_KERNEL);

	t->list.next = LIST_POISON1;
	t->list.prev = LIST_POISON2;
	list_del(&t->list);
	sink++;
}

static noinline void ring_refcount(void)
{
	refcount_t r = REFCOUNT_INIT(0);

	refcount_inc(&r);
	sink++;
}

static noinline void ring_underflow(void)
{
	refcount_t r = REFCOUNT_INIT(0);

	refcount_dec(&r);
	sink++;
}

static noinline int ring_stackoverflow(int depth)
{
	volatile char pad[512];

	memset((void *)pad, depth, sizeof(pad));
	if (zero)
		return depth;
	return ring_stackoverflow(depth + 1) + pad[depth & 511];
}

static noinline void ring_atomicsleep(void)
{
	preempt_disable();
	msleep(20);
	preempt_enable();
	sink++;
}

static DEFINE_SPINLOCK(ring_lock);
static DEFINE_MUTEX(ring_first);
static DEFINE_MUTEX(ring_second);
static DECLARE_RWSEM(ring_sem);
static DECLARE_COMPLETION(ring_never);

static noinline void ring_mightsleep(void)
{
	spin_lock(&ring_lock);
	mutex_lock(&ring_first);
	mutex_unlock(&ring_first);
	spin_unlock(&ring_lock);
}

static noinline void ring_spinrecursion(void)
{
	spin_lock(&ring_lock);
	spin_lock(&ring_lock);
	sink++;
}

static noinline void ring_inversion(void)
{
	mutex_lock(&ring_first);
	mutex_lock(&ring_second);
	mutex_unlock(&ring_second);
	mutex_unlock(&ring_first);
	mutex_lock(&ring_second);
	mutex_lock(&ring_first);
	mutex_unlock(&ring_first);
	mutex_unlock(&ring_second);
}

static noinline void ring_recursivelock(void)
{
	mutex_lock(&ring_first);
	mutex_lock(&ring_first);
	sink++;
}

static noinline void ring_unbalanced(void)
{
	mutex_unlock(&ring_first);
	sink++;
}

static noinline void ring_heldfreed(void)
{
	struct mutex *m = kmalloc(sizeof(*m), GFP_KERNEL);

	mutex_init(m);
	mutex_lock(m);
	kfree(m);
	sink++;
}

static noinline void ring_rcuusage(void)
{
	static void __rcu *pointer;

	sink = (long)rcu_dereference(pointer);
}

static void ring_tick(struct timer_list *unused)
{
	sink++;
}

static noinline void ring_odebug(void)
{
	struct thing_with_timer {
		struct timer_list timer;
	} *t = kzalloc(sizeof(*t), GFP_KERNEL);

	timer_setup(&t->timer, ring_tick, 0);
	mod_timer(&t->timer, jiffies + 1000 * HZ);
	kfree(t);
	sink++;
}

static noinline void ring_leak(void)
{
	int i;

	for (i = 0; i < 16; i++)
		sink = *(volatile char *)kmalloc(192, GFP_KERNEL | __GFP_ZERO);
}

static noinline void ring_shift(void)
{
	volatile int by = 40 + zero;

	sink = 1 << by;
}

static noinline void ring_index(void)
{
	static int table[4];
	volatile int at = 5 + zero;

	sink = table[at];
}

static noinline void ring_bool(void)
{
	volatile unsigned char raw = 7 + zero;

	sink = *(volatile bool *)&raw;
}

static noinline void ring_overflow(void)
{
	char *p = kmalloc(16, GFP_KERNEL);

	memset(p, 1, 16 + 8 + zero);
	kfree(p);
}

static noinline void ring_allocfailure(void)
{
	struct page *p;
	int i;

	for (i = 0; i < 1000; i++) {
		p = alloc_pages(GFP_ATOMIC, 9);
		if (!p)
			break;
	}
	sink++;
}

static noinline void ring_hugealloc(void)
{
	sink = (long)kmalloc((64UL << 20) + zero, GFP_KERNEL);
}

static noinline void ring_vmallocfail(void)
{
	sink = (long)vmalloc((1UL << 45) + zero);
}

static noinline void ring_badpage(void)
{
	struct page *p = alloc_page(GFP_KERNEL);

	p->mapping = (struct address_space *)0x10;
	__free_page(p);
	sink++;
}

static noinline void ring_dupproc(void)
{
	proc_mkdir("ring", NULL);
	proc_mkdir("ring", NULL);
	sink++;
}

static noinline void ring_dupkobject(void)
{
	struct kobject *a = kobject_create_and_add("ring", kernel_kobj);
	struct kobject *b = kobject_create_and_add("ring", kernel_kobj);

	sink = a == b;
}

static noinline void ring_kobjectput(void)
{
	struct kobject *k = kzalloc(sizeof(*k), GFP_KERNEL);

	kobject_put(k);
	sink++;
}

static noinline void ring_panic(void)
{
	panic("ring: the disk is gone");
}

/*
 * What hangs, hangs in a thread of its own, so that init goes on; and what
 * takes a CPU with it gives it back, or the guest could not reboot. Time is
 * ktime's: with interrupts off, jiffies may stand still.
 */
static bool ring_until(ktime_t end)
{
	cpu_relax();
	return ktime_before(ktime_get(), end);
}

static noinline int ring_softlockup(void *unused)
{
	ktime_t end = ktime_add_ms(ktime_get(), 18000);

	preempt_disable();
	while (ring_until(end))
		;
	preempt_enable();
	return 0;
}

static noinline int ring_hardlockup(void *unused)
{
	ktime_t end = ktime_add_ms(ktime_get(), 25000);

	local_irq_disable();
	while (ring_until(end))
		;
	local_irq_enable();
	return 0;
}

static noinline int ring_rcustall(void *unused)
{
	ktime_t end = ktime_add_ms(ktime_get(), 14000);

	rcu_read_lock();
	while (ring_until(end))
		;
	rcu_read_unlock();
	return 0;
}

static noinline int ring_hungmutex(void *unused)
{
	mutex_lock(&ring_first);
	sink++;
	return 0;
}

static noinline int ring_holder(void *unused)
{
	mutex_lock(&ring_first);
	wait_for_completion(&ring_never);
	return 0;
}

static noinline int ring_abba(void *unused)
{
	mutex_lock(&ring_first);
	msleep(200);
	mutex_lock(&ring_second);
	return 0;
}

static noinline int ring_baab(void *unused)
{
	mutex_lock(&ring_second);
	msleep(200);
	mutex_lock(&ring_first);
	return 0;
}

static noinline int ring_rwsem(void *unused)
{
	down_write(&ring_sem);
	down_write(&ring_sem);
	return 0;
}

static noinline int ring_completion(void *unused)
{
	wait_for_completion(&ring_never);
	return 0;
}

static noinline int ring_heldexit(void *unused)
{
	mutex_lock(&ring_first);
	return 0;
}

static noinline void ring_wqleak(struct work_struct *work)
{
	mutex_lock(&ring_first);
	sink++;
}

/* The kernel complains about a work function that hogs its CPU again and again. */
static noinline void ring_wqhog(struct work_struct *work)
{
	static int times;
	ktime_t end = ktime_add_ms(ktime_get(), 400);

	while (ring_until(end))
		;
	if (++times < 16)
		schedule_work(work);
}

static noinline void ring_wqlockup(struct work_struct *work)
{
	ktime_t end = ktime_add_ms(ktime_get(), 20000);

	while (ring_until(end))
		;
}

static noinline void ring_timerfault(struct timer_list *unused)
{
	struct thing *t = (struct thing *)zero;

	sink = READ_ONCE(t->field);
}

static DECLARE_WORK(ring_leakwork, ring_wqleak);
static DECLARE_WORK(ring_hogwork, ring_wqhog);
static DECLARE_WORK(ring_lockupwork, ring_wqlockup);
static DEFINE_TIMER(ring_timer, ring_timerfault);

static void start_stackoverflow(void) { sink = ring_stackoverflow(1); }
static void start_softlockup(void) { kthread_run(ring_softlockup, NULL, "ring-spinner"); }
static void start_hardlockup(void) { kthread_run(ring_hardlockup, NULL, "ring-spinner"); }
static void start_rcustall(void) { kthread_run(ring_rcustall, NULL, "ring-reader"); }
static void start_rwsem(void) { kthread_run(ring_rwsem, NULL, "ring-rwsem"); }
static void start_completion(void) { kthread_run(ring_completion, NULL, "ring-waiter"); }
static void start_heldexit(void) { kthread_run(ring_heldexit, NULL, "ring-leaver"); }
static void start_wqleak(void) { schedule_work(&ring_leakwork); }
static void start_wqhog(void) { schedule_work(&ring_hogwork); }
static void start_wqlockup(void) { schedule_work_on(0, &ring_lockupwork); }
static void start_timerfault(void) { mod_timer(&ring_timer, jiffies + HZ / 10); }

static void start_hungmutex(void)
{
	kthread_run(ring_holder, NULL, "ring-holder");
	msleep(200);
	kthread_run(ring_hungmutex, NULL, "ring-waiter");
}

static void start_abba(void)
{
	kthread_run(ring_abba, NULL, "ring-abba");
	kthread_run(ring_baab, NULL, "ring-baab");
}

#define DO(name) { #name, ring_##name }
#define START(name) { #name, start_##name }

static const struct {
	const char *name;
	void (*run)(void);
} faults[] = {
	DO(null), DO(nullwrite), DO(nullcall), DO(wild), DO(errptr), DO(bug),
	DO(warn), DO(warnmsg), DO(div0), DO(uafread), DO(uafwrite), DO(oobread),
	DO(oobwrite), DO(stackoob), DO(vmallocoob), DO(dfree), DO(badfree),
	DO(listadd), DO(listdel), DO(refcount), DO(underflow),
	START(stackoverflow), DO(atomicsleep), DO(mightsleep),
	DO(spinrecursion), DO(inversion), DO(recursivelock), DO(unbalanced),
	DO(heldfreed), DO(rcuusage), DO(odebug), DO(leak), DO(shift), DO(index),
	DO(bool), DO(overflow), DO(allocfailure), DO(hugealloc), DO(vmallocfail),
	DO(badpage), DO(dupproc), DO(dupkobject), DO(kobjectput), DO(panic),
	START(softlockup), START(hardlockup), START(rcustall), START(hungmutex),
	START(abba), START(rwsem), START(completion), START(heldexit),
	START(wqleak), START(wqhog), START(wqlockup), START(timerfault),
};

static int __init ringfault_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (strcmp(mode, faults[i].name))
			continue;
		faults[i].run();
		return 0;
	}
	pr_err("ringfault: no mode %s\n", mode);
	return -EINVAL;
}
module_init(ringfault_init);

MODULE_DESCRIPTION("Faults on demand for the drift lab");
MODULE_LICENSE("GPL");
