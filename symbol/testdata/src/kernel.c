#include "small.h"

const char linux_banner[] =
	"Linux version 6.99.0-ringside (builder@example) (gcc (Debian)) #1 SMP Ringside 6.99.0-1\n";

#define __init __attribute__((section(".init.text")))
#define noinline __attribute__((noinline, noclone, noipa))

int sink;

/* Of the same name as one in other.c, and of another size. */
static noinline int helper(int n)
{
	sink += n;
	return sink * 3;
}

/* Of the same name and size as one in other.c. */
static noinline int twin(int n)
{
	return n + 1;
}

noinline int deref(const struct thing *t)
{
	return thing_next_count(t) + sink;
}

noinline int middle(const struct thing *t)
{
	int n = deref(t);

	sink = n;
	return helper(n) + twin(n);
}

__init int start_kernel(void)
{
	struct thing t = { 1, 0 };

	return middle(&t);
}
