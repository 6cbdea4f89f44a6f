package crash

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// waitText writes the graphs of a log for comparison.
func waitText(t *testing.T, log string) string {
	t.Helper()
	doc, err := Parse(context.Background(), strings.NewReader(log), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, g := range doc.Waits {
		name := func(i int) string { return g.Nodes[i].Name }
		for _, e := range g.Edges {
			fmt.Fprintf(&b, "%s -> %s: %s (%.1f, line %d)\n", name(e.From), name(e.To), e.Reason, e.Confidence, e.LogLine)
		}
		for _, e := range g.Ends {
			fmt.Fprintf(&b, "end: %s, %d waiters, %s\n", name(e.Node), e.Waiters, g.Nodes[e.Node].Describe())
		}
		for _, c := range g.Cycles {
			b.WriteString("cycle:")
			for _, i := range c {
				fmt.Fprintf(&b, " %s;", name(i))
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// stamp puts a time before each line of a log.
func stamp(lines string) string {
	var b strings.Builder
	for i, l := range strings.Split(strings.TrimSuffix(lines, "\n"), "\n") {
		fmt.Fprintf(&b, "[  100.%06d] %s\n", i, l)
	}
	return b.String()
}

func TestWaitGraph(t *testing.T) {
	for _, tt := range []struct {
		name, log string
		want      []string // lines that must be there
		not       []string // and parts that must not
	}{
		{"the kernel names the holder", `INFO: task foo:12 blocked for more than 120 seconds.
      Not tainted 6.16.0 #1
task:foo             state:D stack:0     pid:12    tgid:12    ppid:2      task_flags:0x208040 flags:0x00004000
Call Trace:
 <TASK>
 __schedule+0x1/0x2
 schedule+0x1/0x2
 schedule_preempt_disabled+0x1/0x2
 __mutex_lock.constprop.0+0x1/0x2
 foo_read+0x1/0x2 [foo]
 vfs_read+0x1/0x2
 </TASK>
INFO: task foo:12 is blocked on a mutex likely owned by task bar:34.
task:bar             state:S stack:0     pid:34    tgid:34    ppid:2      flags:0x00004000
Call Trace:
 <TASK>
 __schedule+0x1/0x2
 schedule+0x1/0x2
 schedule_timeout+0x1/0x2
 msleep+0x1/0x2
 bar_hold+0x1/0x2 [foo]
 </TASK>
`, []string{"foo:12 -> mutex that foo:12 waits for: waits for the mutex (1.0, line 13)", "mutex that foo:12 waits for -> bar:34: held by (0.7, line 13)", "end: bar:34, 1 waiters, in msleep ← bar_hold [foo]"}, nil},
		{"lists of held locks, and a ring", `INFO: task foo:12 blocked for more than 120 seconds.
task:foo             state:D stack:0     pid:12    ppid:2      flags:0x00004000
Call Trace:
 __schedule+0x1/0x2
 __mutex_lock+0x1/0x2
 foo_a+0x1/0x2

Showing all locks held in the system:
2 locks held by foo/12:
 #0: ffff888000000010 (&a->lock){+.+.}-{3:3}, at: foo_a+0x1/0x2
 #1: ffff888000000020 (&b->lock){+.+.}-{3:3}, at: foo_a+0x2/0x2
2 locks held by bar/34:
 #0: ffff888000000020 (&b->lock){+.+.}-{3:3}, at: bar_a+0x1/0x2
 #1: ffff888000000010 (&a->lock){+.+.}-{3:3}, at: bar_a+0x2/0x2
INFO: task bar:34 blocked for more than 120 seconds.
task:bar             state:D stack:0     pid:34    ppid:2      flags:0x00004000
Call Trace:
 __schedule+0x1/0x2
 __mutex_lock+0x1/0x2
 bar_a+0x1/0x2
`, []string{"foo:12 -> mutex (&b->lock): waits for the mutex (0.9, line 11)", "mutex (&b->lock) -> bar:34: held by (0.9, line 13)", "cycle: foo:12; mutex (&b->lock); bar:34; mutex (&a->lock);"}, []string{"end:"}},
		{"tasks of sysrq-w", `sysrq: Show Blocked State
task:jbd2/sda1-8     state:D stack:0     pid:301   ppid:2      flags:0x00004000
Call Trace:
 <TASK>
 __schedule+0x1/0x2
 schedule+0x1/0x2
 io_schedule+0x1/0x2
 bit_wait_io+0x1/0x2
 __wait_on_bit+0x1/0x2
 jbd2_journal_commit_transaction+0x1/0x2
 kjournald2+0x1/0x2
 </TASK>
task:rm              state:D stack:0     pid:400   ppid:1      flags:0x00000000
Call Trace:
 <TASK>
 __schedule+0x1/0x2
 schedule+0x1/0x2
 synchronize_rcu_normal+0x1/0x2
 foo_exit+0x1/0x2 [foo]
 </TASK>
`, []string{"rm:400 -> RCU grace period: waits for RCU grace period in foo_exit [foo] (0.8, line 13)", "jbd2/sda1-8:301 -> the journal: waits for the journal"}, nil},
		{"tasks of old kernels", `SysRq : Show Blocked State
  task                        PC stack   pid father
bash            D ffff88007a5a8000     0  1234      1 0x00000000
Call Trace:
 [<ffffffff81000001>] schedule+0x29/0x70
 [<ffffffff81000002>] __mutex_lock_slowpath+0x12/0x20
 [<ffffffff81000003>] mutex_lock+0x23/0x40
 [<ffffffff81000004>] foo_ioctl+0x23/0x40
`, []string{"bash:1234 -> mutex asked for in foo_ioctl: waits for mutex in foo_ioctl (0.8, line 3)"}, nil},
		{"workqueue", `INFO: task cryptsetup:50 blocked for more than 120 seconds.
task:cryptsetup      state:D stack:0     pid:50    ppid:1      flags:0x00004000
Call Trace:
 __schedule+0x1/0x2
 schedule+0x1/0x2
 schedule_timeout+0x1/0x2
 __wait_for_common+0x1/0x2
 __flush_work+0x1/0x2
 crypt_dtr+0x1/0x2 [dm_crypt]
BUG: workqueue lockup - pool cpus=1 node=0 flags=0x0 nice=0 stuck for 30s!
Showing busy workqueues and worker pools:
workqueue events: flags=0x0
  pwq 2: cpus=1 node=0 flags=0x0 nice=0 active=2/256 refcnt=3
    in-flight: 12:foo_work_fn [foo] for 30s, 34(RESCUER):bar_fn BAR(56)
    pending: baz_fn, qux_fn
`, []string{"workqueue events -> kworker:12: is running foo_work_fn [foo], with 2 pending behind it (1.0, line 14)", "cryptsetup:50 -> workqueue events: waits for work in crypt_dtr [dm_crypt]", "workqueue events -> kworker:34: is running bar_fn"}, nil},
		{"stalled grace period", `rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
rcu: 	Tasks blocked on level-0 rcu_node (CPUs 0-1): P77/1:b..l
rcu: 	1-...!: (1 GPs behind) idle=235/1/0x4000000000000000 softirq=324/324 fqs=0
	(detected by 0, t=1252 jiffies, g=-535, q=20 ncpus=2)
task:reader          state:R  running task     stack:0     pid:77    ppid:2      flags:0x00004000
Call Trace:
 __schedule+0x1/0x2
 preempt_schedule_irq+0x1/0x2
 reader_loop+0x1/0x2 [foo]
rcu: rcu_preempt kthread starved for 1200 jiffies! g-535 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=1
`, []string{"RCU grace period -> reader:77: waits for a reader (1.0, line 2)", "RCU grace period -> CPU 1: waits for a quiescent state of (1.0, line 3)"}, nil},
		{"spinning under NMI", `sysrq: Show backtrace of all active CPUs
NMI backtrace for cpu 0
CPU: 0 PID: 120 Comm: spinner Not tainted 6.1.0 #1
RIP: 0010:native_queued_spin_lock_slowpath+0x10/0x200
Call Trace:
 <TASK>
 _raw_spin_lock+0x1/0x2
 foo_lock_it+0x1/0x2 [foo]
 </TASK>
NMI backtrace for cpu 1
CPU: 1 PID: 121 Comm: owner Not tainted 6.1.0 #1
RIP: 0010:foo_spin+0x10/0x20 [foo]
Call Trace:
 <TASK>
 foo_hold+0x1/0x2 [foo]
 </TASK>
`, []string{"spinner:120 -> spinlock asked for in foo_lock_it [foo]: waits for spinlock in foo_lock_it [foo] (0.8, line 2)", "spinlock asked for in foo_lock_it [foo] -> owner:121: may be held by"}, nil},
		{"an oops waits for nothing", "kernel BUG at fs/foo.c:12!\nCPU: 0 PID: 7 Comm: worker Not tainted 6.1.0 #1\nRIP: 0010:foo+0x1/0x20\nCall Trace:\n __mutex_lock+0x1/0x2\n", nil, []string{"->"}},
	} {
		got := waitText(t, stamp(tt.log))
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", tt.name, want, got)
			}
		}
		for _, not := range tt.not {
			if strings.Contains(got, not) {
				t.Errorf("%s: %q in\n%s", tt.name, not, got)
			}
		}
	}
}

// TestWaitGraphLab names the holder in the logs of the lab whose truth is known.
func TestWaitGraphLab(t *testing.T) {
	for name, want := range map[string]string{
		"crash-mod-hung.log":       "end: lab-holder:122, 1 waiters, in msleep ← holder [labcrash]",
		"crash-mod-rcustall.log":   "end: lab-rcu:120, 1 waiters, in rcustall [labcrash]",
		"crash-mod-softlockup.log": "end: lab-spin:122, 1 waiters, in spinner [labcrash]",
		"crash-mod-hardlockup.log": "RCU grace period -> CPU 0",
		"vmcore-hang.console":      "klab-abba-1:110 -> mutex asked for in abba1 [klab]",
	} {
		log, err := os.ReadFile(filepath.Join("testdata/lab", name))
		if err != nil {
			t.Fatal(err)
		}
		if got := waitText(t, string(log)); !strings.Contains(got, want) || strings.Contains(got, "klab-rw-r1:113: may be held") {
			t.Errorf("%s: want %q, got\n%s", name, want, got)
		}
	}
}
