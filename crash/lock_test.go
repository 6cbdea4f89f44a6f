package crash

import "testing"

func TestParseLock(t *testing.T) {
	for _, tt := range []struct{ line, lock, address, function string }{
		{"(&bdev->bd_mutex){+.+.}, at: [<ffffffff8232bf0e>] blkdev_reread_part+0x1e/0x40", "&bdev->bd_mutex", "", "blkdev_reread_part"},
		{"00000000cf45dbdb (sk_lock-AF_NETROM){+.+.}, at: nr_release+0x11a/0x3b0", "sk_lock-AF_NETROM", "00000000cf45dbdb", "nr_release"},
		{"#0: ffff888012345678 (rtnl_mutex){+.+.}-{3:3}, at: rtnl_lock+0x17/0x20", "rtnl_mutex", "ffff888012345678", "rtnl_lock"},
		{"#1: ffff888012345678 ((wq_completion)wg-kex){+.+.}-{0:0}, at: process_one_work+0x1/0x2", "(wq_completion)wg-kex", "ffff888012345678", "process_one_work"},
		{"look at: this", "", "", ""},
		{"(x){, at: ", "", "", ""},
	} {
		l, ok := parseLock([]byte(tt.line))
		if ok != (tt.function != "") || ok && (l.lock != tt.lock || l.address != tt.address || l.sym.name != tt.function) {
			t.Errorf("%q is read as %+v, %v", tt.line, l, ok)
		}
	}
}

// A chain of waiters is followed to its end, or around.
func TestWaits(t *testing.T) {
	const log = `[    1.000000] INFO: task foo:12 blocked for more than 120 seconds.
[    1.000001] task:foo state:D stack:0 pid:12 ppid:2
[    1.000002] Call Trace:
[    1.000003]  __schedule+0x1/0x2
[    1.000004]  bar+0x1/0x2
[    1.000005] Showing all locks held in the system:
[    1.000006] 2 locks held by foo/12:
[    1.000007]  #0: ffff888000000010 (a){+.+.}-{3:3}, at: bar+0x1/0x2
[    1.000008]  #1: ffff888000000020 (b){+.+.}-{3:3}, at: bar+0x2/0x2
[    1.000009] 2 locks held by kworker/0:1/34:
[    1.000010]  #0: ffff888000000020 (b){+.+.}-{3:3}, at: qux+0x1/0x2
[    1.000011]  #1: ffff888000000030 (c){+.+.}-{3:3}, at: qux+0x2/0x2
[    1.000012] 1 lock held by getty/56 on CPU 0:
[    1.000013]  #0: ffff888000000040 (c){+.+.}-{3:3}, at: tty_read+0x2/0x2
`
	r := parseLog(t, log).Reports[0]
	if len(r.Locks) != 5 {
		t.Errorf("%d held locks, want 5: %+v", len(r.Locks), r.Locks)
	}
	if len(r.Waits) != 1 {
		t.Fatalf("%d waits, want 1: %+v", len(r.Waits), r.Waits)
	}
	if w := r.Waits[0]; w.Task != "foo" || w.PID != 12 || w.On != "b" || w.Holder != "kworker/0:1" || w.HolderPID != 34 || w.LogLine != 11 {
		t.Errorf("wrong wait: %+v", w)
	}
	if r.Guilty == nil || r.Guilty.Function != "bar" {
		t.Errorf("guilty is %+v, want bar", r.Guilty)
	}
}
