package inventory_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"ringside/inventory"
)

func TestHost(t *testing.T) {
	h := &inventory.Host{Name: "web1", Release: "6.1.0-56-amd64", Arch: "x86_64", At: time.Unix(1, 0).UTC(), Loaded: []string{"ext4"}, Modprobe: []string{"blacklist hfs"},
		Cmdline: "quiet", Config: "abc", Baselines: []inventory.Baseline{{Name: "server", Failed: 1, Findings: []inventory.Finding{{ID: "x", State: "failed"}}}}, Notes: []string{}}
	var b bytes.Buffer
	if err := h.Write(&b); err != nil {
		t.Fatal(err)
	}
	if !inventory.IsHost(b.Bytes()[:40]) || inventory.Is(b.Bytes()) {
		t.Errorf("not recognised: %s", b.String())
	}
	got, err := inventory.ReadHost(&b)
	h.Schema = inventory.HostSchema
	if err != nil || !reflect.DeepEqual(got, h) {
		t.Errorf("%+v, %v\nwant %+v", got, err, h)
	}
	for text, want := range map[string]string{
		`{"schema":"ringside.host/2"}`: "make it again", `{"schema":"ringside.host/1"}`: "which kernel runs", `{"schema":`: "offset", "": "EOF",
		`{"schema":"ringside.host/1","release":"6.1","loaded":[` + strings.Repeat(`"a",`, 70000) + `"b"]}`: "more than 65536 modules",
	} {
		if _, err := inventory.ReadHost(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
}

func FuzzReadHost(f *testing.F) {
	f.Add([]byte(`{"schema":"ringside.host/1","release":"6.1","loaded":["ext4"],"baselines":[{"name":"server"}]}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = inventory.ReadHost(bytes.NewReader(data))
	})
}
