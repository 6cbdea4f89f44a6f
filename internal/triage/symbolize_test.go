package triage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"ringside/crash"
	"ringside/symbol"
)

const symbolLog = `[    0.000000] Linux version 6.99.0-ringside (builder@example) (gcc (Debian)) #1 SMP Ringside 6.99.0-1
[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000008
[    1.000003] Oops: 0000 [#1] PREEMPT SMP
[    1.000004] CPU: 0 PID: 1 Comm: init Not tainted 6.99.0-ringside #1
[    1.000005] RIP: 0010:deref+0x4/0x20
[    1.000006] Call Trace:
[    1.000007]  <TASK>
[    1.000009]  twin+0x3/0x10
[    1.000010]  middle+0x23/0x30
[    1.000011]  xfs_iget+0x10/0x20 [xfs]
[    1.000012]  </TASK>
[    1.000014] ---[ end trace 0000000000000000 ]---
`

// kernelSymbols is the tiny kernel of the symbol package.
func kernelSymbols(t *testing.T) *symbol.Resolver {
	t.Helper()
	f, err := symbol.OpenPath("../../symbol/testdata/kernel.elf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &symbol.Resolver{Files: []*symbol.File{f}}
}

func frameList(frames []crash.Frame) string {
	var b strings.Builder
	for _, f := range frames {
		fmt.Fprintf(&b, "%s+%#x %s:%d inline=%v log=%d\n", f.Function, f.Offset, f.File, f.Line, f.Inline, f.LogLine)
	}
	return b.String()
}

func TestAnnotate(t *testing.T) {
	doc, err := crash.Parse(t.Context(), strings.NewReader(symbolLog), crash.Options{})
	if err != nil || len(doc.Reports) != 1 {
		t.Fatalf("%d reports, %v", len(doc.Reports), err)
	}
	before := doc.Reports[0].Signature
	st, err := Annotate(t.Context(), doc, "", kernelSymbols(t))
	if err != nil {
		t.Fatal(err)
	}
	want := `thing_count+0x0 small.h:9 inline=true log=5
thing_next_count+0x0 small.h:14 inline=true log=5
deref+0x4 kernel.c:26 inline=false log=5
twin+0x3 :0 inline=false log=8
middle+0x23 kernel.c:34 inline=false log=9
xfs_iget+0x10 :0 inline=false log=10
`
	r := &doc.Reports[0]
	if got := frameList(r.Frames); got != want {
		t.Errorf("frames\n%s\nwant\n%s", got, want)
	}
	if want := (SymbolStats{Frames: 4, Resolved: 3, Placed: 3, Ambiguous: 1, Inlined: 2, Unknown: 1}); st != want {
		t.Errorf("stats %+v, want %+v", st, want)
	}
	if r.Guilty == nil || r.Guilty.Function != "deref" || r.Guilty.File != "kernel.c" || r.Guilty.Line != 26 {
		t.Errorf("guilty %+v", r.Guilty)
	}
	if fmt.Sprint(before) != fmt.Sprint(r.Signature) {
		t.Errorf("the signature changed from %+v to %+v", before, r.Signature)
	}
	// What has its places is left alone.
	again, err := Annotate(t.Context(), doc, "", kernelSymbols(t))
	if err != nil || again.Frames != 2 || frameList(r.Frames) != want {
		t.Errorf("a second time: %+v, %v\n%s", again, err, frameList(r.Frames))
	}
}

func TestAnnotateRefuses(t *testing.T) {
	doc, err := crash.Parse(t.Context(), strings.NewReader(symbolLog), crash.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := frameList(doc.Reports[0].Frames)
	st, err := Annotate(t.Context(), doc, strings.Repeat("ab", 20), kernelSymbols(t))
	if err != nil || st.Refused != 3 || st.Resolved != 0 {
		t.Errorf("%+v, %v", st, err)
	}
	if got := frameList(doc.Reports[0].Frames); got != want {
		t.Errorf("frames\n%s\nwant\n%s", got, want)
	}
}

// A document is changed as a whole or not at all.
func TestAnnotateCancelled(t *testing.T) {
	doc, err := crash.Parse(t.Context(), strings.NewReader(symbolLog), crash.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := frameList(doc.Reports[0].Frames)
	ctx, cancel := context.WithCancel(t.Context())
	src := cancelling{kernelSymbols(t), cancel}
	if _, err := Annotate(ctx, doc, "", src); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if got := frameList(doc.Reports[0].Frames); got != want {
		t.Errorf("frames\n%s\nwant\n%s", got, want)
	}
}

// cancelling cancels with its first answer.
type cancelling struct {
	symbol.Source
	cancel func()
}

func (c cancelling) Resolve(ctx context.Context, q symbol.Query) ([]symbol.Answer, error) {
	defer c.cancel()
	return c.Source.Resolve(ctx, q)
}

// Every frame of a real oops gets a place from the kernel that printed it.
func TestSymbolizeVmlinux(t *testing.T) {
	vmlinux, corpus := os.Getenv("RINGSIDE_VMLINUX"), os.Getenv("RINGSIDE_CORPUS")
	if vmlinux == "" || corpus == "" {
		t.Skip("SKIPPED: needs RINGSIDE_VMLINUX (vmlinux of 6.1.0-56-cloud-amd64 with debug information) and RINGSIDE_CORPUS")
	}
	f, err := symbol.OpenPath(vmlinux)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	log, err := os.Open(corpus + "/crashlog/lab/vmcore-oops.console")
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	defer log.Close()
	doc, err := crash.Parse(t.Context(), log, crash.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if release := doc.Reports[0].Kernel; f.Identity().Release != release {
		t.Skipf("SKIPPED: RINGSIDE_VMLINUX is %s, the log is of %s", f.Identity().Release, release)
	}
	st, err := Annotate(t.Context(), doc, "", &symbol.Resolver{Files: []*symbol.File{f}})
	if err != nil || st.Placed != 3 || st.Refused != 0 {
		t.Errorf("%+v, %v", st, err)
	}
	last := doc.Reports[0].Frames[len(doc.Reports[0].Frames)-1]
	if last.Function != "ret_from_fork" || last.File != "arch/x86/entry/entry_64.S" || last.Line != 295 {
		t.Errorf("last frame %+v", last)
	}
}
