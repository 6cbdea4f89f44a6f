package convert

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"ringside/profile"
)

// Nothing of a profile is lost.
func TestRingsideIsWhole(t *testing.T) {
	p := several()
	p.Source = profile.Source{Format: "perf.data", Hostname: "web7", Release: "6.12.1", Arch: "x86_64", KernelBuildID: "abc", CPUs: 8, Command: "perf record -a"}
	p.Losses = []profile.Loss{{What: "samples", Count: 12}, {What: "an end", Count: -1}}
	p.Warnings = []string{"functions of libc have no names"}
	p.Frames[0].File, p.Frames[0].Line = "main.c", 17
	var out bytes.Buffer
	if err := WriteRingside(&out, p); err != nil {
		t.Fatal(err)
	}
	q, err := ReadRingside(&out)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(p, q) {
		t.Errorf("read back:\n%+v\nwant\n%+v", q, p)
	}
}

// Tables that do not fit together are refused, whatever is wrong with them.
func TestRingsideRefuses(t *testing.T) {
	const tables = `{"events":[{"Name":"e","Unit":"ns"}],"strings":["","f"],"funcs":[1],"modules":[0],"files":[0],"lines":[0],"addrs":[0],"kinds":[0],` +
		`"parents":[1],"frames":[0],"label_events":[0],"comms":[0],"pids":[1],"tids":[1],"cpus":[0],"cgroups":[0],` +
		`"slices":[0],"stacks":[1],"labels":[0],"counts":[1],"weights":[5]}`
	read := func(text string) error {
		var b bytes.Buffer
		b.WriteString(RingsideMagic)
		z := gzip.NewWriter(&b)
		if _, err := io.WriteString(z, text); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := ReadRingside(&b)
		return err
	}
	if err := read(tables); err != nil {
		t.Fatalf("the tables before they are broken: %v", err)
	}
	for _, x := range []struct{ old, new, want string }{
		{`"funcs":[1]`, `"funcs":[2]`, "index 2 of 2"},
		{`"kinds":[0]`, `"kinds":[9]`, "index 9 of 6"},
		{`"modules":[0]`, `"modules":[]`, "columns of frames"},
		{`"parents":[1]`, `"parents":[0]`, "its caller comes after it"},
		{`"parents":[1]`, `"parents":[7]`, "index -6"},
		{`"label_events":[0]`, `"label_events":[1]`, "row 0 of labels"},
		{`"stacks":[1]`, `"stacks":[2]`, "row 0 of cells"},
		{`"slices":[0]`, `"slices":[-1]`, "its slice is -1"},
		{`"weights":[5]`, `"weights":[-5]`, "must be positive"},
		{`"weights":[5]`, `"weights":[9223372036854775807]`, "62 bits"},
		{`"weights":[5]`, `"weights":["x"]`, "offset"},
		{`"weights":[5]}`, ``, "EOF"},
	} {
		if err := read(strings.Replace(tables, x.old, x.new, 1)); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s for %s: %v, want %q in it", x.new, x.old, err, x.want)
		}
	}
	if _, err := ReadRingside(strings.NewReader("RINGSIDE PROFILE 2\n")); err == nil {
		t.Error("a format to come was read")
	}
}
