// Package knownfix asks histories whether a crash is fixed already: which change did it,
// which release has it, and whether the stable line of the kernel that crashed is among
// them.
package knownfix

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ringside/crash"
	"ringside/owner"
	"ringside/patch/equiv"
)

// A Status is what a fix is to the kernel that crashed.
type Status string

// The statuses.
const (
	Later     Status = "later"       // its line has it in a later release
	Already   Status = "already"     // it has it: the fault is another, or came back
	NotInLine Status = "not_in_line" // other lines have it: to be backported
	Unknown   Status = "unknown"     // nothing says which releases have it
)

// A Fix is one change that may mend a crash.
type Fix struct {
	Where   string  `json:"where"` // a commit, a CVE or a patch
	Index   string  `json:"index"` // what was searched
	Score   float64 `json:"score"` // 0 to 1, to order by; no probability
	Subject string  `json:"subject"`
	// Commits are those that the change is under, in all branches.
	Commits  []string `json:"commits,omitempty"`
	Releases []string `json:"releases,omitempty"`
	Status   Status   `json:"status" enum:"later,already,not_in_line,unknown"`
	// InLine is the release of the kernel's own line that has it.
	InLine     string   `json:"in_line,omitempty"`
	Evidence   []string `json:"evidence"`
	MendedBy   []string `json:"mended_by,omitempty"`
	RevertedBy []string `json:"reverted_by,omitempty"`
}

// Functions of a stack that every crash goes through, and that no fix is about.
var everywhere = regexp.MustCompile(`^(entry_|do_syscall|syscall_|ret_from_fork|kthread$|worker_thread|process_one_work|dump_stack|show_stack|panic$|__warn|report_bug|exc_|asm_|oops_|die$|page_fault|do_user_addr_fault|kasan_|print_|check_|el0|el1|invoke_syscall|__x64_sys_|__arm64_sys_|__se_sys_|__do_sys_|start_secondary|secondary_startup|cpu_startup_entry|do_idle|default_idle|handle_softirqs|__do_softirq|irq_exit|lock_acquire|lockdep_|__dump_stack|__asan_|__kasan|__hwasan|__msan|kmsan_|kcsan_|dump_backtrace|__do_kernel_fault|do_mem_abort|do_tag_|do_translation|do_page_fault|__?mem(set|cpy|move|cmp)|__might_|___might|bad_|no_context|__bad_area|fixup_bug|do_error_trap|do_trap|invalid_op|general_protection|common_interrupt|apic_|sysvec_|smp_|ret_from_|start_kernel|rest_init|kernel_init)`)

// Crash makes the question of a report.
func Crash(r *crash.Report, idx *owner.Index) equiv.Crash {
	c := equiv.Crash{Text: r.Headline + "\n" + r.Title}
	add := func(function, module, file string) {
		function = owner.FunctionName(function)
		if function == "" || everywhere.MatchString(function) || slices.Contains(c.Functions, function) {
			return
		}
		c.Functions = append(c.Functions, function)
		if file == "" && idx != nil {
			if files := idx.Definitions(function, module); len(files) == 1 {
				file = files[0]
			}
		}
		if file != "" && !slices.Contains(c.Files, file) {
			c.Files = append(c.Files, file)
		}
	}
	if r.Guilty != nil {
		add(r.Guilty.Function, r.Guilty.Module, r.Guilty.File)
	}
	for _, l := range r.Candidates {
		add(l.Function, l.Module, l.File)
	}
	for i := range r.Frames {
		f := &r.Frames[i]
		add(f.Function, f.Module, f.File)
	}
	return c
}

// Search asks the indexes, the best answers first.
func Search(indexes []*equiv.Index, c equiv.Crash, kernel Kernel, limit int) ([]Fix, error) {
	var out []Fix
	for _, x := range indexes {
		fixes, err := x.KnownFixes(c, limit)
		if err != nil {
			return nil, err
		}
		for i := range fixes {
			f := &fixes[i]
			fix := Fix{
				Where: f.Doc.Name, Index: x.Source, Score: float64(int(f.Score*1000)) / 1000, Subject: f.Doc.Subject, Commits: f.Doc.Upstream,
				Releases: f.Doc.Releases, Evidence: f.Evidence, MendedBy: f.Fixed, RevertedBy: f.Reverted,
			}
			fix.Status, fix.InLine = kernel.Status(f.Doc.Releases)
			out = append(out, fix)
		}
	}
	slices.SortStableFunc(out, func(a, b Fix) int { return cmp.Compare(b.Score, a.Score) })
	return unique(out)[:min(limit, len(unique(out)))], nil
}

// unique keeps the first of what is the same change in several indexes.
func unique(list []Fix) []Fix {
	seen := map[string]bool{}
	var out []Fix
	for _, f := range list {
		keys := []string{equiv.NormalSubject(f.Subject)}
		for _, c := range append([]string{f.Where}, f.Commits...) {
			if len(c) >= 12 {
				keys = append(keys, c)
			}
		}
		if !slices.ContainsFunc(keys, func(k string) bool { return seen[k] }) {
			out = append(out, f)
		}
		for _, k := range keys {
			seen[k] = true
		}
	}
	return out
}

// A Kernel is a release that crashed; the zero value is one that is not known.
type Kernel struct {
	Release string // as it says itself
	base    []int  // 6, 1, 192
}

var (
	numbers = regexp.MustCompile(`^v?(\d+)\.(\d+)(?:\.(\d+))?`)
	debian  = regexp.MustCompile(`\bDebian (\d+\.\d+\.\d+)-\d`)
)

// KernelOf reads which stable release a kernel is made from. A distribution's release
// ("6.1.0-56-amd64") hides it; Debian's banner has it.
func KernelOf(release, banner string) Kernel {
	k := Kernel{Release: release}
	if m := debian.FindStringSubmatch(banner); m != nil {
		k.base = parts(m[1])
	} else if p := parts(release); len(p) > 0 {
		// x.y.0-… of a distribution is not the first release of the line.
		if len(p) == 3 && p[2] == 0 && strings.Contains(release, "-") {
			p = p[:2]
		}
		k.base = p
	}
	return k
}

func parts(s string) []int {
	m := numbers.FindStringSubmatch(s)
	if m == nil {
		return nil
	}
	var out []int
	for _, x := range m[1:] {
		if x != "" {
			n, err := strconv.Atoi(x)
			if err != nil {
				return nil
			}
			out = append(out, n)
		}
	}
	return out
}

// Status says what a change that these releases have is to the kernel.
func (k Kernel) Status(releases []string) (Status, string) {
	if len(k.base) < 2 || len(releases) == 0 {
		return Unknown, ""
	}
	known := len(k.base) == 3 || !strings.Contains(k.Release, "-")
	other := false
	for _, r := range releases {
		p := parts(r)
		switch {
		case len(p) < 2:
		case len(p) == 2 && slices.Compare(p, k.base[:2]) <= 0:
			return Already, r
		case len(p) == 3 && slices.Equal(p[:2], k.base[:2]):
			switch {
			case !known:
				return Unknown, r
			case len(k.base) == 3 && p[2] <= k.base[2]:
				return Already, r
			}
			return Later, r
		default:
			other = true
		}
	}
	if other {
		return NotInLine, ""
	}
	return Unknown, ""
}
