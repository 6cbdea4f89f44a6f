package dotconfig_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"strings"
	"testing"

	"ringside/kconfig/dotconfig"
)

const small = `#
# Automatically generated file; DO NOT EDIT.
# Linux/x86 6.1.192 Kernel Configuration
#
CONFIG_CC_VERSION_TEXT="gcc-12 (Debian \"12\") \\o/"
CONFIG_64BIT=y
CONFIG_E1000=m
# CONFIG_KSMBD is not set
#CONFIG_OFF is not set
CONFIG_NR_CPUS=512
CONFIG_PHYSICAL_START=0x1000000
CONFIG_LOCALVERSION=""
CONFIG_QUOTED="y"
what is this
CONFIG_64BIT=n
CONFIG_OPEN="never closed
`

func TestParse(t *testing.T) {
	f, err := dotconfig.Parse(strings.NewReader(small))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		tri        dotconfig.Tristate
		line       int
	}{
		{"CC_VERSION_TEXT", `gcc-12 (Debian "12") \o/`, dotconfig.No, 5},
		{"64BIT", "n", dotconfig.No, 15},
		{"E1000", "m", dotconfig.Module, 7},
		{"KSMBD", "n", dotconfig.No, 8},
		{"NR_CPUS", "512", dotconfig.No, 10},
		{"QUOTED", "y", dotconfig.No, 13},
		{"ABSENT", "", dotconfig.No, 0},
		{"OFF", "", dotconfig.No, 0},
	} {
		v, _ := f.Lookup(c.name)
		if v.Text != c.text || v.Line != c.line || f.Tristate(c.name) != c.tri {
			t.Errorf("%s: %+v, %v", c.name, v, f.Tristate(c.name))
		}
	}
	if len(f.Warnings) != 3 || f.Warnings[0].Line != 14 || f.Warnings[1].Line != 15 || f.Warnings[2].Line != 16 {
		t.Errorf("warnings: %v", f.Warnings)
	}
	if len(f.Header) != 2 {
		t.Errorf("header: %q", f.Header)
	}
	v, _ := f.Lookup("CC_VERSION_TEXT")
	if want := strings.Split(small, "\n")[4]; v.String() != want {
		t.Errorf("written as %s, read from %s", v, want)
	}
}

func TestParseGzip(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(small))
	_ = z.Close()
	f, err := dotconfig.Parse(&b)
	if err != nil || f.Text("NR_CPUS") != "512" {
		t.Errorf("%v, %v", f, err)
	}
}

func TestNotAConfig(t *testing.T) {
	if _, err := dotconfig.Parse(strings.NewReader("[ 0.0 ] Linux version\n")); !errors.Is(err, dotconfig.ErrNotConfig) {
		t.Errorf("error is %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("CONFIG_A=\"\\"))
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := dotconfig.Parse(bytes.NewReader(in))
		if err != nil {
			return
		}
		var b strings.Builder
		for v := range c.All() {
			b.WriteString(v.String() + "\n")
		}
		again, err := dotconfig.Parse(strings.NewReader(b.String()))
		if err != nil || again.Len() != c.Len() {
			t.Fatalf("%d symbols, read again %v: %v", c.Len(), again, err)
		}
		for v := range c.All() {
			w, _ := again.Lookup(v.Name)
			if w.Text != v.Text || w.Quoted != v.Quoted {
				t.Fatalf("%+v read again as %+v", v, w)
			}
		}
	})
}
