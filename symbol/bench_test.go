package symbol_test

import (
	"errors"
	"testing"

	"ringside/symbol"
)

// BenchmarkOops is one oops from nothing: open the kernel, find 20 return
// addresses by name, give their lines. A kernel may have inlined one or two.
func BenchmarkOops(b *testing.B) {
	names := []string{"kthread", "worker_thread", "process_one_work", "vfs_read", "vfs_write", "ksys_read", "do_syscall_64", "schedule", "schedule_timeout", "__alloc_pages",
		"do_exit", "kernel_clone", "path_openat", "do_filp_open", "do_unlinkat", "copy_process", "wake_up_process", "try_to_wake_up", "tcp_sendmsg", "ip_output"}
	_, name := vmlinux(b)
	b.ReportAllocs()
	for b.Loop() {
		f, err := symbol.OpenPath(name)
		if err != nil {
			b.Fatal(err)
		}
		r := &symbol.Resolver{Files: []*symbol.File{f}}
		for _, n := range names {
			if _, err := r.Resolve(b.Context(), symbol.Query{Name: n, Offset: 0x20, Return: true}); err != nil && !errors.Is(err, symbol.ErrNotFound) {
				b.Fatal(err)
			}
		}
		f.Close()
	}
}
