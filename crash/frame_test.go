package crash

import "testing"

func TestParseFrame(t *testing.T) {
	tests := []struct {
		line string
		want Frame
		ok   bool
	}{
		{" dump_stack_lvl+0x44/0x5c", Frame{Function: "dump_stack_lvl", Offset: 0x44, Size: 0x5c, Reliable: true}, true},
		{" ? 0xffffffffc040d000", Frame{Address: "0xffffffffc040d000"}, true},
		{" ? waiter+0x30/0x30 [labcrash]", Frame{Function: "waiter", Offset: 0x30, Size: 0x30, Module: "labcrash"}, true},
		{" foo+0x1/0x2 [mod 0123456789abcdef0123456789abcdef01234567]", Frame{Function: "foo", Offset: 1, Size: 2, Module: "mod", BuildID: "0123456789abcdef0123456789abcdef01234567", Reliable: true}, true},
		{" __dump_stack lib/dump_stack.c:88 [inline]", Frame{Function: "__dump_stack", File: "lib/dump_stack.c", Line: 88, Inline: true, Reliable: true}, true},
		{" foo+0xd9/0x1b0 lib/foo.c:106 [mod]", Frame{Function: "foo", Offset: 0xd9, Size: 0x1b0, File: "lib/foo.c", Line: 106, Module: "mod", Reliable: true}, true},
		{" el1h_64_irq+0x6c/0x70 (P)", Frame{Function: "el1h_64_irq", Offset: 0x6c, Size: 0x70, Reliable: true}, true},
		{"[<ffffffff8100d5a5>] ? foo+0x35/0x200 [ext4]", Frame{Function: "foo", Offset: 0x35, Size: 0x200, Module: "ext4", Address: "ffffffff8100d5a5"}, true},
		{"[<c01234ab>] (foo) from [<c0234567>] (bar+0x12/0x34)", Frame{Function: "foo", Address: "c01234ab", Reliable: true}, true},
		{" dump_backtrace from show_stack+0x18/0x1c", Frame{Function: "dump_backtrace", Reliable: true}, true},
		{"[c000000005c7f950] [c00000000012345a] foo+0x1/0x2 (unreliable)", Frame{Function: "foo", Offset: 1, Size: 2, Address: "c00000000012345a"}, true},
		{" ([<0000000000123456>] foo+0x12/0x34)", Frame{Function: "foo", Offset: 0x12, Size: 0x34, Address: "0000000000123456", Reliable: true}, true},
		{" <kernel::sync::Arc<T> as core::ops::Drop>::drop+0x1c/0x40 [rust_mod]", Frame{Function: "<kernel::sync::Arc<T> as core::ops::Drop>::drop", Offset: 0x1c, Size: 0x40, Module: "rust_mod", Reliable: true}, true},
		{" <TASK>", Frame{}, false},
		{"Modules linked in: foo", Frame{}, false},
		{"foo+0x1/0x2 is a nice place to be", Frame{}, false},
		{"", Frame{}, false},
	}
	for _, tt := range tests {
		got, ok := parseFrame([]byte(tt.line))
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("parseFrame(%q) = %+v, %v; want %+v, %v", tt.line, got, ok, tt.want, tt.ok)
		}
	}
}

func TestPortableName(t *testing.T) {
	for in, want := range map[string]string{
		"__x64_sys_write":      "sys_write",
		"__arm64_sys_write":    "sys_write",
		"ksys_write":           "sys_write",
		"__se_sys_openat":      "sys_openat",
		"divide.constprop.0":   "divide",
		"foo.isra.0.cold":      "foo",
		"foo.llvm.123456":      "foo",
		"sysfs_create_dir":     "sysfs_create_dir",
		"<a::b as c::D>::drop": "<a::b as c::D>::drop",
	} {
		if got := PortableName(in); got != want {
			t.Errorf("PortableName(%q) = %q, want %q", in, got, want)
		}
	}
}
