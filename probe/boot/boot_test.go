package boot

import (
	"strings"
	"testing"
	"time"
)

const log = `[    0.000000] Linux version 6.12.0 (builder@host) #1 SMP
[    0.100000] Memory: 1000000K/2000000K available (1K kernel code)
[    0.300000] smp: Brought up 1 node, 2 CPUs
[    0.400000] calling  pci_driver_init+0x0/0x20 @ 1
[    0.900000] initcall pci_driver_init+0x0/0x20 returned 0 after 499000 usecs
[    0.910000] initcall slow_init+0x0/0x20 [slow] returned -19 after 10 usecs
[    0.920000] probe of 0000:00:1f.2 returned 0 after 7000 usecs
[    0.930000] initcall broken returned 0 after 99999999999999999999 usecs
[    2.500000] Freeing unused kernel image (initmem) memory: 2000K
[    2.600000] Run /sbin/init as init process
[ 9000.000000] eth0: link up
`

func TestRead(t *testing.T) {
	tables, notes, err := Read(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	if len(notes) != 0 || len(tables) != 4 {
		t.Fatalf("%d tables, notes %q", len(tables), notes)
	}
	steps, calls, devices, silences := tables[0], tables[1], tables[2], tables[3]
	if n := len(steps.Rows); n != 4 || steps.Rows[3].Label[0] != "init is started" || steps.Rows[2].Total != 2200*time.Millisecond {
		t.Errorf("steps: %+v", steps.Rows)
	}
	if calls.Count != 2 || calls.Rows[0].Label[0] != "pci_driver_init" || calls.Rows[0].Max != 499*time.Millisecond || strings.Join(calls.Rows[1].Label, " ") != "slow_init slow -19" {
		t.Errorf("initcalls: %+v", calls.Rows)
	}
	if devices.Count != 1 || devices.Total != 7*time.Millisecond {
		t.Errorf("devices: %+v", devices)
	}
	// The longest is before the kernel's end; what a machine is silent after its
	// boot does not count.
	if r := silences.Rows[0]; r.Total != 1570*time.Millisecond || !strings.HasPrefix(r.Label[1], "Freeing unused") {
		t.Errorf("silences: %+v", silences.Rows)
	}
}

func TestReadSaysWhatIsMissing(t *testing.T) {
	_, notes, err := Read(strings.NewReader("[    5.000000] usb 1-1: new device\n"))
	if err != nil || len(notes) != 2 {
		t.Errorf("notes %q, %v", notes, err)
	}
	if _, _, err := Read(strings.NewReader("no log\n")); err == nil || !strings.Contains(err.Error(), "printk.time") {
		t.Errorf("got %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(log)
	f.Add("")
	f.Add("[1.0] initcall a returned 0 after 1 usecs\n[0.5] Run /init as init process\n")
	f.Fuzz(func(t *testing.T, text string) {
		tables, _, err := Read(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, table := range tables {
			if uint64(len(table.Rows)) > table.Count {
				t.Errorf("%s has %d rows of %d", table.Name, len(table.Rows), table.Count)
			}
		}
	})
}
