package crash

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestMemoryOfACgroup(t *testing.T) {
	doc := parseLog(t, stamped(strings.Split(`stress invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL|__GFP_ACCOUNT), order=0, oom_score_adj=0
CPU: 0 UID: 0 PID: 300 Comm: stress Not tainted 6.12.6 #1
Call Trace:
 <TASK>
 dump_stack_lvl+0x1/0x10
 dump_header+0x1/0x10
 oom_kill_process+0x1/0x10
 out_of_memory+0x1/0x10
 mem_cgroup_out_of_memory+0x1/0x10
 try_charge_memcg+0x1/0x10
 </TASK>
memory: usage 51200kB, limit 51200kB, failcnt 12
swap: usage 0kB, limit 0kB, failcnt 0
Memory cgroup stats for /app.slice/web:
Tasks state (memory values in pages):
[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name
[    299]     0   299     1047      320      100      220         0          45056        0             0 sh
[    300]     0   300    65000    12500    12400      100         0         150000        7          -500 my worker
oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=web,mems_allowed=0,oom_memcg=/app.slice/web,task_memcg=/app.slice/web,task=my worker,pid=300,uid=0
Memory cgroup out of memory: Killed process 300 (my worker) total-vm:260000kB, anon-rss:49600kB, file-rss:400kB, shmem-rss:0kB, UID:0 pgtables:146kB oom_score_adj:-500
stress invoked oom-killer: gfp_mask=0xdc0(GFP_KERNEL|__GFP_ZERO), order=3, oom_score_adj=0`, "\n")))
	if len(doc.Reports) != 2 {
		t.Fatalf("%d reports, want 2", len(doc.Reports))
	}
	order := 0
	want := &Memory{
		Order: &order, GFP: "0xcc0", GFPFlags: []string{"GFP_KERNEL", "__GFP_ACCOUNT"}, Constraint: "CONSTRAINT_MEMCG", Cgroup: "/app.slice/web",
		UsageKB: 51200, LimitKB: 51200, Tasks: 2,
		Biggest: []MemTask{{PID: 300, Name: "my worker", TotalVM: 65000, RSS: 12500, Swap: 7, ScoreAdj: -500}, {PID: 299, Name: "sh", TotalVM: 1047, RSS: 320}},
		Killed:  &MemKill{PID: 300, Name: "my worker", TotalVMKB: 260000, AnonRSSKB: 49600, FileRSSKB: 400},
	}
	if got := doc.Reports[0].Memory; !reflect.DeepEqual(got, want) {
		t.Errorf("memory %+v, want %+v", got, want)
	}
	if m := doc.Reports[1].Memory; m == nil || m.GFP != "0xdc0" || *m.Order != 3 {
		t.Errorf("memory of the second %+v", m)
	}
}

// TestMemoryOfTheLab reads what a kernel really printed.
func TestMemoryOfTheLab(t *testing.T) {
	data, err := os.ReadFile("testdata/lab/crash-mod-oom.log")
	if err != nil {
		t.Fatal(err)
	}
	doc := parseLog(t, string(data))
	i := slices.IndexFunc(doc.Reports, func(r Report) bool { return r.Memory != nil && r.Memory.Pages != nil })
	if i < 0 {
		t.Fatal("no report about memory")
	}
	m := doc.Reports[i].Memory
	want := MemPages{Total: 130942, Reserved: 14405, Free: 2764, ActiveAnon: 1021, InactiveAnon: 93, SlabReclaimable: 2242, SlabUnreclaimable: 1771, Mapped: 432, Shmem: 1081, PageTables: 19}
	if *m.Pages != want || m.PageSize != 4096 || m.SwapKB == nil || *m.SwapKB != (MemSwap{}) {
		t.Errorf("pages %+v of %d bytes, swap %+v; want %+v", *m.Pages, m.PageSize, m.SwapKB, want)
	}
	if !slices.ContainsFunc(doc.Reports[i].Evidence, func(e Evidence) bool {
		return e.Field == "memory" && strings.Contains(string(data[e.Span.Start:e.Span.End]), "130942 pages RAM")
	}) {
		t.Error("the pages of RAM are not cited")
	}
}
