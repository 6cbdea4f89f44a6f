/* Deep and mutual recursion, a callback of the C library, a signal's handler. */
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

static volatile unsigned long sum;

static void spin(int n)
{
	for (int i = 0; i < n; i++)
		sum += i * 7;
}

__attribute__((noinline)) static int odd(int n);

__attribute__((noinline)) static int even(int n)
{
	spin(3000);
	return n == 0 ? 1 : odd(n - 1) + 1;
}

__attribute__((noinline)) static int odd(int n)
{
	char room[64];
	room[n & 63] = n;
	spin(2000);
	return (n == 0 ? 0 : even(n - 1)) + room[n & 63];
}

static int order(const void *a, const void *b)
{
	spin(100);
	return *(const int *)a - *(const int *)b;
}

static void handler(int sig)
{
	spin(200000);
}

int main(void)
{
	static int list[2000];
	struct itimerval often = { { 0, 5000 }, { 0, 5000 } };
	struct sigaction act = { .sa_handler = handler };

	sigaction(SIGVTALRM, &act, 0);
	setitimer(ITIMER_VIRTUAL, &often, 0);
	for (int round = 0; round < 60; round++) {
		for (int i = 0; i < 2000; i++)
			list[i] = rand();
		qsort(list, 2000, sizeof(list[0]), order);
		even(40);
	}
	return sum == 1;
}
