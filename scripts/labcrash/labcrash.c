// SPDX-License-Identifier: GPL-2.0
/*
 * labcrash: a module that breaks its kernel in a chosen way while it is loaded. It gives
 * the lab, its tests and its documentation crashes whose cause and rate are known.
 */
#include <linux/bug.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/random.h>
#include <linux/string.h>

static char *mode = "null";
module_param(mode, charp, 0444);
MODULE_PARM_DESC(mode, "null, bug, warn, gpf, hung, softlockup, flaky or none");

static unsigned int p = 30;
module_param(p, uint, 0444);
MODULE_PARM_DESC(p, "of 100: how often mode=flaky crashes");

static DEFINE_MUTEX(labcrash_mutex);

struct labcrash_object {
	long pad[8];
	long value;
};

static noinline void labcrash_null(struct labcrash_object *o)
{
	WRITE_ONCE(o->value, 1);
}

static noinline void labcrash_bug(void)
{
	BUG();
}

static noinline void labcrash_warn(void)
{
	WARN(1, "labcrash: asked to\n");
}

static noinline void labcrash_gpf(void)
{
	/* An address that is not canonical on x86-64. */
	labcrash_null((struct labcrash_object *)0xdead000000000000UL);
}

static int labcrash_waiter(void *unused)
{
	mutex_lock(&labcrash_mutex);
	mutex_unlock(&labcrash_mutex);
	return 0;
}

static noinline int labcrash_hung(void)
{
	struct task_struct *t;

	mutex_lock(&labcrash_mutex);
	t = kthread_run(labcrash_waiter, NULL, "labcrash_waiter");
	if (IS_ERR(t)) {
		mutex_unlock(&labcrash_mutex);
		return PTR_ERR(t);
	}
	/* Held for longer than the kernel's patience with hung tasks. */
	msleep(600 * 1000);
	mutex_unlock(&labcrash_mutex);
	return 0;
}

static noinline void labcrash_softlockup(void)
{
	preempt_disable();
	for (;;)
		cpu_relax();
}

static int __init labcrash_init(void)
{
	if (!strcmp(mode, "flaky")) {
		if (get_random_u32() % 100 >= p)
			return 0;
		labcrash_null(NULL);
	} else if (!strcmp(mode, "null")) {
		labcrash_null(NULL);
	} else if (!strcmp(mode, "bug")) {
		labcrash_bug();
	} else if (!strcmp(mode, "warn")) {
		labcrash_warn();
	} else if (!strcmp(mode, "gpf")) {
		labcrash_gpf();
	} else if (!strcmp(mode, "hung")) {
		return labcrash_hung();
	} else if (!strcmp(mode, "softlockup")) {
		labcrash_softlockup();
	} else if (strcmp(mode, "none")) {
		pr_err("labcrash: mode %s is not known\n", mode);
		return -EINVAL;
	}
	return 0;
}

static void __exit labcrash_exit(void)
{
}

module_init(labcrash_init);
module_exit(labcrash_exit);
MODULE_DESCRIPTION("Breaks its kernel in a chosen way");
MODULE_LICENSE("GPL");
