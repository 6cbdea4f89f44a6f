// Four threads that wait for each other in user space: first holds a lock with
// priority inheritance and waits at a plain futex for ever, second holds another
// and waits for first's, third waits for second's, plain waits at a futex word
// that nobody wakes. The kernel knows the owners of the first two locks.
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FUTEX_WAIT = 0 };

static pthread_mutex_t a, b;
static int never, nobody;
static pthread_barrier_t have_a, have_b;

static void name(const char *n) { prctl(PR_SET_NAME, n); }
static void wait_on(int *word) { for (;;) syscall(SYS_futex, word, FUTEX_WAIT, 0, 0, 0, 0); }

static void *first(void *p)
{
	name("futex-first");
	pthread_mutex_lock(&a);
	pthread_barrier_wait(&have_a);
	wait_on(&never);
	return p;
}

static void *second(void *p)
{
	name("futex-second");
	pthread_barrier_wait(&have_a);
	pthread_mutex_lock(&b);
	pthread_barrier_wait(&have_b);
	pthread_mutex_lock(&a);
	return p;
}

static void *third(void *p)
{
	name("futex-third");
	pthread_barrier_wait(&have_b);
	pthread_mutex_lock(&b);
	return p;
}

static void *plain(void *p)
{
	name("futex-plain");
	wait_on(&nobody);
	return p;
}

int main(void)
{
	void *(*run[])(void *) = { first, second, third, plain };
	pthread_mutexattr_t pi;
	pthread_t t[4];

	pthread_mutexattr_init(&pi);
	pthread_mutexattr_setprotocol(&pi, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&a, &pi);
	pthread_mutex_init(&b, &pi);
	pthread_barrier_init(&have_a, 0, 2);
	pthread_barrier_init(&have_b, 0, 2);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], 0, run[i], 0);
	pthread_join(t[0], 0);
	return 0;
}
