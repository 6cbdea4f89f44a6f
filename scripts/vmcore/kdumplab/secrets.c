// Puts a secret into every place of a machine where people's secrets are, and
// waits. Each secret is another text, made from a number, so that it is nowhere in
// the program; "secrets print" says outside what they are.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_alg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { LENGTH = 32, HUGE = 2 << 20 };

static const char *const names[] = {
	"heap", "argument", "environment", "tmpfs-file", "root-file", "user-key", "logon-key", "unix-socket", "udp-socket",
	"pipe", "freed-memory", "received-message", "vector-register", "terminal", "cipher-key", "message-queue", "huge-page", "read-file",
};
enum { COUNT = sizeof names / sizeof *names };

// secret writes the text of a place: letters, which look like nothing else.
static char *secret(const char *name)
{
	static char text[4][LENGTH + 1];
	static int turn;
	char *out = text[turn++ % 4];
	uint64_t x = 0x9e3779b97f4a7c15;
	for (const char *p = name; *p; p++)
		x = (x ^ (unsigned char)*p) * 0x100000001b3;
	for (int i = 0; i < LENGTH; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		out[i] = 'A' + (x >> 33) % 26;
	}
	out[LENGTH] = 0;
	return out;
}

static void failed(const char *what)
{
	perror(what);
}

static void add_key(const char *type, const char *name, const char *text)
{
	long id = syscall(SYS_add_key, type, name, text, LENGTH, -2 /* the process's keyring */);
	if (id < 0)
		failed(type);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_RDWR, 0600);
	if (fd < 0 || write(fd, text, LENGTH) != LENGTH)
		failed(path);
}

static void sockets(void)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || write(pair[0], secret("unix-socket"), LENGTH) != LENGTH)
		failed("unix socket");
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(4711), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(in, (void *)&to, sizeof to) || sendto(out, secret("udp-socket"), LENGTH, 0, (void *)&to, sizeof to) != LENGTH)
		failed("udp socket");
}

static void cipher(void)
{
	struct sockaddr_alg alg = { .salg_family = AF_ALG, .salg_type = "skcipher", .salg_name = "cbc(aes)" };
	int fd = socket(AF_ALG, SOCK_SEQPACKET, 0);
	if (fd < 0 || bind(fd, (void *)&alg, sizeof alg) || setsockopt(fd, SOL_ALG, ALG_SET_KEY, secret("cipher-key"), LENGTH))
		failed("cipher");
	else if (accept(fd, NULL, 0) < 0)
		failed("cipher accept");
}

static void terminal(void)
{
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	if (master < 0 || grantpt(master) || unlockpt(master)) {
		failed("terminal");
		return;
	}
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	if (slave < 0 || write(master, secret("terminal"), LENGTH) != LENGTH)
		failed("terminal");
}

static void queue(void)
{
	struct { long type; char text[LENGTH]; } m = { .type = 1 };
	memcpy(m.text, secret("message-queue"), LENGTH);
	int id = msgget(IPC_PRIVATE, 0600);
	if (id < 0 || msgsnd(id, &m, LENGTH, 0))
		failed("message queue");
}

static void memory(void)
{
	strcpy(malloc(4096), secret("heap"));
	char *huge = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (huge == MAP_FAILED)
		failed("huge page");
	else
		strcpy(huge + HUGE / 2, secret("huge-page"));
}

// left leaves what others will find in memory that they are given.
static void left(void)
{
	const int size = 16 << 20;
	char *gone = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < size; i += 4096)
		strcpy(gone + i, secret("freed-memory"));
	munmap(gone, size);
	enum { MESSAGES = 64 };
	int pair[2];
	char buffer[LENGTH];
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		failed("datagrams");
	int sent = 0;
	while (sent < MESSAGES && send(pair[0], secret("received-message"), LENGTH, MSG_DONTWAIT) == LENGTH)
		sent++;
	while (sent-- > 0)
		if (read(pair[1], buffer, LENGTH) != LENGTH)
			failed("datagrams");
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "print")) {
		for (int i = 0; i < COUNT; i++)
			printf("%s %s\n", names[i], secret(names[i]));
		return 0;
	}
	if (argc == 1) { // again, with a secret in the arguments and the environment
		setenv("SECRET", secret("environment"), 1);
		execl("/proc/self/exe", argv[0], "stay", secret("argument"), NULL);
		failed("exec");
		return 1;
	}
	memory();
	write_file("/tmp/secret", secret("tmpfs-file"));
	write_file("/secret", secret("root-file"));
	write_file("/read", secret("read-file"));
	char buffer[LENGTH];
	if (pread(open("/read", O_RDONLY), buffer, LENGTH, 0) != LENGTH)
		failed("read");
	add_key("user", "ringside:user", secret("user-key"));
	add_key("logon", "ringside:logon", secret("logon-key"));
	sockets();
	int ends[2];
	if (pipe(ends) || write(ends[1], secret("pipe"), LENGTH) != LENGTH)
		failed("pipe");
	terminal();
	cipher();
	queue();
	left();
	char *in = secret("vector-register");
	puts("secrets are in place");
	fflush(stdout);
	// The registers are in the kernel when the process sleeps.
	for (;;)
		__asm__ volatile("movdqu (%0), %%xmm14\n\tmovdqu 16(%0), %%xmm15\n\tmov $34, %%eax\n\tsyscall" // pause
				 : : "r"(in) : "rax", "rcx", "r11", "memory", "xmm14", "xmm15");
}
