package diagnose

import (
	"strings"
	"testing"

	"ringside/crash"
)

func TestClassify(t *testing.T) {
	x86 := space{arch: "x86_64", levels: 4}
	five := space{arch: "x86_64", levels: 5}
	kasan := space{arch: "x86_64", levels: 4, kasan: true}
	arm := space{arch: "arm64"}
	for _, tt := range []struct {
		s           space
		v           uint64
		class, text string
	}{
		{x86, 0, ValueNull, "NULL"},
		{x86, 0x38, ValueNullOffset, "NULL + 0x38"},
		{x86, 0xfffffffffffffff4, ValueError, "ENOMEM"},
		{x86, 0xfffffffffffffdfb, ValueError, "EPROBE_DEFER"},
		{x86, 0xdead000000000100, ValuePoison, "LIST_POISON1,"},
		{x86, 0xdead000000000108, ValuePoison, "LIST_POISON1 + 0x8"},
		{x86, 0xdead000000000122, ValuePoison, "LIST_POISON2,"},
		{x86, 0xdead000000000300, ValuePoison, "TIMER_ENTRY_STATIC"},
		{space{arch: "powerpc"}, 0x5deadbeef0000100, ValuePoison, "LIST_POISON1"},
		{x86, 0x6b6b6b6b6b6b6b6b, ValuePoison, "POISON_FREE,"},
		{x86, 0x6b6b6b6b6b6b6b83, ValuePoison, "POISON_FREE + 0x18"},
		{x86, 0x000000006b6b6b6b, ValuePoison, "half a word"},
		{x86, 0x5a5a5a5a5a5a5a5a, ValuePoison, "POISON_INUSE"},
		{x86, 0xa56b6b6b6b6b6b6b, ValueNonCanonical, "non-canonical"},
		{x86, 0xaaaaaaaaaaaaaaaa, ValuePoison, "PAGE_POISON"},
		{x86, 0xbdbdbdbdbdbdbdbd, ValuePoison, "KEY_DESTROY"},
		{x86, 0xcccccccccccccccc, ValuePoison, "SLUB_RED_ACTIVE"},
		{x86, 0xdead4ead00000001, ValuePoison, "SPINLOCK_MAGIC"},
		{space{arch: "arm"}, 0x6b6b6b73, ValuePoison, "POISON_FREE + 0x8"},
		{x86, 0xdffffc0000000003, ValueShadow, "shadow of 0x18 (NULL + 0x18)"},
		{kasan, 0xfbd59c0000000020, ValueShadow, "LIST_POISON1"},
		{kasan, 0xffff888100000000, ValueDirect, "direct map"},
		{x86, 0xfbd59c0000000020, ValueNonCanonical, "non-canonical"},
		{arm, 0xdfff800000000003, ValueShadow, "shadow of 0x18"},
		{arm, 0xdfffa00000000003, ValueShadow, "shadow of 0x18"},
		{space{arch: "riscv64"}, 0xdfffffff00000003, ValueShadow, "shadow of 0x18"},
		{x86, 0x00007f27183cc000, ValueUser, "user space"},
		{x86, 0x0000800000000000, ValueNonCanonical, "non-canonical"},
		{five, 0x0000800000000000, ValueUser, "user space"},
		{five, 0xff68d5a4803f4000, ValueDirect, "direct map"},
		{x86, 0xffffc90000123000, ValueVmalloc, "vmalloc"},
		{x86, 0xffffea0000123000, ValueVmemmap, "struct page"},
		{x86, 0xffffffff81000000, ValueText, "kernel image"},
		{x86, 0xffffffffc0540feb, ValueModule, "module"},
		{x86, 0xffffffffff5fd000, ValueFixmap, "fixmap"},
		{arm, 0xffff000012345678, ValueDirect, "linear map"},
		{arm, 0xffff800081234567, ValueVmalloc, "vmalloc"},
		{arm, 0x0000aaaabbbbcccc, ValueUser, "user space"},
		{space{arch: "riscv64"}, 0xffffffff80000000, ValueText, "kernel image"},
		{space{arch: "i386"}, 0xc1000000, ValueDirect, "direct map"},
	} {
		got := tt.s.classify(tt.v)
		if got.Class != tt.class || !strings.Contains(got.Text, tt.text) {
			t.Errorf("%s 0x%x: %s %q, want %s %q", tt.s.arch, tt.v, got.Class, got.Text, tt.class, tt.text)
		}
	}
}

func TestErrnosIn(t *testing.T) {
	for text, want := range map[string]string{
		"xhci_hcd 0000:00:14.0: init fail, error -110":     "ETIMEDOUT",
		"probe of 1-1:1.0 failed with error -22":           "EINVAL",
		"foo_init returned -12 after 5 usecs":              "ENOMEM",
		"bar: probe failed (-19)":                          "ENODEV",
		"baz: ret=-5":                                      "EIO",
		"driver asks again: rc = -517":                     "EPROBE_DEFER",
		"temperature is -40":                               "",
		"foo-22 failed":                                    "",
		"blk_update_request: I/O error, dev sda, sector 0": "",
		"range -110-120 returned":                          "",
		"returned -99999":                                  "",
	} {
		got := ""
		for _, e := range errnosIn(text, "x86_64") {
			got += e.Name
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := errnosIn("returned -110", "mips"); len(got) != 0 {
		t.Errorf("mips numbers its errors differently, got %v", got)
	}
}

// oops makes a report of a fault.
func oops(arch, code string, trap int, address string, registers map[string]string) *crash.Report {
	r := &crash.Report{Kind: crash.KindPageFault, Class: crash.ClassFault, Arch: arch, Registers: registers,
		Code: &crash.Code{Bytes: code, Trap: trap}, Fault: &crash.Fault{Address: address}}
	r.Evidence = []crash.Evidence{{Field: "code", Line: 3}, {Field: "fault.address", Line: 1}}
	for name := range registers {
		r.Evidence = append(r.Evidence, crash.Evidence{Field: "registers." + name, Line: 2})
	}
	return r
}

func TestFault(t *testing.T) {
	regs := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	for _, tt := range []struct {
		name     string
		r        *crash.Report
		text     string
		register string
		agrees   string
	}{
		{"null member", oops("x86_64", "488b5018", 0, "18", regs("RAX", "0000000000000000")),
			"mov 0x18(%rax),%rdx reads 8 bytes at RAX + 0x18 = 0x18. RAX held 0x0: NULL + 0x18", "RAX", "yes"},
		{"index", oops("x86_64", "488b04d0", 0, "10", regs("RAX", "0000000000000000", "RDX", "0000000000000002")),
			"reads 8 bytes at RAX + 8*RDX = 0x10", "RAX", "yes"},
		{"R08", oops("x86_64", "498b4018", 0, "6b6b6b6b6b6b6b83", regs("R08", "6b6b6b6b6b6b6b6b")),
			"R8 held 0x6b6b6b6b6b6b6b6b: POISON_FREE", "R8", "yes"},
		{"disagrees", oops("x86_64", "488b5018", 0, "7000", regs("RAX", "0000000000000000")), "not of the same moment", "RAX", "no"},
		{"shadow", oops("x86_64", "0fb61418", 0, "dffffc0000000003", regs("RAX", "dffffc0000000000", "RBX", "0000000000000003")), "It is the address that faulted", "RAX", "yes"},
		{"error pointer with a member", oops("x86_64", "488b5018", 0, "c", regs("RAX", "fffffffffffffff4")), "the error pointer -12, ENOMEM", "RAX", "yes"},
		{"push", oops("x86_64", "53", 0, "ffffc90000003ff8", regs("RSP", "ffffc90000004000")), "writes 8 bytes at RSP - 0x8 = 0xffffc90000003ff8", "", "yes"},
		{"string copy faults behind", oops("x86_64", "488b0424", 0, "ffffc90000004004", regs("RSP", "ffffc90000003fff")), "It is the address that faulted", "", "yes"},
		{"per-CPU", oops("x86_64", "65488b042580fb0100", 0, "1fb80", regs()), "at GS:(0x1fb80).", "", ""},
		{"arm64", oops("arm64", "f9400c20", 0, "18", regs("x1", "0000000000000000")), "ldr x0, [x1,#24] reads 8 bytes at x1 + 0x18", "x1", "yes"},
		{"arm64 tagged", oops("arm64", "f9400c20", 0, "00ff000012345690", regs("x1", "f4ff000012345678")), "It is the address that faulted", "x1", "yes"},
		{"arm", oops("arm", "e5903018", 0, "00000018", regs("r0", "00000000")), "r0 held 0x0: NULL + 0x18", "r0", "yes"},
		{"riscv64", oops("riscv64", "35030185", 0, "18", regs("a0", "0000000000000000")), "ld a0,24(a0) reads at a0 + 0x18 = 0x18", "a0", "yes"},
		{"planted", oops("arm64", "d4304500", 0, "", regs("x8", "ffff800080012345", "x17", "000000001234abcd")), "The function called was in x8: 0xffff800080012345", "", ""},
		{"register operand", oops("x86_64", "f7f9", 0, "", regs("RCX", "0000000000000000")), "idiv %ecx: RCX held 0x0", "", ""},
	} {
		f := fault(tt.r)
		if f == nil {
			t.Errorf("%s: nothing decoded", tt.name)
			continue
		}
		if !strings.Contains(f.Text, tt.text) {
			t.Errorf("%s: %q does not say %q", tt.name, f.Text, tt.text)
		}
		got, agrees := "", ""
		if f.Pointer != nil {
			got = f.Pointer.Register
		}
		if f.Agrees != nil {
			agrees = map[bool]string{true: "yes", false: "no"}[*f.Agrees]
		}
		if got != tt.register || agrees != tt.agrees {
			t.Errorf("%s: register %q agrees %q, want %q %q: %s", tt.name, got, agrees, tt.register, tt.agrees, f.Text)
		}
		if len(f.Evidence) == 0 || len(f.Listing) == 0 {
			t.Errorf("%s: no evidence or no listing", tt.name)
		}
	}
	for _, r := range []*crash.Report{
		{}, {Code: &crash.Code{Bytes: "90", Trap: -1}}, {Code: &crash.Code{Bytes: "zz", Trap: 0}}, {Code: &crash.Code{Bytes: "90", Trap: 7}},
		{Arch: "mips", Code: &crash.Code{Bytes: "8c430000", Trap: 0}},
	} {
		if f := fault(r); f != nil {
			t.Errorf("%+v: made %+v of nothing", r.Code, f)
		}
	}
}

func TestBitFlip(t *testing.T) {
	for _, tt := range []struct {
		address, pointer string
		want             bool
	}{
		{"fbff888000000010", "ffff888000000000", true},  // bit 58
		{"ffff888101234010", "ffff888001234000", true},  // bit 32 of a page far from round
		{"ffff888101000010", "ffff888001001000", false}, // two bits
		{"ffff888001235010", "ffff888001234000", false}, // the next page
		{"ffff888000000010", "ffff888000000000", false}, // the same page
	} {
		r := oops("x86_64", "", -1, tt.address, map[string]string{"RSI": tt.pointer})
		got := bitFlip(&facts{report: r, space: spaceOf(r)}) != nil
		if got != tt.want {
			t.Errorf("%s and %s: %v, want %v", tt.address, tt.pointer, got, tt.want)
		}
	}
}
