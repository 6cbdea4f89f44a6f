package klog

import "time"

// How far printk's clock must run back to be another boot's. Stamps of one
// boot go back by some milliseconds when CPUs race to the console.
const (
	bootBack      = int64(time.Second / time.Microsecond)
	bootBackQuiet = 30 * bootBack // without any early text: a quiet console
	bootQuietAge  = 2 * bootBack
)

// earlyTexts start messages that a kernel prints in its first moments only.
var earlyTexts = [...]string{
	"Linux version ",
	"Booting Linux on physical CPU",
	"Command line: ",
	"Kernel command line: ",
	"BIOS-provided physical RAM map",
	"BIOS-e820: ",
	"KERNEL supported cpus",
	"microcode: ",
	"Machine model: ",
	"SMBIOS ",
	"DMI: ",
	"efi: ",
	"OF: fdt: ",
	"x86/fpu: ",
	"x86/split lock detection",
	"NX (Execute Disable) protection",
	"e820: ",
	"tsc: ",
	"random: crng init",
	"Zone ranges:",
}

// bannerText starts the first line that every kernel prints.
const bannerText = "Linux version "

func isEarlyText(text []byte) bool {
	for _, s := range earlyTexts {
		if hasPrefix(text, s) {
			return true
		}
	}
	return false
}

// A bootTracker tells the boots of one input apart.
type bootTracker struct {
	index   int
	last    int64 // time of the last kernel record, microseconds
	stamped bool  // this boot has shown a time
	banner  bool  // this boot has shown its banner
	seen    int   // kernel records of this boot
	anew    bool  // another dump begins: a clock that runs back is another log's
}

// fresh says that another dump of the log begins.
func (t *bootTracker) fresh() { t.anew = true }

// advance starts another boot, unless nothing was seen of the one before.
func (t *bootTracker) advance() {
	if t.seen > 0 {
		t.index++
	}
	*t = bootTracker{index: t.index}
}

// see places a record in its boot.
func (t *bootTracker) see(rec *Record) {
	if rec.Origin == OriginUser {
		rec.Boot = t.index
		return
	}
	banner := hasPrefix(rec.Text, bannerText)
	us := rec.Time.Microseconds()
	if rec.HasTime {
		back := t.last - us
		if back > 0 && t.anew || back > bootBackQuiet && us < bootQuietAge || back > bootBack && isEarlyText(rec.Text) {
			t.advance()
		}
		t.anew = false
	}
	// Without a stamp, a banner counts only where no line has one: user space
	// likes to print /proc/version.
	if banner && (rec.HasTime || !t.stamped) {
		if t.banner {
			t.advance()
		}
		t.banner = true
	}
	if rec.HasTime {
		t.last = us
		t.stamped = true
	}
	if rec.Origin == OriginKernel || banner {
		t.seen++
	}
	rec.Boot = t.index
}
