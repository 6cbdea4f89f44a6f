package server

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestOpenAPI holds the API still: clients are written against its
// description, so a change of it must be seen in a diff.
func TestOpenAPI(t *testing.T) {
	f := newFixture(t)
	resp, err := f.Client().Get(f.URL + "/api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/openapi.golden.json"
	if *update {
		if err := os.WriteFile(golden, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the API's description changed, by an operation or by a type it shows; if that is meant, run: go test ./internal/server -run TestOpenAPI -update")
	}

	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Summary     string
			OperationID string `json:"operationId"`
			Responses   map[string]any
		}
	}
	if err := json.Unmarshal(got, &doc); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for path, ops := range doc.Paths {
		for method, op := range ops {
			if op.Summary == "" || op.OperationID == "" || seen[op.OperationID] || len(op.Responses) < 2 {
				t.Errorf("%s %s: it needs a summary, an ID of its own and its errors: %+v", method, path, op)
			}
			seen[op.OperationID] = true
		}
	}
	if doc.OpenAPI != "3.1.0" || len(seen) < 18 {
		t.Errorf("OpenAPI %q with %d operations", doc.OpenAPI, len(seen))
	}
}

// TestAPIPageStaysHome sees to it that the page for people loads nothing from
// anywhere else and lists every operation.
func TestAPIPageStaysHome(t *testing.T) {
	f := newFixture(t)
	var page, spec string
	if resp := f.do(t, "GET", "/api", "", &page); resp.StatusCode != http.StatusOK {
		t.Fatalf("GET /api: %d", resp.StatusCode)
	}
	f.do(t, "GET", "/api/openapi.json", "", &spec)
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "/api") && !strings.HasPrefix(m[1], "#") {
			t.Errorf("the page refers to %s", m[1])
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "style=") {
		t.Error("the page has a script or a style of its own, which its policy forbids")
	}
	for _, m := range regexp.MustCompile(`"operationId": "([^"]*)"`).FindAllStringSubmatch(spec, -1) {
		if !strings.Contains(page, `id="`+m[1]+`"`) {
			t.Errorf("the page lacks operation %s", m[1])
		}
	}
}

// TestAnswersMatchTheirSchemas validates real answers against the description
// that clients are made from.
func TestAnswersMatchTheirSchemas(t *testing.T) {
	f := newFixture(t)
	var spec any
	f.do(t, "GET", "/api/openapi.json", "", &spec)
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi.json", spec); err != nil {
		t.Fatal(err)
	}
	var r struct {
		ID      string
		SHA256  string
		Crashes []string
	}
	f.do(t, "POST", "/api/v1/artefacts?wait=1&host=web1", oops, &r)
	var crash struct{ Signature struct{ ID string } }
	f.do(t, "GET", "/api/v1/crashes/"+r.Crashes[0], "", &crash)
	for path, name := range map[string]string{
		"/api/v1/receipts/" + r.ID: "Receipt", "/api/v1/artefacts/" + r.SHA256: "Artefact", "/api/v1/crashes": "CrashPage",
		"/api/v1/crashes/" + r.Crashes[0]: "CrashDetail", "/api/v1/crashes/" + r.Crashes[0] + "/log": "LogText",
		"/api/v1/signatures": "SignaturePage", "/api/v1/signatures/" + crash.Signature.ID: "SignatureDetail",
		"/api/v1/hosts": "HostPage", "/api/v1/hosts/web1": "HostDetail", "/api/v1/kernels": "KernelPage",
		"/api/v1/kernels/6.1.0-1-amd64": "KernelDetail", "/api/v1/overview": "Overview", "/api/v1/jobs": "JobPage",
	} {
		schema, err := c.Compile("openapi.json#/components/schemas/" + name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var answer any
		f.do(t, "GET", path, "", &answer)
		if err := schema.Validate(answer); err != nil {
			t.Errorf("GET %s is not a %s: %v", path, name, err)
		}
	}
}
