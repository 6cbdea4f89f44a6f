package schema_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"ringside/internal/schema"
)

var update = flag.Bool("update", false, "rewrite docs/schemas")

const folder = "../../docs/schemas"

// The published schemas are what the types say. Where this fails because a
// field was renamed or removed, the change needs a version 2 of the schema,
// not an update of version 1.
func TestGolden(t *testing.T) {
	src := schema.NewSource("ringside", os.DirFS("../.."))
	want := []string{}
	for _, p := range schema.All() {
		want = append(want, p.File)
		t.Run(p.File, func(t *testing.T) {
			got, err := schema.Generate(p, src)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(folder, p.File)
			if *update {
				if err := os.WriteFile(name, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			have, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(have, got) {
				t.Errorf("%s is not what %v says; if fields were only added, run 'go test ./internal/schema -update'", name, p.Type)
			}
			if !strings.HasSuffix(p.ID, "/"+p.File) {
				t.Errorf("%s has the identifier %s", p.File, p.ID)
			}
			if doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(got)); err != nil {
				t.Error(err)
			} else if err := compile(p.ID, doc); err != nil {
				t.Errorf("it is no valid JSON Schema: %v", err)
			}
		})
	}
	readme, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range want {
		if !bytes.Contains(readme, []byte("("+name+")")) {
			t.Errorf("docs/schemas/README.md has no row for %s", name)
		}
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !slices.Contains(want, filepath.Base(f)) {
			t.Errorf("%s is published but nothing makes it", f)
		}
	}
}

func compile(id string, doc any) error {
	c := jsonschema.NewCompiler()
	if err := c.AddResource(id, doc); err != nil {
		return err
	}
	_, err := c.Compile(id)
	return err
}

// What a schema leaves open and what it does not.
func TestPromise(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(folder, "crash-signature.v1.json"))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	const id = "https://ringside.dev/schemas/crash-signature.v1.json"
	if err := c.AddResource(id, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(id)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, doc string
		ok        bool
	}{
		{"empty list", `{"schema":"` + id + `","signatures":[]}`, true},
		{"a new field", `{"schema":"` + id + `","signatures":[],"added":1}`, true},
		{"a field is missing", `{"schema":"` + id + `"}`, false},
		{"null for a list", `{"schema":"` + id + `","signatures":null}`, false},
		{"another schema", `{"schema":"https://ringside.dev/schemas/crash-signature.v2.json","signatures":[]}`, false},
		{"another type", `{"schema":"` + id + `","signatures":[{"input":1}]}`, false},
	} {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(tt.doc))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
