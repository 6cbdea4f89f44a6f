package server

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed api.html
var apiPage string

//go:embed api.css
var apiStyle []byte

// describe serves the description of the API, for programs and for people.
// It is made once, when all operations are registered.
func describe(mux *http.ServeMux, api *huma.OpenAPI) error {
	honest(api.Components.Schemas)
	asJSON, err := json.MarshalIndent(api, "", "  ")
	if err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	asYAML, err := api.YAML()
	if err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	page, err := renderAPIPage(api)
	if err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	for path, f := range map[string]struct {
		kind string
		body []byte
	}{
		"/api":              {"text/html; charset=utf-8", page},
		"/api/style.css":    {"text/css; charset=utf-8", apiStyle},
		"/api/openapi.json": {"application/openapi+json", asJSON},
		"/api/openapi.yaml": {"application/openapi+yaml", asYAML},
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", f.kind)
			w.Write(f.body)
		})
	}
	return nil
}

// apiGroup is the operations of one tag.
type apiGroup struct {
	*huma.Tag
	Operations []*huma.Operation
}

func renderAPIPage(api *huma.OpenAPI) ([]byte, error) {
	groups := make([]apiGroup, len(api.Tags))
	for i, tag := range api.Tags {
		groups[i].Tag = tag
		for _, path := range slices.Sorted(maps.Keys(api.Paths)) {
			item := api.Paths[path]
			for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch} {
				if op != nil && slices.Contains(op.Tags, tag.Name) {
					groups[i].Operations = append(groups[i].Operations, op)
				}
			}
		}
	}
	t, err := template.New("api").Funcs(template.FuncMap{
		"kind": func(s *huma.Schema) string {
			if s == nil {
				return ""
			}
			return cmp.Or(s.Format, s.Type)
		},
	}).Parse(apiPage)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, struct {
		*huma.Info
		Groups []apiGroup
	}{api.Info, groups})
	return b.Bytes(), err
}
