package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"ringside/internal/schema"
)

// published compiles every schema of docs/schemas, by identifier.
func published(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for _, p := range schema.All() {
		text, err := os.ReadFile(filepath.Join("../../docs/schemas", p.File))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", p.File, err)
		}
		if err := c.AddResource(p.ID, doc); err != nil {
			t.Fatal(err)
		}
	}
	all := map[string]*jsonschema.Schema{}
	for _, p := range schema.All() {
		s, err := c.Compile(p.ID)
		if err != nil {
			t.Fatal(err)
		}
		all[p.ID] = s
	}
	return all
}

// runJSON runs a verb and returns the documents that it printed.
func runJSON(t *testing.T, args ...string) (docs []any, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(t.Context(), args, Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	docs, err := documents(&out)
	if err != nil {
		t.Fatalf("ringside %s: %v", strings.Join(args, " "), err)
	}
	return docs, errs.String(), code
}

// documents decodes a stream of JSON documents.
func documents(r io.Reader) ([]any, error) {
	var docs []any
	dec := json.NewDecoder(r)
	dec.UseNumber()
	for {
		var doc any
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return docs, fmt.Errorf("what was printed is no JSON: %w", err)
		}
		docs = append(docs, doc)
	}
}

// validate holds each document to the schema that it names.
func validate(t *testing.T, schemas map[string]*jsonschema.Schema, docs []any, id string) {
	t.Helper()
	for _, doc := range docs {
		object, ok := doc.(map[string]any)
		if !ok || object["schema"] != id {
			t.Errorf("a document does not name the schema %s", id)
			continue
		}
		if err := schemas[id].Validate(doc); err != nil {
			t.Errorf("%#v", err)
		}
	}
}

func schemaID(verb string) string { return "https://ringside.dev/schemas/" + verb + ".v1.json" }

// TestSchemaLab holds what the verbs print about real logs to the schemas that
// are published for it.
func TestSchemaLab(t *testing.T) {
	schemas := published(t)
	logs, err := filepath.Glob("../../crash/testdata/lab/*")
	if err != nil || len(logs) < 40 {
		t.Fatalf("%d lab logs, %v", len(logs), err)
	}
	const other = "../../crash/testdata/lab/crash-mod-null.log"
	for _, log := range logs {
		t.Run(filepath.Base(log), func(t *testing.T) {
			for _, tt := range []struct {
				schema string
				args   []string
			}{
				{"triage", []string{"triage", "--json", log}},
				{"crash-parse", []string{"crash", "parse", "--json", log}},
				{"crash-signature", []string{"crash", "signature", "--json", log}},
			} {
				docs, stderr, code := runJSON(t, tt.args...)
				if code != exitDone || len(docs) != 1 {
					t.Fatalf("%v: exit code %d, %d documents: %s", tt.args, code, len(docs), stderr)
				}
				validate(t, schemas, docs, schemaID(tt.schema))
			}
			// Whether they differ, and whether there is a report at all, is the
			// log's affair; what is printed follows the schema.
			docs, stderr, code := runJSON(t, "crash", "compare", "--json", log, other)
			switch {
			case code == exitUsage && strings.Contains(stderr, "holds no report") && len(docs) == 0:
			case code == exitDone || code == exitFinding:
				if len(docs) != 1 {
					t.Fatalf("compare printed %d documents", len(docs))
				}
				validate(t, schemas, docs, schemaID("crash-compare"))
			default:
				t.Errorf("compare: exit code %d, %d documents: %s", code, len(docs), stderr)
			}
		})
	}
}

// TestSchemaVerbs does the same for the verbs that do not read logs.
func TestSchemaVerbs(t *testing.T) {
	schemas := published(t)
	for _, tt := range []struct {
		schema string
		code   int
		args   []string
	}{
		{"version", exitDone, []string{"version", "--json"}},
		{"owner", exitDone, []string{"owner", "--json", "fs/ext4/inode.c", "ext4_writepages", "nvme", "kfree"}},
		{"owner", exitDone, []string{"owner", "--json", "--as", "module", "nvme"}},
		{"owner", exitFinding, []string{"owner", "--json", "no_such_function"}},
	} {
		docs, stderr, code := runJSON(t, tt.args...)
		if code != tt.code || len(docs) != 1 {
			t.Errorf("%v: exit code %d, %d documents: %s", tt.args, code, len(docs), stderr)
		}
		validate(t, schemas, docs, schemaID(tt.schema))
	}

	answer := `{"sha256":"` + strings.Repeat("ab", 32) + `","duplicate":true}`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, answer)
	}))
	defer srv.Close()
	docs, stderr, code := runJSON(t, "push", "--json", "--server", srv.URL, "../../crash/testdata/lab/boot-clean.log")
	if code != exitDone || len(docs) != 1 {
		t.Fatalf("push: exit code %d, %d documents: %s", code, len(docs), stderr)
	}
	validate(t, schemas, docs, schemaID("push"))
	// Nothing could be sent: an empty list, not null.
	srv.Close()
	docs, _, code = runJSON(t, "push", "--json", "--tries", "1", "--server", srv.URL, "../../crash/testdata/lab/boot-clean.log")
	if code != exitUsage || len(docs) != 1 {
		t.Fatalf("push to nobody: exit code %d, %d documents", code, len(docs))
	}
	validate(t, schemas, docs, schemaID("push"))
}

// TestSchemaErrors: an input that cannot be read still gives a document that
// follows the schema, where the verb could begin at all.
func TestSchemaErrors(t *testing.T) {
	schemas := published(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"empty":  "",
		"vmcore": "KDUMP   x",
		"binary": "\x00\x01\x02\xff\xfe\x00",
		"utf8":   "[    1.000000] kernel BUG at fs/\xff\xfe.c:12!\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		docs, _, _ := runJSON(t, "triage", "--json", file)
		if len(docs) != 1 {
			t.Errorf("triage of %s printed %d documents", name, len(docs))
		}
		validate(t, schemas, docs, schemaID("triage"))
		docs, _, _ = runJSON(t, "crash", "parse", "--json", file)
		validate(t, schemas, docs, schemaID("crash-parse"))
	}
}
