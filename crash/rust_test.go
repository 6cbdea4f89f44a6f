package crash

import "testing"

func TestDemangleRust(t *testing.T) {
	for in, want := range map[string]string{
		"_RNvMs3_NtCshgDM7dBCdno_11rust_binder7processNtB5_7Process10update_ref": "<rust_binder::process::Process>::update_ref",
		"_RNvNtCs1234_7mycrate3foo3bar":                                          "mycrate::foo::bar",
		"_RNvCs1234_7mycrate3bar.llvm.1234":                                      "mycrate::bar",
		"_RINvCs1234_7mycrate3barmE":                                             "mycrate::bar<u32>",
		"_RNCNvCs1234_7mycrate4main0":                                            "mycrate::main::{closure#0}",
		"_RNvXs_Cs1234_7mycrateNtB4_3FooNtNtCs5678_4core3fmt7Display3fmt":        "<mycrate::Foo as core::fmt::Display>::fmt",
		"_RNvYhNtCs1234_7mycrate5Trait3foo":                                      "<u8 as mycrate::Trait>::foo",
		"_RINvCs1234_7mycrate3barRShAtj4_E":                                      "mycrate::bar<&[u8], [u16; 4]>",
		"_RINvCs1234_7mycrate3barTyEFKCmEuE":                                     "mycrate::bar<(u64,), extern \"C\" fn(u32)>",
		"vfs_read":                                                               "vfs_read",
		"_R":                                                                     "_R",
		"_RNvB_3foo":                                                             "_RNvB_3foo",
		"_Ralph":                                                                 "_Ralph",
		"_RNvC9x":                                                                "_RNvC9x",
		"_RMC1aB_B0_":                                                            "_RMC1aB_B0_",
	} {
		if got := demangleRust(in); got != want {
			t.Errorf("demangleRust(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzDemangleRust: any symbol, in bounded time and length.
func FuzzDemangleRust(f *testing.F) {
	f.Add("_RNvMs3_NtCshgDM7dBCdno_11rust_binder7processNtB5_7Process10update_ref")
	f.Add("_RINvCs1234_7mycrate3barTyEFKCmEuE")
	f.Add("_RTTTB_B_EB0_B0_EB1_B1_E")
	f.Fuzz(func(t *testing.T, symbol string) {
		if got := demangleRust(symbol); got != symbol && len(got) > maxRustName {
			t.Errorf("a name of %d bytes", len(got))
		}
	})
}
