// SPDX-License-Identifier: GPL-2.0
/*
 * Faults for the dump lab that only a dump can tell: what the drift lab's
 * ringfault does wrong shows in the log, what is done here shows in memory.
 * "insmod dumpfault.ko mode=NAME"; as there, the function dump_NAME is the
 * answer that the labels expect.
 */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/semaphore.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/version.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

static char *mode = "none";
module_param(mode, charp, 0);

#ifndef SLAB_NO_MERGE
#define SLAB_NO_MERGE 0
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define DEFINE_SEMAPHORE_0(name) DEFINE_SEMAPHORE(name, 0)
#else
#define DEFINE_SEMAPHORE_0(name) struct semaphore name = __SEMAPHORE_INITIALIZER(name, 0)
#endif

static volatile unsigned long zero;
static volatile long sink;

/* The kernel prints the code before the trap only where its page is mapped. */
asm(".text\n.skip 64, 0xcc\n");

struct node {
	struct list_head list;
	unsigned char before[0x10];
	struct node *next; /* at 0x20, where SLUB keeps a freed object's pointer */
	unsigned long value;
	unsigned char after[0x10];
};

/* A chain of three in a cache of its own, so that the cache's name is evidence. */
static struct kmem_cache *dump_nodes;

static struct node *chain(void)
{
	struct node *head = NULL, *n;
	int i;

	dump_nodes = kmem_cache_create("dump_node", sizeof(struct node), 0, SLAB_NO_MERGE, NULL);
	for (i = 0; i < 3; i++) {
		n = kmem_cache_zalloc(dump_nodes, GFP_KERNEL);
		n->value = 0x1234;
		n->next = head;
		head = n;
	}
	return head;
}

/* Freed, and its pointer followed: what SLUB left in its place is not a pointer. */
static noinline void dump_uaf(void)
{
	struct node *n = chain();

	kmem_cache_free(dump_nodes, n->next);
	barrier();
	sink = READ_ONCE(READ_ONCE(n->next->next)->value);
}

/* Freed, given to another who writes text, and then used by the first. */
static noinline void dump_uafreuse(void)
{
	struct node *n = chain();
	char *other;

	kmem_cache_free(dump_nodes, n);
	other = kmem_cache_alloc(dump_nodes, GFP_KERNEL);
	memset(other, 'R', sizeof(*n));
	barrier();
	sink = READ_ONCE(READ_ONCE(n->next)->value);
}

/* One bit of a good pointer is wrong. */
static noinline void dump_bitflip(void)
{
	struct node *n = chain();

	*(unsigned long *)&n->next ^= 1UL << 45;
	barrier();
	sink = READ_ONCE(READ_ONCE(n->next)->value);
}

/* A list that leads back into its own middle, found by whoever walks it. */
static LIST_HEAD(dump_list);

static noinline int dump_listcycle(void *unused)
{
	struct node *n;

	list_for_each_entry(n, &dump_list, list)
		sink += n->value;
	return 0;
}

static void start_listcycle(void)
{
	struct node *n = chain(), *at;

	for (at = n; at; at = at->next)
		list_add_tail(&at->list, &dump_list);
	n->next->next->list.next = &n->next->list;
	kthread_run(dump_listcycle, NULL, "dump-walker");
}

/* Memory that nobody gives back, until there is none. */
static LIST_HEAD(dump_leaked);

static noinline int dump_slableak(void *unused)
{
	struct kmem_cache *leaky = kmem_cache_create("dump_leaky", 256, 0, SLAB_NO_MERGE, NULL);
	struct list_head *l;

	while ((l = kmem_cache_alloc(leaky, GFP_KERNEL)))
		list_add(l, &dump_leaked);
	return 0;
}

static noinline int dump_kmallocleak(void *unused)
{
	struct list_head *l;

	while ((l = kmalloc(1024, GFP_KERNEL)))
		list_add(l, &dump_leaked);
	return 0;
}

static noinline int dump_vmallocleak(void *unused)
{
	struct list_head *l;

	while ((l = vmalloc(1 << 20)))
		list_add(l, &dump_leaked);
	return 0;
}

static noinline int dump_pageleak(void *unused)
{
	struct page *p;

	while ((p = alloc_pages(GFP_KERNEL, 0)))
		list_add((struct list_head *)page_address(p), &dump_leaked);
	return 0;
}

#ifdef CONFIG_BLOCK
/* A disk that takes requests and never answers. */
static blk_status_t dump_queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd)
{
	blk_mq_start_request(bd->rq);
	return BLK_STS_OK;
}

static const struct blk_mq_ops dump_mq_ops = { .queue_rq = dump_queue_rq };
static const struct block_device_operations dump_disk_ops = { .owner = THIS_MODULE };
static struct blk_mq_tag_set dump_tags = {
	.ops = &dump_mq_ops,
	.nr_hw_queues = 1,
	.queue_depth = 16,
	.numa_node = NUMA_NO_NODE,
	.timeout = 3600 * HZ,
};

static void start_stuckio(void)
{
	struct gendisk *disk;

	if (blk_mq_alloc_tag_set(&dump_tags))
		return;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	disk = blk_mq_alloc_disk(&dump_tags, NULL, NULL);
#else
	disk = blk_mq_alloc_disk(&dump_tags, NULL);
#endif
	if (IS_ERR(disk))
		return;
	snprintf(disk->disk_name, sizeof(disk->disk_name), "dumpstuck0");
	disk->major = register_blkdev(0, "dumpstuck");
	disk->minors = 1;
	disk->flags |= GENHD_FL_NO_PART;
	disk->fops = &dump_disk_ops;
	set_capacity(disk, 1 << 20);
	sink = add_disk(disk);
}
#endif

/* Waits that the drift lab does not know. */
static DEFINE_MUTEX(dump_first);
static DEFINE_MUTEX(dump_second);
static DECLARE_RWSEM(dump_rwsem);
static DEFINE_SEMAPHORE_0(dump_sem);
static DECLARE_COMPLETION(dump_never);
static DECLARE_COMPLETION(dump_locked);
static DECLARE_WAIT_QUEUE_HEAD(dump_queue);
static DEFINE_SPINLOCK(dump_spin);

static noinline int dump_semaphore(void *unused)
{
	down(&dump_sem);
	return 0;
}

static noinline int dump_waitevent(void *unused)
{
	wait_event(dump_queue, zero);
	return 0;
}

/* third waits for second's lock, second for first's, first for what never comes. */
static noinline int dump_chain1(void *unused)
{
	mutex_lock(&dump_first);
	complete(&dump_locked);
	wait_for_completion(&dump_never);
	return 0;
}

static noinline int dump_chain2(void *unused)
{
	down_write(&dump_rwsem);
	complete(&dump_locked);
	mutex_lock(&dump_first);
	return 0;
}

static noinline int dump_chain3(void *unused)
{
	down_read(&dump_rwsem);
	return 0;
}

static void start_lockchain(void)
{
	kthread_run(dump_chain1, NULL, "dump-chain1");
	wait_for_completion(&dump_locked);
	kthread_run(dump_chain2, NULL, "dump-chain2");
	wait_for_completion(&dump_locked);
	kthread_run(dump_chain3, NULL, "dump-chain3");
}

/* The holder runs, and does not come to an end. */
static noinline int dump_spinholder(void *unused)
{
	mutex_lock(&dump_first);
	complete(&dump_locked);
	while (!zero)
		schedule();
	return 0;
}

static noinline int dump_spinwaiter(void *unused)
{
	mutex_lock(&dump_first);
	return 0;
}

static void start_busyholder(void)
{
	kthread_run(dump_spinholder, NULL, "dump-busy");
	wait_for_completion(&dump_locked);
	kthread_run(dump_spinwaiter, NULL, "dump-waiter");
}

/* Two spin locks in the wrong order: two CPUs, each in the other's slow path. */
static DEFINE_SPINLOCK(dump_spin2);
static atomic_t dump_meet = ATOMIC_INIT(0);

static noinline void meet(void)
{
	atomic_inc(&dump_meet);
	while (atomic_read(&dump_meet) < 2)
		cpu_relax();
}

static noinline int dump_spinab(void *unused)
{
	spin_lock(&dump_spin);
	meet();
	spin_lock(&dump_spin2);
	sink++;
	return 0;
}

static noinline int dump_spinba(void *unused)
{
	spin_lock(&dump_spin2);
	meet();
	spin_lock(&dump_spin);
	sink++;
	return 0;
}

static void start_spinabba(void)
{
	struct task_struct *a = kthread_create(dump_spinab, NULL, "dump-spinab");
	struct task_struct *b = kthread_create(dump_spinba, NULL, "dump-spinba");

	kthread_bind(a, 0);
	kthread_bind(b, 1);
	wake_up_process(a);
	wake_up_process(b);
}

/* Interrupts off, for good; and a reader that never leaves its section. */
static noinline int dump_irqsoff(void *unused)
{
	local_irq_disable();
	pr_emerg("dumpfault: interrupts are off\n");
	while (!zero)
		cpu_relax();
	local_irq_enable();
	return 0;
}

static noinline int dump_rcureader(void *unused)
{
	rcu_read_lock();
	while (!zero)
		cpu_relax();
	rcu_read_unlock();
	return 0;
}

static noinline int dump_spinner(void *unused)
{
	preempt_disable();
	while (!zero)
		cpu_relax();
	preempt_enable();
	return 0;
}

/* A work item that waits for a lock, and with it all that is queued behind. */
static noinline void dump_stuckwork(struct work_struct *work)
{
	mutex_lock(&dump_second);
	sink++;
}

static noinline void dump_nextwork(struct work_struct *work)
{
	sink++;
}

static DECLARE_WORK(stuck_work, dump_stuckwork);
static DECLARE_WORK(next_work, dump_nextwork);

static void start_stuckwork(void)
{
	struct workqueue_struct *wq = alloc_ordered_workqueue("dump_wq", 0);

	mutex_lock(&dump_second);
	queue_work(wq, &stuck_work);
	queue_work(wq, &next_work);
}

#define THREAD(name, comm) \
	static void start_##name(void) { kthread_run(dump_##name, NULL, comm); }

THREAD(slableak, "dump-leaker")
THREAD(kmallocleak, "dump-leaker")
THREAD(vmallocleak, "dump-leaker")
THREAD(pageleak, "dump-leaker")
THREAD(semaphore, "dump-sem")
THREAD(waitevent, "dump-event")
THREAD(irqsoff, "dump-irqsoff")
THREAD(rcureader, "dump-reader")
THREAD(spinner, "dump-spinner")

#define DO(name) { #name, dump_##name }
#define START(name) { #name, start_##name }

static const struct {
	const char *name;
	void (*run)(void);
} faults[] = {
	DO(uaf), DO(uafreuse), DO(bitflip), START(listcycle),
	START(slableak), START(kmallocleak), START(vmallocleak), START(pageleak),
#ifdef CONFIG_BLOCK
	START(stuckio),
#endif
	START(semaphore), START(waitevent), START(lockchain),
	START(busyholder), START(spinabba), START(irqsoff), START(rcureader),
	START(spinner), START(stuckwork),
};

static int __init dumpfault_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (strcmp(mode, faults[i].name))
			continue;
		faults[i].run();
		return 0;
	}
	pr_err("dumpfault: no mode %s\n", mode);
	return -EINVAL;
}
module_init(dumpfault_init);

MODULE_DESCRIPTION("Faults on demand for the dump lab");
MODULE_LICENSE("GPL");
