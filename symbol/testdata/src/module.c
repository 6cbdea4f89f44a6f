#include "small.h"

#define __init __attribute__((section(".init.text")))
#define noinline __attribute__((noinline, noclone, noipa))
#define MODINFO(n, text) \
	static const char info_##n[] __attribute__((used, section(".modinfo"))) = text

MODINFO(name, "name=demo");
MODINFO(magic, "vermagic=6.99.0-ringside SMP preempt mod_unload ");

char this_module[64] __attribute__((section(".gnu.linkonce.this_module")));

extern int printk(const char *fmt, ...);

noinline int demo_deref(const struct thing *t)
{
	return thing_next_count(t);
}

noinline __attribute__((cold)) int demo_fail(int n)
{
	printk("failed: %d\n", n);
	return -n;
}

__init int init_module(void)
{
	struct thing t = { 1, 0 };
	int n = demo_deref(&t);

	return n ? demo_fail(n) : 0;
}
