package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"ringside/lab/guest/wire"
)

// Job is a recipe that is to be run.
type Job struct {
	Recipe   *Recipe
	Setup    Setup
	Key      []byte    // of the results' line; of this run only
	Watch    Watch     // told what happens
	Terminal *Terminal // of the last step, if the recipe says so
}

// Prepare writes the initramfs of a job.
func (j *Job) Prepare(w io.Writer, contents Opener, init []byte) error {
	r := j.Recipe
	plan := wire.Plan{Key: j.Key, Results: archs[r.Arch].results, Root: wire.Root{Kind: r.Root.Kind, Tag: "root"}, Collect: r.Collect,
		Output: r.Limits.withDefaults().Output, Terminal: r.Terminal}
	if r.Root.Kind == RootDisk {
		plan.Root.Device = "/dev/vda"
	}
	if j.Terminal != nil {
		plan.Rows, plan.Columns = j.Terminal.Rows, j.Terminal.Columns
	}
	for _, s := range r.Steps {
		plan.Steps = append(plan.Steps, wire.Step{Argv: s.Argv, Env: s.Env, Dir: s.Dir})
	}
	if err := writeInitramfs(w, r, contents, init, &plan); err != nil {
		return fmt.Errorf("make the initramfs: %w", err)
	}
	return nil
}

// tick is how often a machine's time is looked at.
const tick = 50 * time.Millisecond

// machine is a run while it lasts.
type machine struct {
	*Job
	host    Host
	limits  Limits
	proc    Process
	monitor *monitor
	console *console
	frames  *wire.Reader
	chunks  chan chunk // what comes over the channels
	open    int        // channels that have not ended

	out     Outcome
	begin   time.Time
	patient *patience
	step    int // that runs, or -1
	files   map[string]*outFile
	failure string
	off     bool   // the init said that all is done
	ended   string // why the machine stands still, by QEMU; "" while it runs
}

// outFile is a file of the run's folder that is being written.
type outFile struct {
	w     io.WriteCloser
	bytes int64
}

// Run boots a job's machine and returns what became of it, when it has ended. The error is
// one of the host's; whatever the guest does is an outcome.
func Run(ctx context.Context, host Host, j *Job) (Outcome, Machine, error) {
	args := j.Recipe.command(&j.Setup)
	info := Machine{QEMU: j.Setup.Version, Args: append([]string{j.Setup.QEMU}, args...), Cmdline: j.Recipe.cmdline(j.Setup.Accel), Accel: j.Setup.Accel,
		CPU: cpuModel(j.Setup.Accel), Reason: j.Setup.Reason, Speed: j.Setup.Speed, Host: j.Setup.Host}
	file, err := host.Create(consoleFile)
	if err != nil {
		return Outcome{}, info, err
	}
	m := &machine{Job: j, host: host, limits: j.Recipe.Limits.withDefaults(), step: -1, files: map[string]*outFile{}, begin: time.Now()}
	m.console = newConsole(file, m.limits.ConsoleKept)
	m.patient = newPatience(m.begin, j.Setup.Speed)
	m.out = Outcome{Timings: []Timing{}, Steps: []StepResult{}, Reports: []Crash{}, Collect: []Output{}, Notes: []string{}, Console: ConsoleStat{File: consoleFile}}
	for i, s := range j.Recipe.Steps {
		m.out.Steps = append(m.out.Steps, StepResult{Name: s.Name, Argv: s.Argv, Exit: -1, Stdout: Output{File: outName(i, false)}, Stderr: Output{File: outName(i, true)}})
	}
	m.phase(PhaseStart)
	if m.proc, err = host.Start(ctx, j.Setup.QEMU, args, channels); err != nil {
		file.Close()
		m.judge(VerdictInfra, "QEMU could not be started: "+err.Error())
		return m.out, info, nil
	}
	defer m.proc.Kill()
	m.follow(ctx)
	if u, err := m.proc.Usage(); err == nil {
		m.patient.tick(time.Now(), u)
		m.out.CPU = u.CPU
	}
	m.proc.Kill()
	<-m.proc.Done()
	m.out.Elapsed, m.out.Machine = time.Since(m.begin), m.patient.machine
	return m.out, info, m.finish()
}

const consoleFile = "console.log"

func outName(step int, stderr bool) string {
	if stderr {
		return fmt.Sprintf("step-%d.stderr", step+1)
	}
	return fmt.Sprintf("step-%d.stdout", step+1)
}

// chunk is what came over a channel.
type chunk struct {
	console []byte
	frame   wire.Frame
	ended   bool // of the channel
}

// pump passes what comes over a channel on, until it ends or the run does.
func (m *machine) pump(done <-chan struct{}) {
	pass := func(c chunk) bool {
		select {
		case m.chunks <- c:
			return true
		case <-done:
			return false
		}
	}
	go func() {
		// A serial line comes byte by byte: what was read is copied, not the buffer given
		// away.
		r, b := m.proc.Channel(0), make([]byte, 32<<10)
		for {
			n, err := r.Read(b)
			if n > 0 && !pass(chunk{console: bytes.Clone(b[:n])}) || err != nil {
				pass(chunk{ended: true})
				return
			}
		}
	}()
	go func() {
		for {
			f, err := m.frames.Next()
			if err != nil {
				pass(chunk{ended: true})
				return
			}
			f.Payload = append([]byte(nil), f.Payload...)
			if !pass(chunk{frame: f}) {
				return
			}
		}
	}()
}

// follow stays with the machine until it has ended, one way or the other.
func (m *machine) follow(ctx context.Context) {
	done := make(chan struct{})
	defer close(done)
	m.chunks, m.open = make(chan chunk, 64), 2
	m.frames = wire.NewReader(m.proc.Channel(1), m.Key)
	m.pump(done)
	m.monitor = listen(m.proc.Channel(2))
	ready, err := m.monitor.ask("qmp_capabilities", nil)
	if err != nil {
		ready = nil
	}
	if m.Terminal != nil {
		go m.typing(done)
	}
	clock := time.NewTicker(tick)
	defer clock.Stop()
	for m.out.Verdict == "" {
		select {
		case <-ctx.Done():
			m.stop(VerdictInterrupted, "it was ended from outside: "+context.Cause(ctx).Error())
		case <-ready:
			ready = nil
			m.phase(PhaseFirmware)
			m.patient.progress(false)
		case c := <-m.chunks:
			m.take(c)
		case e := <-m.monitor.events:
			m.event(e)
		case <-m.proc.Done():
			m.hear()
			m.gone()
		case now := <-clock.C:
			m.look(now)
		}
		if m.ended != "" && m.out.Verdict == "" {
			m.settle(clock.C)
		}
	}
}

// settle ends a machine that stands still, and hears all that it has said before.
func (m *machine) settle(clock <-chan time.Time) {
	if !m.off && m.wantsDump() {
		// Whether it died has to be known before it is gone: what it said is on its way.
		m.drain(clock)
		if !m.off {
			m.dump()
		}
	}
	if _, err := m.monitor.ask("quit", nil); err != nil {
		m.proc.Kill()
	}
	// Its channels end with QEMU, behind the last byte.
	for n := 0; m.open > 0; {
		select {
		case c := <-m.chunks:
			m.take(c)
		case <-clock:
			if n++; n == quitTicks {
				m.proc.Kill()
			}
		}
	}
	if m.off {
		m.out.Vmcore = nil // it did not die after all
	}
	m.conclude()
}

const (
	// quietTicks is how many looks without a byte end the wait for what a machine that is to
	// be dumped has said.
	quietTicks = 6
	// quitTicks is how many looks QEMU has to end when it is told to.
	quitTicks = 200
)

// drain takes what a machine that stands still has said, until nothing comes.
func (m *machine) drain(clock <-chan time.Time) {
	for quiet := 0; m.open > 0 && quiet < quietTicks; {
		select {
		case c := <-m.chunks:
			quiet = 0
			m.take(c)
		case <-clock:
			quiet++
		}
	}
}

// hear takes all that a QEMU that is gone has said.
func (m *machine) hear() {
	for m.open > 0 {
		m.take(<-m.chunks)
	}
}

// take is what a guest says.
func (m *machine) take(c chunk) {
	switch {
	case c.ended:
		m.open--
	case c.console != nil:
		if m.console.bytes == 0 && phaseIndex(m.out.Phase) < phaseIndex(PhaseBoot) {
			m.phase(PhaseBoot)
		}
		_, _ = m.console.Write(c.console)
		m.patient.progress(false)
		if m.Watch.Console != nil {
			m.Watch.Console(c.console)
		}
		if m.console.bytes > m.limits.Console && m.out.Verdict == "" {
			m.stop(VerdictFlood, fmt.Sprintf("the console was more than %d bytes", m.limits.Console))
		}
	default:
		m.patient.progress(true)
		m.frame(c.frame)
	}
}

// frame is what the init says.
func (m *machine) frame(f wire.Frame) {
	switch f.Type {
	case wire.TypeHello:
		m.phase(PhaseInit)
		if is := string(f.Payload); m.Recipe.Release != "" && is != m.Recipe.Release {
			m.note("the kernel calls itself " + is + ", the recipe says " + m.Recipe.Release)
		}
	case wire.TypeNote:
		m.note(string(f.Payload))
	case wire.TypeReady:
		m.phase(PhaseTest)
	case wire.TypeBegun:
		if n := wire.ParseNumber(f.Payload); n >= 0 && n < len(m.out.Steps) {
			m.step = n
			if m.Watch.Step != nil {
				m.Watch.Step(n)
			}
		}
	case wire.TypeStdout, wire.TypeStderr:
		m.output(f.Type == wire.TypeStderr, f.Payload)
	case wire.TypeEnded:
		var e wire.Ended
		if e.Decode(f.Payload) != nil || e.Step < 0 || e.Step >= len(m.out.Steps) {
			return
		}
		s := &m.out.Steps[e.Step]
		s.Done, s.Exit, s.Signal, s.Error, s.Took = true, e.Exit, e.Signal, e.Error, time.Duration(e.Took)
		s.Stdout.Lost = e.Lost
		m.step = -1
		if e.Step == len(m.out.Steps)-1 {
			m.phase(PhaseOff)
		}
	case wire.TypeFile:
		m.write(collectFile, f.Payload)
	case wire.TypeFailure:
		m.failure = string(f.Payload)
	case wire.TypeOff:
		m.off = true
		m.phase(PhaseEnded)
	}
}

const collectFile = "collected.tar"

func (m *machine) output(stderr bool, b []byte) {
	if m.step < 0 {
		return
	}
	s := &m.out.Steps[m.step]
	o := &s.Stdout
	if stderr {
		o = &s.Stderr
	}
	if m.write(o.File, b) {
		o.Bytes += int64(len(b))
	}
	if m.Watch.Output != nil {
		m.Watch.Output(m.step, stderr, b)
	}
}

// write appends to a file of the run's folder.
func (m *machine) write(name string, b []byte) bool {
	f := m.files[name]
	if f == nil {
		w, err := m.host.Create(name)
		if err != nil {
			m.note(name + ": " + err.Error())
			return false
		}
		f = &outFile{w: w}
		m.files[name] = f
	}
	n, err := f.w.Write(b)
	f.bytes += int64(n)
	if err != nil {
		m.note(name + ": " + err.Error())
	}
	return err == nil
}

func (m *machine) note(text string) {
	const most = 100
	if len(m.out.Notes) < most {
		m.out.Notes = append(m.out.Notes, text)
	}
}

// event is what QEMU says.
func (m *machine) event(e event) {
	switch e.Event {
	case "SHUTDOWN":
		m.ended = e.Data.Reason
	case "GUEST_PANICKED":
		m.ended = "guest-panic"
	}
}

// phase is told when a phase is reached; none is reached twice.
func (m *machine) phase(p Phase) {
	if m.out.Phase != "" && phaseIndex(p) <= phaseIndex(m.out.Phase) {
		return
	}
	m.out.Phase = p
	m.out.Timings = append(m.out.Timings, Timing{Phase: p, At: time.Since(m.begin), Machine: m.patient.machine})
	if m.Watch.Phase != nil {
		m.Watch.Phase(p)
	}
}

func phaseIndex(p Phase) int {
	for i, x := range Phases() {
		if x == p {
			return i
		}
	}
	return -1
}

// look tells whether patience is over.
func (m *machine) look(now time.Time) {
	u, err := m.proc.Usage()
	if err != nil {
		return // it is gone; Done tells
	}
	m.patient.tick(now, u)
	limit, init := m.allowed()
	what := m.patient.over(limit, init)
	if what == "" || m.Terminal != nil && m.out.Phase == PhaseTest {
		return
	}
	if m.off {
		m.note("the guest did not switch itself off after all was done; it was ended")
		m.ended = "off"
		return
	}
	if m.step >= 0 {
		what += ", while step " + fmt.Sprint(m.step+1) + " (" + strings.Join(m.Recipe.Steps[m.step].Argv, " ") + ") ran"
	}
	m.stop(VerdictHung, what)
}

// allowed is how long a machine may be silent in its phase, and whether the init is to be
// heard by then.
func (m *machine) allowed() (seconds float64, init bool) {
	switch m.out.Phase {
	case PhaseStart, PhaseFirmware:
		return m.limits.Firmware, false
	case PhaseBoot:
		return m.limits.Boot, true
	case PhaseInit:
		return m.limits.Init, true
	case PhaseTest:
		if m.step >= 0 && m.Recipe.Steps[m.step].Patience > 0 {
			return m.Recipe.Steps[m.step].Patience, true
		}
		return m.limits.Test, true
	}
	return m.limits.Off, true
}

// gone is the end of a QEMU that ended by itself.
func (m *machine) gone() {
	if m.off || m.out.Verdict != "" {
		m.conclude()
		return
	}
	m.judge(VerdictInfra, "QEMU ended: "+m.proc.Said())
}

// typing passes what a person types.
func (m *machine) typing(done <-chan struct{}) {
	w := wire.NewWriter(m.proc.Channel(1), m.Key)
	typed := make(chan []byte)
	go func() {
		for {
			b := make([]byte, 4096)
			n, err := m.Terminal.Input.Read(b)
			if n > 0 {
				select {
				case typed <- b[:n]:
				case <-done:
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	for {
		var err error
		select {
		case <-done:
			return
		case b := <-typed:
			err = w.Write(wire.TypeInput, b)
		case s := <-m.Terminal.Resized:
			err = w.Write(wire.TypeSize, []byte{byte(s[0] >> 8), byte(s[0]), byte(s[1] >> 8), byte(s[1])})
		}
		if err != nil {
			return
		}
	}
}

// finish closes the files.
func (m *machine) finish() error {
	errs := []error{m.console.finish()}
	for name, f := range m.files {
		errs = append(errs, f.w.Close())
		if name == collectFile {
			m.out.Collect = append(m.out.Collect, Output{File: name, Bytes: f.bytes})
		}
	}
	m.out.Console.Bytes, m.out.Console.Lost, m.out.Console.Lines = m.console.bytes, m.console.lost(), m.console.lines
	m.out.Forged = m.frames.Forged
	return errors.Join(errs...)
}
