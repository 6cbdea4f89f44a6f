package bringup

import (
	"compress/gzip"
	"io"
	"os"
	"strings"
	"testing"
)

func cloud(t testing.TB) string {
	t.Helper()
	f, err := os.Open("testdata/cloud.log.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A real boot: all its initcalls are read.
func TestCloud(t *testing.T) {
	text := cloud(t)
	r, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(text, "] initcall "); len(r.Calls) != n || n < 500 {
		t.Errorf("%d initcalls, the log has %d", len(r.Calls), n)
	}
	if !strings.HasSuffix(r.Kernel, "-cloud-amd64") || !strings.Contains(r.Machine, "QEMU") || !strings.Contains(r.Cmdline, "initcall_debug") || r.Init < 500_000 || len(r.Marks) < 3 {
		t.Errorf("%s on %s, %q, init at %d, %v", r.Kernel, r.Machine, r.Cmdline, r.Init, r.Marks)
	}
	c := Compare([]*Report{r}, []*Report{r})
	if len(c.Slower)+len(c.Faster)+len(c.Appeared)+len(c.Gone)+len(c.Failing) > 0 || c.BaseInit != r.Init {
		t.Errorf("a boot differs from itself: %+v", c)
	}
}

func TestTroubles(t *testing.T) {
	for text, want := range map[string]Trouble{
		"platform 12340000.spi: deferred probe pending":                                          {Kind: Deferred, Device: "12340000.spi"},
		"mydrv: probe of 4000.i2c failed with error -110":                                        {Kind: ProbeFailed, Device: "4000.i2c", Errno: "ETIMEDOUT"},
		"mydrv 4000.i2c: probe with driver mydrv failed with error -2":                           {Kind: ProbeFailed, Device: "4000.i2c", Errno: "ENOENT"},
		"iwlwifi 0000:02:00.0: Direct firmware load for iwlwifi-9000.ucode failed with error -2": {Kind: Firmware, Device: "0000:02:00.0", Errno: "ENOENT"},
		"bluetooth hci0: firmware: failed to load intel/ibt.sfi (-2)":                            {Kind: Firmware, Device: "hci0", Errno: "ENOENT"},
		"irq 19: nobody cared (try booting with the \"irqpoll\" option)":                         {Kind: IRQ, Device: "19"},
		"pci 0000:00:02.0: BAR 0: no space for [mem size 0x01000000]":                            {Kind: Resource, Device: "0000:00:02.0"},
		"regulator-dummy 1000.codec: supply vdd not found, using dummy regulator":                {Kind: Clock, Device: "1000.codec"},
		"mmc0: error -110 whilst initialising SD card":                                           {Kind: Bus, Device: "mmc0"},
		"WARNING: CPU: 0 PID: 1 at kernel/x.c:1 f+0x1/0x2":                                       {Kind: Warning},
		"OF: /soc/gpio: could not get #gpio-cells for /soc/x":                                    {Kind: Warning},
		"foo 1.bar: failed to enable clock: -22":                                                 {Kind: ProbeFailed, Device: "1.bar", Errno: "EINVAL"},
	} {
		got, ok := trouble(text, 7)
		want.Text, want.Line = text, 7
		if !ok || got != want {
			t.Errorf("%q: %+v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"random: crng init done", "ACPI: PCI Interrupt Link [LNKA] enabled", "printk: console [ttyS0] enabled", "pci_bus 0000:00: resource 4 [io 0x0000-0x0cf7 window]"} {
		if got, ok := trouble(text, 1); ok {
			t.Errorf("%q is no trouble: %+v", text, got)
		}
	}
}

const boot = `[    0.000000] Linux version 6.1.0 (a@b) #1
[    0.100000] initcall fast_init+0x0/0x10 returned 0 after 100 usecs
[    0.200000] initcall slow_init+0x0/0x10 [mod] returned 0 after %SLOW% usecs
[    0.200000] probe of 1000.i2c returned %RESULT% after 50 usecs
[    0.300000] mmc0: error -110 whilst initialising SD card %N%
[    0.400000] Run /init as init process
`

func bootOf(t *testing.T, pairs ...string) *Report {
	t.Helper()
	r, err := Read(strings.NewReader(strings.NewReplacer(pairs...).Replace(boot)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCompare(t *testing.T) {
	base := []*Report{bootOf(t, "%SLOW%", "1000", "%RESULT%", "0", "%N%", "1"), bootOf(t, "%SLOW%", "1200", "%RESULT%", "0", "%N%", "2")}
	c := Compare(base, []*Report{bootOf(t, "%SLOW%", "9000", "%RESULT%", "-110", "%N%", "3")})
	if len(c.Slower) != 1 || c.Slower[0].Name != "slow_init" || c.Slower[0].Is != 9000 || c.Slower[0].Noise != 200 || len(c.Faster) != 0 {
		t.Errorf("%+v", c)
	}
	if len(c.Failing) != 1 || c.Failing[0].Name != "1000.i2c" || len(c.Appeared) != 0 || len(c.Gone) != 0 {
		t.Errorf("%+v", c)
	}
	c = Compare(base, []*Report{bootOf(t, "%SLOW%", "1300", "%RESULT%", "0", "mmc0: error", "usb 1-1: device not accepting address 4, error")})
	if len(c.Slower) != 0 || len(c.Appeared) != 1 || len(c.Gone) != 1 {
		t.Errorf("within the noise: %+v", c)
	}
}

func TestEmpty(t *testing.T) {
	if _, err := Read(strings.NewReader("")); err == nil {
		t.Error("an empty log was read")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(boot)
	f.Add("platform x: deferred probe pending\nfoo: probe failed -1\n")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := Read(strings.NewReader(s))
		if r == nil && err == nil {
			t.Error("neither a report nor an error")
		}
		if r != nil {
			Compare([]*Report{r}, []*Report{r})
		}
	})
}
