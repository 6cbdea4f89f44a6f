package flame

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"ringside/profile"
)

// The drawing is well-formed whatever names hold, and as wide as the weights are.
func TestSVG(t *testing.T) {
	b := profile.NewBuilder(profile.Limits{})
	l := b.Label(profile.Labels{Event: b.Event(profile.Event{Name: "e", Unit: "ns"})})
	add := func(weight int64, names ...string) {
		var s profile.StackID
		for _, n := range names {
			s = b.Push(s, b.Frame(profile.Frame{Func: n, Module: "[kernel.kallsyms]", Kind: profile.Kernel}))
		}
		b.Add(s, l, 1, weight)
	}
	add(750, "main", "<script>&\x01\xff\"")
	add(250, "other")
	deep := make([]string, 3000)
	for i := range deep {
		deep[i] = "deep"
	}
	add(1000, deep...)
	var out bytes.Buffer
	if err := WriteSVG(&out, b.Profile(), Options{Title: "a <title>"}); err != nil {
		t.Fatal(err)
	}
	var widths []string
	dec := xml.NewDecoder(bytes.NewReader(out.Bytes()))
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		e, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		if e.Name.Local == "script" {
			t.Error("the drawing has a script")
		}
		for _, a := range e.Attr {
			if e.Name.Local == "rect" && a.Name.Local == "width" {
				widths = append(widths, a.Value)
			}
		}
	}
	// All, 256 deep ones, main and its callee, other.
	if len(widths) != 1+svgMaxDeep+3 || widths[0] != "1180.00" || widths[1] != "590.00" || widths[len(widths)-1] != "147.50" {
		t.Errorf("%d frames, widths %v … %v", len(widths), widths[:2], widths[len(widths)-1])
	}
	if text := out.String(); !strings.Contains(text, "50.00 %, 1000 ns; itself 0.00 %") || !strings.Contains(text, "&lt;script&gt;&amp;??&#34;") {
		t.Error("the tooltips are not there, or not escaped")
	}
	out.Reset()
	if err := WriteSVG(&out, &profile.Profile{Nodes: make([]profile.Node, 1)}, Options{}); err != nil || !strings.HasSuffix(out.String(), "</svg>\n") {
		t.Errorf("of nothing: %v", err)
	}
}
