package lab

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"ringside/crash"
)

// conclude judges a machine that stands still: it switched itself off, or was restarted.
func (m *machine) conclude() {
	if m.off {
		m.judgeSteps()
		return
	}
	reason := "the machine restarted (" + m.ended + ") without a word of the kernel why"
	switch {
	case m.failure != "":
		m.judgeRecipe("the guest's init could not do what the recipe asks: " + m.failure)
		return
	case m.ended == "guest-shutdown":
		m.judge(VerdictFailed, "the guest switched itself off before its steps were done")
		return
	case m.step >= 0:
		reason = fmt.Sprintf("the kernel died while step %d (%s) ran", m.step+1, strings.Join(m.Recipe.Steps[m.step].Argv, " "))
	case m.out.Phase == PhaseBoot || m.out.Phase == PhaseFirmware:
		reason = "the kernel died while it booted"
	}
	m.judge(VerdictCrashed, reason)
}

func (m *machine) judgeSteps() {
	if m.failure != "" {
		m.judgeRecipe("the guest's init could not do what the recipe asks: " + m.failure)
		return
	}
	for i := range m.out.Steps {
		s := &m.out.Steps[i]
		switch {
		case !s.Failed():
			continue
		case s.Error != "":
			m.judgeRecipe(fmt.Sprintf("step %d could not be started: %s", i+1, s.Error))
		case s.Signal != 0:
			m.judge(VerdictFailed, fmt.Sprintf("signal %d ended step %d (%s)", s.Signal, i+1, strings.Join(s.Argv, " ")))
		default:
			m.judge(VerdictFailed, fmt.Sprintf("step %d (%s) returned %d", i+1, strings.Join(s.Argv, " "), s.Exit))
		}
		return
	}
	switch len(m.out.Steps) {
	case 0:
		m.judge(VerdictOK, "it booted and switched itself off")
	case 1:
		m.judge(VerdictOK, "the step returned 0")
	default:
		m.judge(VerdictOK, fmt.Sprintf("all %d steps returned 0", len(m.out.Steps)))
	}
}

// judgeRecipe blames the recipe: it asks for what it does not bring, and will not end
// otherwise another time.
func (m *machine) judgeRecipe(reason string) {
	if m.out.Verdict == "" {
		m.judge(VerdictInfra, reason)
		m.out.Retry = false
	}
}

func (m *machine) judge(v Verdict, reason string) {
	if m.out.Verdict == "" {
		m.out.Verdict, m.out.Reason, m.out.Retry = v, reason, v == VerdictInfra || v == VerdictInterrupted
	}
}

// stop ends a machine that does not end by itself. One that hangs is first asked what it
// is doing.
func (m *machine) stop(v Verdict, reason string) {
	if v == VerdictHung && phaseIndex(m.out.Phase) >= phaseIndex(PhaseBoot) {
		m.interrogate()
	}
	m.judge(v, reason)
	if v == VerdictHung {
		m.dump()
	}
}

// interrogate lets the kernel of a machine that hangs say where its CPUs and its blocked
// tasks are, if it still can: magic SysRq over the console's line.
func (m *machine) interrogate() {
	for _, key := range []string{"w", "l"} {
		if m.monitor.do("chardev-send-break", map[string]string{"id": "console"}) != nil {
			return
		}
		if _, err := io.WriteString(m.proc.Channel(0), key); err != nil {
			return
		}
		m.listenFor(time.Second)
	}
}

// listenFor takes what comes until nothing has for a while of the host's time. The reader
// of the console goes on by itself; here only its chunks are awaited.
func (m *machine) listenFor(quiet time.Duration) {
	timer := time.NewTimer(quiet)
	defer timer.Stop()
	for i := 0; i < 4096; i++ { // a kernel that never stops answering is not listened to for ever
		select {
		case c := <-m.chunks:
			m.take(c)
			timer.Reset(quiet)
		case <-timer.C:
			return
		case <-m.proc.Done():
			return
		}
	}
}

// dump writes the memory of a machine that has died or hangs, where the recipe wants it.
func (m *machine) dump() {
	if !m.wantsDump() {
		return
	}
	err := m.monitor.do("stop", nil)
	if err == nil {
		err = m.monitor.do("dump-guest-memory", map[string]any{"paging": false, "protocol": "file:" + m.Setup.Dump, "format": "kdump-zlib"})
	}
	o := Output{File: vmcoreFile, What: "the machine's memory"}
	if err != nil {
		o.Error = err.Error()
	} else if o.Bytes, err = m.host.Size(vmcoreFile); err != nil {
		o.Error = err.Error()
	}
	m.out.Vmcore = &o
}

func (m *machine) wantsDump() bool { return m.Recipe.Vmcore == VmcoreCrash && m.Setup.Dump != "" }

const vmcoreFile = "vmcore"

// DumpFile is the name of a run's dump in its folder.
const DumpFile = vmcoreFile

// ReadConsole finds what the kernel complained about, and lets it speak for the outcome: a
// crash that has a report has a reason.
func (o *Outcome) ReadConsole(ctx context.Context, r io.Reader, survive bool) error {
	doc, err := crash.Parse(ctx, r, crash.Options{})
	if doc == nil {
		return err
	}
	for i := range doc.Reports {
		o.Reports = append(o.Reports, brief(&doc.Reports[i]))
	}
	speaker := speaker(doc.Reports)
	if speaker < 0 {
		return err
	}
	c := o.Reports[speaker]
	switch fault := weight(&doc.Reports[speaker]) >= faulty; {
	case o.Verdict == VerdictCrashed || o.Verdict == VerdictHung || o.Verdict == VerdictFlood:
		o.Crash = &c
	case survive && fault && (o.Verdict == VerdictOK || o.Verdict == VerdictFailed):
		o.Verdict, o.Reason, o.Crash = VerdictCrashed, "the kernel went on after it had reported: "+c.Title, &c
	}
	if o.Crash != nil && o.Phase == PhaseBoot && strings.Contains(c.Headline, "timer doesn't work") {
		o.Retry = true // emulation on a busy host is known for it
	}
	return err
}

// speaker is the report that a run is about: of those that no other caused, the first of
// the gravest.
func speaker(reports []crash.Report) int {
	best := -1
	for i := range reports {
		if reports[i].CausedBy == nil && (best < 0 || weight(&reports[i]) > weight(&reports[best])) {
			best = i
		}
	}
	return best
}

// faulty is the weight of what a kernel must not do, even if it survives it.
const faulty = 2

// weight orders reports by what they did to the machine.
func weight(r *crash.Report) int {
	switch r.Impact {
	case "panic", "oops":
		return 3
	case "hang", "error":
		return faulty
	case "warning":
		return 1
	}
	return 0
}

func brief(r *crash.Report) Crash {
	c := Crash{Kind: r.Kind, Title: r.Title, Headline: r.Headline, Impact: r.Impact, Panicked: r.Panicked, Line: r.Lines.First, Signature: r.Signature}
	if r.Guilty != nil {
		c.Guilty = r.Guilty.Function
	}
	return c
}
