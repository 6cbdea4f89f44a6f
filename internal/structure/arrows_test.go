package structure

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rooms says which rooms of the house a room may use. Arrows point inward: to
// what is listed before. A new package begins with a line here.
var rooms = []struct {
	room string
	uses []string
}{
	// Libraries: anybody may import them, they know nothing of the product.
	{"klog", nil},
	{"artefact", []string{"klog"}},
	{"similar", nil},
	{"crash", []string{"klog", "similar"}},
	{"owner", nil},
	{"insn", nil},
	{"diagnose", []string{"crash", "klog", "insn"}},
	{"symbol", nil},
	{"symbol/btf", nil},
	{"symbol/orc", nil},
	{"symbol/kallsyms", nil},
	{"bundle", []string{"artefact"}},
	{"trace/event", nil},
	{"trace/tracedat", []string{"trace/event"}},
	{"trace/printfmt", []string{"trace/event"}},
	{"trace/ftracetext", []string{"trace/event"}},
	{"trace/report", []string{"trace/event", "trace/printfmt"}},
	{"profile", nil},
	{"profile/convert", []string{"profile"}},
	{"profile/perfdata", nil},
	{"profile/unwind", nil},
	{"profile/jitdump", nil},
	{"profile/resolve", []string{"profile", "profile/perfdata", "profile/unwind", "profile/jitdump", "trace/event"}},
	{"profile/compare", []string{"profile"}},
	{"profile/costs", []string{"profile"}},
	{"profile/flame", []string{"profile", "profile/compare"}},
	{"probe", nil},
	{"trace/internal/tracetest", []string{"trace/event", "trace/tracedat"}},
	{"trace/sched", []string{"trace/event"}},
	{"trace/usage", []string{"trace/event", "trace/sched"}},
	{"trace/path", []string{"trace/event", "trace/sched"}},
	{"trace/graph", []string{"trace/event", "probe"}},
	{"trace/latency", []string{"trace/event", "trace/sched", "probe"}},
	{"trace/timeline", []string{"trace/event", "trace/sched", "trace/latency"}},
	{"probe/boot", []string{"probe", "klog"}},
	{"probe/tracefs", []string{"probe"}},
	{"probe/perfevent", []string{"probe", "probe/tracefs"}},
	{"probe/aggregate", []string{"probe", "probe/tracefs"}},
	{"tune", nil},
	{"kconfig/dotconfig", nil},
	{"kconfig", []string{"kconfig/dotconfig"}},
	{"kconfig/export", nil},
	{"kconfig/meaning", []string{"kconfig", "kconfig/dotconfig"}},
	{"kconfig/hardening", []string{"kconfig", "kconfig/dotconfig", "kconfig/export"}},
	{"kconfig/baseline", []string{"kconfig", "kconfig/hardening", "kconfig/export"}},
	{"kbuild/gmake", nil},
	{"kbuild/cpp", nil},
	{"kbuild", []string{"kconfig/dotconfig", "kbuild/gmake", "kbuild/cpp"}},
	{"kbuild/evidence", []string{"kbuild"}},
	{"kbuild/moved", nil},
	{"inventory", []string{"kbuild"}},
	{"patch/diff", nil},
	{"patch/present", []string{"patch/diff"}},
	{"patch", []string{"patch/diff"}},
	{"patch/internal/patchtest", nil},
	{"gitrepo", nil},
	{"patch/equiv", []string{"patch", "patch/diff"}},
	{"patch/landed", []string{"patch", "patch/diff", "patch/present"}},
	{"patch/review", nil},
	{"patch/contrib", nil},
	{"patch/stack", []string{"patch", "patch/diff", "patch/equiv", "patch/landed"}},
	{"patch/csource", nil},
	{"patch/flaw", []string{"patch/csource"}},
	{"patch/origin", []string{"patch"}},
	{"patch/read", []string{"patch", "patch/diff", "patch/origin"}},
	{"patch/history", []string{"gitrepo", "patch/equiv", "patch/origin"}},
	{"patch/apply", []string{"patch", "patch/diff", "patch/present"}},
	{"patch/check", []string{"owner", "patch", "patch/apply", "patch/csource", "patch/diff", "patch/flaw", "symbol/btf"}},
	{"patch/send", []string{"owner", "patch", "patch/diff"}},
	{"patch/merge", []string{"patch/diff"}},
	{"patch/plan", []string{"patch", "patch/apply", "patch/diff", "patch/landed", "patch/merge"}},
	{"patch/backport", []string{"gitrepo", "owner", "patch/diff", "patch/equiv", "patch/merge", "patch/origin"}},
	{"vmcore/dump", nil},
	{"vmcore/kernel", []string{"vmcore/dump", "symbol/btf", "symbol/orc", "symbol/kallsyms"}},
	{"vmcore/unwind", []string{"vmcore/kernel", "vmcore/dump", "symbol/orc"}},
	{"vmcore/object", []string{"vmcore/unwind", "vmcore/kernel", "vmcore/dump", "symbol/btf"}},
	{"vmcore", []string{"vmcore/object", "vmcore/unwind", "vmcore/kernel", "vmcore/dump", "symbol/btf", "crash", "klog", "diagnose", "insn"}},
	{"vmcore/filter", []string{"vmcore/object", "vmcore/kernel", "vmcore/dump"}},
	{"vmcore/gdbserver", []string{"vmcore/object", "vmcore/kernel", "vmcore/dump"}},
	{"vmcore/script", []string{"vmcore", "vmcore/object", "vmcore/kernel", "symbol/btf"}},
	{"vmcore/shell", []string{"vmcore", "vmcore/script", "vmcore/object", "vmcore/unwind", "vmcore/kernel", "symbol/btf", "insn"}},
	{"vuln/ranges", nil},
	{"vuln/impact", nil},
	{"vuln/feed", []string{"vuln/ranges", "vuln/impact"}},
	{"vuln/internal/cvetest", []string{"vuln/feed"}},
	{"vuln/index", []string{"vuln/feed", "vuln/impact", "vuln/ranges"}},
	{"vuln/severity", []string{"vuln/feed", "vuln/impact"}},
	{"vuln", []string{"vuln/feed", "vuln/index", "vuln/ranges", "vuln/severity", "kbuild"}},
	{"vuln/changelog", []string{"vuln", "vuln/feed"}},
	{"vuln/commitref", []string{"vuln", "vuln/feed", "patch/origin"}},
	{"vuln/modules", []string{"vuln"}},
	{"vuln/content", []string{"kbuild", "vuln", "vuln/commitref", "vuln/feed", "vuln/ranges", "patch/diff", "patch/present"}},
	{"vuln/sla", []string{"vuln", "vuln/feed", "vuln/severity"}},
	{"vuln/vex", []string{"vuln", "vuln/ranges", "kbuild"}},
	{"vuln/reconcile", []string{"vuln", "vuln/feed", "vuln/ranges"}},

	{"bisect", nil},
	{"stats", nil},
	{"bringup", []string{"klog"}},
	{"ktest", nil},
	{"ktest/flake", nil},
	{"lab/guest/wire", nil},
	{"lab/guest/init", []string{"lab/guest/wire"}},
	{"lab/guest", nil},
	{"lab/canary", nil},
	{"lab/kernel", nil},
	{"lab", []string{"crash", "klog", "lab/guest/wire"}},
	{"lab/reproduce", []string{"lab", "crash"}},

	// The product.
	{"docs", nil},
	{"internal/demo", nil},
	{"internal/fetch", nil},
	{"internal/cvefeed", []string{"internal/fetch", "artefact", "vuln", "vuln/feed", "vuln/index"}},
	{"internal/knownfix", []string{"crash", "owner", "patch/equiv"}},
	{"internal/patchindex", []string{"patch/contrib", "gitrepo", "patch/equiv", "patch/history", "patch/read"}},
	{"internal/patchtools", []string{"patch", "patch/apply", "patch/check", "patch/diff", "patch/send"}},
	{"internal/store", nil},
	{"internal/record", []string{"ktest", "bisect", "stats", "lab", "patch/stack", "patch/review", "patch/contrib", "patch/plan", "internal/store", "artefact", "klog", "crash", "owner", "diagnose", "similar"}},
	{"internal/child", []string{"internal/store"}},
	{"internal/exposure", []string{"internal/record", "internal/store", "inventory", "kbuild", "kbuild/moved", "kconfig", "kconfig/dotconfig", "kconfig/hardening", "kconfig/baseline", "vuln", "vuln/changelog", "vuln/modules", "vuln/ranges", "vuln/severity", "vuln/sla"}},
	{"internal/dumpjob", []string{"internal/record", "internal/child", "internal/store", "artefact", "vmcore", "vmcore/kernel"}},
	{"internal/watch", []string{"crash"}},
	{"internal/recording", []string{"trace/timeline", "profile", "profile/costs", "profile/convert", "profile/flame", "profile/compare", "trace/event", "trace/tracedat", "trace/latency"}},
	{"internal/recordingjob", []string{"internal/record", "internal/recording", "internal/child", "artefact"}},
	{"internal/triage", []string{"internal/knownfix", "internal/recording", "vmcore", "vmcore/kernel", "bundle", "artefact", "klog", "crash", "owner", "diagnose", "symbol"}},
	{"internal/labhost", []string{"lab", "lab/guest", "lab/guest/wire", "lab/canary", "lab/kernel"}},
	{"internal/render", []string{"bringup", "ktest/flake", "lab/reproduce", "bisect", "stats", "lab", "ktest", "kconfig/export", "patch/check", "patch/send", "patch/review", "patch/contrib", "patch/apply", "patch/backport", "patch/plan", "patch", "patch/diff", "patch/equiv", "patch/landed", "patch/stack", "internal/knownfix", "kconfig/hardening", "kconfig/baseline", "kconfig/meaning", "vuln", "vuln/sla", "vuln/reconcile", "vuln/feed", "vuln/impact", "vuln/ranges", "vuln/severity", "kconfig", "kconfig/dotconfig", "kbuild", "internal/recording", "profile", "profile/compare", "probe", "tune", "trace/latency", "trace/usage", "trace/path", "trace/graph", "vmcore", "vmcore/filter", "vmcore/script", "vmcore/object", "vmcore/kernel", "internal/triage", "bundle", "klog", "crash", "owner", "diagnose", "symbol"}},
	{"internal/schema", []string{"bringup", "lab/reproduce", "bisect", "stats", "lab", "ktest", "patch/stack", "vuln", "vmcore", "vmcore/filter", "vmcore/script", "vmcore/shell", "internal/render", "internal/triage", "crash", "owner"}},
	{"internal/server", []string{"lab", "internal/record", "internal/store"}},
	{"internal/web", []string{"ktest", "bisect", "lab", "patch/stack", "internal/record", "internal/recording", "profile", "profile/compare", "profile/convert", "profile/flame", "trace/latency", "klog", "crash", "owner", "diagnose"}},
	{"internal/structure", nil},
	{"internal/cli", []string{
		"bisect", "stats",
		"internal/demo", "internal/store", "internal/record", "internal/recording", "internal/child", "internal/recordingjob", "internal/dumpjob", "internal/triage", "internal/render", "internal/server", "internal/web", "internal/watch",
		"docs", "bundle", "artefact", "klog", "crash", "owner", "diagnose", "insn", "symbol", "similar",
		"profile", "profile/convert", "profile/perfdata", "profile/unwind", "profile/jitdump", "profile/resolve", "profile/compare", "profile/flame", "trace/event", "trace/tracedat", "trace/ftracetext", "trace/report", "trace/latency", "trace/sched", "trace/usage", "trace/path", "trace/graph", "trace/timeline",
		"probe", "probe/boot", "probe/tracefs", "probe/perfevent", "probe/aggregate", "tune",
		"kconfig", "kconfig/dotconfig", "kconfig/hardening", "kconfig/baseline", "kconfig/meaning", "kconfig/export", "kbuild", "kbuild/evidence", "kbuild/moved", "inventory",
		"internal/cvefeed", "internal/fetch", "internal/exposure", "vuln", "vuln/feed", "vuln/ranges", "vuln/severity", "vuln/changelog", "vuln/commitref", "vuln/modules", "vuln/content", "vuln/sla", "vuln/vex", "vuln/reconcile",
		"patch/review", "patch/contrib", "patch", "patch/diff", "patch/read", "gitrepo", "patch/apply", "patch/backport", "patch/plan", "patch/equiv", "patch/landed", "patch/stack", "internal/knownfix", "internal/patchindex",
		"internal/patchtools", "patch/check", "patch/send", "symbol/btf",
		"lab", "lab/reproduce", "bringup", "internal/labhost", "ktest", "ktest/flake",
		"vmcore", "vmcore/object", "vmcore/kernel", "vmcore/dump", "vmcore/gdbserver", "vmcore/shell", "vmcore/script", "vmcore/filter",
	}},
	{"cmd/ringside", []string{"internal/cli"}},

	// Measurements.
	{"bench/bisectsim", []string{"bisect"}},
	{"scripts/movedfiles", []string{"kbuild/moved"}},
	{"scripts/democves", []string{"inventory", "kbuild", "kbuild/moved", "vuln"}},
	{"bench/fixlines", []string{"kbuild", "kbuild/moved", "kconfig/dotconfig", "vuln", "vuln/content", "vuln/feed", "vuln/ranges"}},
	{"bench/flawrecall", []string{"patch/csource", "patch/flaw"}},
	{"bench/flaw", []string{"patch/csource", "patch/flaw"}},
	{"bench/fixcontent", []string{"patch/diff", "patch/present"}},
	{"bench/conformance/crashlog", []string{"crash"}},
	{"bench/conformance/similar", []string{"crash", "similar"}},
}

// libraries are the rooms that stay free of the product: those before it, less
// what only tests use, and symbol, whose business are files and servers.
var libraries = func() (list []string) {
	for _, r := range rooms {
		if r.room == "docs" {
			break
		}
		if r.room != "symbol" && !strings.Contains(r.room, "/internal/") {
			list = append(list, r.room)
		}
	}
	return list
}()

// outside is what a library leaves to its callers: files and networks, logging,
// databases, programs, flags.
var outside = []string{"os", "os/exec", "net", "net/http", "log", "log/slog", "database/sql", "flag", "testing"}

// roomOf returns the room that a package belongs to. What is in a package's own
// internal folder belongs to it; tools under scripts and bench are nobody's.
func roomOf(folder string) string {
	for _, r := range rooms {
		if folder == r.room || strings.HasPrefix(folder, r.room+"/internal/") {
			return r.room
		}
	}
	return ""
}

func TestArrows(t *testing.T) {
	for _, p := range packages(t) {
		from := roomOf(p.room())
		tool := p.Name == "main" && (strings.HasPrefix(p.room(), "scripts/") || strings.HasPrefix(p.room(), "bench/"))
		if from == "" && !tool {
			t.Errorf("%s is a new room: say in internal/structure what it may use", p.room())
			continue
		}
		var uses []string
		for _, r := range rooms {
			if r.room == from {
				uses = r.uses
			}
		}
		for _, path := range p.Imports {
			folder, ours := strings.CutPrefix(path, module+"/")
			if to := roomOf(folder); ours && to != from && !slices.Contains(uses, to) {
				t.Errorf("%s imports %s, which is no arrow of the house", p.room(), folder)
			}
		}
		// Tests may stand on more, but a library is tested without the product.
		if !slices.Contains(libraries, from) {
			continue
		}
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			if strings.HasPrefix(path, module+"/internal/") {
				t.Errorf("a test of the library %s imports %s", p.room(), path)
			}
		}
	}
}

// The table of rooms itself has no arrow outward.
func TestRooms(t *testing.T) {
	var before []string
	for _, r := range rooms {
		for _, u := range r.uses {
			if !slices.Contains(before, u) {
				t.Errorf("%s uses %s, which comes after it", r.room, u)
			}
			if slices.Contains(libraries, r.room) && !slices.Contains(libraries, u) {
				t.Errorf("the library %s uses %s, which is none", r.room, u)
			}
		}
		before = append(before, r.room)
	}
}

// Libraries take readers and contexts; they open nothing themselves, start
// nothing when they are imported and keep nothing between calls.
func TestLibraries(t *testing.T) {
	for _, p := range packages(t) {
		if !slices.Contains(libraries, roomOf(p.room())) || p.Name == "main" {
			continue
		}
		for _, path := range p.Imports {
			// What owner's index is made by reads a kernel tree, as an fs.FS. Helpers of
			// tests open what tests need.
			if strings.Contains(p.room(), "/internal/") && strings.HasSuffix(p.room(), "test") {
				continue
			}
			if slices.Contains(outside, path) {
				t.Errorf("the library %s imports %s", p.room(), path)
			}
		}
		set := token.NewFileSet()
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s has an init function", set.Position(f.Pos()))
				}
			}
		}
	}
}
