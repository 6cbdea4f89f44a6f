#define noinline __attribute__((noinline, noclone, noipa))

extern int sink;

static noinline int helper(int n)
{
	for (int i = 0; i < n; i++)
		sink += i ^ n;
	sink *= n;
	sink -= n;
	return sink / 7;
}

static noinline int twin(int n)
{
	return n + 2;
}

noinline int other(int n)
{
	return helper(n) - twin(n);
}
