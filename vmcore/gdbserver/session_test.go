package gdbserver

import (
	"bufio"
	"debug/elf"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
)

type duplex struct {
	io.Reader
	io.Writer
}

func packet(body string) string {
	sum := byte(0)
	for i := range len(body) {
		sum += body[i]
	}
	return fmt.Sprintf("$%s#%02x", body, sum)
}

// fakeTarget has two threads and one page of memory.
func fakeTarget() *target {
	t := &target{machine: elf.EM_X86_64, first: 1, text: 0xffffffff81000000}
	t.add(thread{idleThreads, "swapper/0", "state R, on CPU 0", func() map[string]uint64 { return nil }})
	t.add(thread{7, "a<b", "state D", func() map[string]uint64 { return map[string]uint64{"rip": 0x1122334455667788, "rbx": 1} }})
	t.add(thread{7, "twice", "", nil})
	t.read = func(p []byte, addr uint64) int {
		n := 0
		for ; n < len(p) && addr >= 0x1000 && addr < 0x2000; n++ {
			p[n], addr = byte(addr), addr+1
		}
		return n
	}
	t.monitor = func(w io.Writer, command string) error {
		_, err := fmt.Fprintf(w, "you said %s\n", command)
		return err
	}
	return t
}

// converse sends packets and returns the answers, of which a command may have
// several.
func converse(t *testing.T, s *target, packets ...string) []string {
	t.Helper()
	var in, out strings.Builder
	for _, p := range packets {
		in.WriteString(packet(p))
	}
	if err := newSession(s, duplex{strings.NewReader(in.String()), &out}).serve(t.Context()); err != nil {
		t.Fatal(err)
	}
	var answers []string
	for r := bufio.NewReader(strings.NewReader(out.String())); ; {
		p, err := readPacket(r)
		if errors.Is(err, io.EOF) {
			return answers
		}
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, p)
	}
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct{ ask, want string }{
		{"?", "T05thread:7;"},
		{"qC", "QC7"},
		{"qAttached", "1"},
		{"qfThreadInfo", "m40000000,7"},
		{"qsThreadInfo", "l"},
		{"qThreadExtraInfo,7", hex.EncodeToString([]byte("a<b, state D"))},
		{"qThreadExtraInfo,8", "E01"},
		{"qOffsets", "TextSeg=ffffffff81000000"},
		{"qSymbol::", "OK"},
		{"p10", "8877665544332211"},
		{"p0", "xxxxxxxxxxxxxxxx"},
		{"pffff", "E01"},
		{"m1000,4", "00010203"},
		{"m1ffe,10", "feff"}, // what is there of it
		{"m2000,4", "E01"},
		{"m1000", "E01"},
		{"x1022,4", "b\"}\x03}\x04%"}, // '#' and '$'
		{"x1000,0", "b"},
		{"Hg7", "OK"},
		{"Hg0", "OK"},
		{"Hc-1", "OK"},
		{"Hg9", "E01"},
		{"H", "E01"},
		{"T7", "OK"},
		{"T9", "E01"},
		{"G00", "E01"},
		{"P0=00", "E01"},
		{"M1000,1:00", "E01"},
		{"X1000,0:", "E01"},
		{"Z0,1000,1", "E01"},
		{"c", "T11thread:7;"},
		{"s", "T11thread:7;"},
		{"vCont?", "vCont;c;C;s;S"},
		{"vCont;s:7", "T11thread:7;"},
		{"vMustReplyEmpty", ""},
		{"qXfer:features:read:other.xml:0,100", "E00"},
		{"qXfer:features:read:target.xml:zz,100", "E01"},
		{"qXfer:auxv:read::0,100", ""},
		{"QNonStop:1", ""},
		{"", ""},
		{"k", "OK"},
	} {
		if got := converse(t, fakeTarget(), c.ask); len(got) != 1 || got[0] != c.want {
			t.Errorf("%q is answered %q, want %q", c.ask, got, c.want)
		}
	}
}

func TestErrorsSayWhy(t *testing.T) {
	got := converse(t, fakeTarget(), "qSupported:error-message+", "M1000,1:00", "m0,8")
	if want := []string{"E.a dump cannot be changed", "E.the dump has no memory at 0x0"}; !slices.Equal(got[1:], want) {
		t.Errorf("%q, want %q", got[1:], want)
	}
}

func TestDetachEnds(t *testing.T) {
	if got := converse(t, fakeTarget(), "D", "?"); !slices.Equal(got, []string{"OK"}) {
		t.Errorf("after a detach: %q", got)
	}
}

func TestMonitor(t *testing.T) {
	got := converse(t, fakeTarget(), "qRcmd,"+hex.EncodeToString([]byte("log")))
	if want := []string{"O" + hex.EncodeToString([]byte("you said log\n")), "OK"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Acknowledgements end after QStartNoAckMode, and what did not arrive is sent
// again.
func TestAcks(t *testing.T) {
	var out strings.Builder
	in := packet("qC") + "-" + "$qC#00" + packet("QStartNoAckMode") + packet("qC")
	if err := newSession(fakeTarget(), duplex{strings.NewReader(in), &out}).serve(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := "+" + packet("QC7") + packet("QC7") + "-+" + packet("OK") + packet("QC7"); out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// TestDescriptions: the XML has every register of the 'g' packet, in its order,
// and comes in parts as well.
func TestDescriptions(t *testing.T) {
	for machine, size := range map[elf.Machine]int{elf.EM_X86_64: 16*8 + 8 + 7*4 + 8*10 + 8*4 + 16, elf.EM_AARCH64: 33*8 + 4} {
		tt := fakeTarget()
		tt.machine = machine
		var text strings.Builder
		for {
			got := converse(t, tt, fmt.Sprintf("qXfer:features:read:target.xml:%x,100", text.Len()))[0]
			text.WriteString(got[1:])
			if got[0] == 'l' {
				break
			}
		}
		var d struct {
			Features []struct {
				Regs []struct {
					Name string `xml:"name,attr"`
					Bits int    `xml:"bitsize,attr"`
				} `xml:"reg"`
			} `xml:"feature"`
		}
		if err := xml.Unmarshal([]byte(text.String()), &d); err != nil {
			t.Fatalf("%v\n%s", err, text.String())
		}
		bytes := 0
		for _, f := range d.Features {
			for _, r := range f.Regs {
				bytes += r.Bits / 8
			}
		}
		if g := converse(t, tt, "g")[0]; bytes != size || len(g) != 2*size {
			t.Errorf("%s: %d bytes are described and %d sent, want %d", machine, bytes, len(g)/2, size)
		}
	}
	if _, _, err := features(elf.EM_S390); err == nil {
		t.Error("registers of a machine that nobody described")
	}
}

func corpusKernel(t *testing.T, name string) (*kernel.Kernel, string) {
	t.Helper()
	dir := os.Getenv("RINGSIDE_CORPUS")
	if dir == "" {
		t.Skip("SKIPPED: RINGSIDE_CORPUS is not set; set it to the corpus of real dumps")
	}
	path := filepath.Join(dir, "vmcore", name)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	d, err := dump.Open([]dump.Input{{Name: path, R: f, Size: st.Size()}}, dump.Options{})
	if err != nil {
		t.Fatal(err)
	}
	k, err := kernel.Open(t.Context(), d, kernel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return k, path
}

// TestDump: a real dump has its tasks as threads, with the registers that the
// notes and the scheduler saved.
func TestDump(t *testing.T) {
	k, _ := corpusKernel(t, "hang.kdump-zlib-d31")
	tt, err := newTarget(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	if len(tt.threads) != 69 { // 67 as drgn counts them, and two idle ones
		t.Errorf("%d threads, want 69", len(tt.threads))
	}
	i, ok := tt.byID[110]
	if !ok || !strings.HasPrefix(tt.threads[i].note, "state D, off CPU for ") {
		t.Fatalf("thread 110: %v %+v", ok, tt.threads)
	}
	regs := tt.threads[i].regs()
	if loc, ok := k.Locate(regs["rip"]); !ok || loc.Symbol != "__schedule" {
		t.Errorf("a blocked task is in %v", loc)
	}
	word := make([]byte, 16)
	if n := tt.read(word, regs["rsp"]-8); n != 16 || k.Order.Uint64(word) != regs["rip"] {
		t.Errorf("below the stack pointer is %x (%d bytes), not the return address %#x", word, n, regs["rip"])
	}
	for _, id := range []int{idleThreads, idleThreads + 1} {
		if len(tt.threads[tt.byID[id]].regs()) == 0 {
			t.Errorf("the idle task %#x has no registers", id)
		}
	}
	var out strings.Builder
	if err := tt.monitor(&out, "stack 110"); err != nil || !regexp.MustCompile(`(?s)__schedule.*mutex_lock.*\[klab\].*kthread`).MatchString(out.String()) {
		t.Errorf("monitor stack: %v\n%s", err, out.String())
	}
}

// TestGDB lets gdb itself look at a dump.
func TestGDB(t *testing.T) {
	gdb, err := exec.LookPath("gdb")
	if err != nil {
		t.Skip("SKIPPED: gdb is not installed")
	}
	k, _ := corpusKernel(t, "hang.kdump-zlib-d31")
	// gdb gets both ends of a pair of FIFOs through a tiny relay that it starts.
	dir := t.TempDir()
	for _, name := range []string{"in", "out"} {
		if err := exec.Command("mkfifo", filepath.Join(dir, name)).Run(); err != nil {
			t.Skip("SKIPPED: mkfifo: ", err)
		}
	}
	served := make(chan error, 1)
	go func() {
		in, err := os.Open(filepath.Join(dir, "in"))
		if err != nil {
			served <- err
			return
		}
		defer in.Close()
		out, err := os.OpenFile(filepath.Join(dir, "out"), os.O_WRONLY, 0)
		if err != nil {
			served <- err
			return
		}
		defer out.Close()
		served <- Serve(t.Context(), k, duplex{in, out})
	}()
	cmd := exec.CommandContext(t.Context(), gdb, "-nx", "-batch",
		"-ex", "set pagination off",
		"-ex", fmt.Sprintf("target remote | sh -c 'cat <%s & exec cat >%s'", filepath.Join(dir, "out"), filepath.Join(dir, "in")),
		"-ex", "info threads", "-ex", "thread find klab-abba-1", "-ex", "thread apply all -q p $rip", "-ex", "x/2gx $rsp", "-ex", "stepi", "-ex", "detach")
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, want := range []string{`"klab-abba-1" \(state D, off CPU for 2`, `state R, on CPU 1`, `0xffff[0-9a-f]{12}:\s+0x[0-9a-f]{16}`, `SIGSTOP`} {
		if !regexp.MustCompile(want).Match(text) {
			t.Errorf("gdb does not say %q:\n%s", want, text)
		}
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
