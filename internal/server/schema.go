package server

import (
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

const schemaPrefix = "#/components/schemas/"

// schemaName names the schema of a type. The types of a document that is not the
// record's own get its name in front: a report's signature is not the record's Signature.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case strings.HasSuffix(t.PkgPath(), "/crash") && name != "Document":
		return "Document" + name
	case t.PkgPath() == "ringside/lab" && !strings.HasPrefix(name, "Lab"):
		return "Lab" + name
	case t.PkgPath() == "ringside/ktest":
		return "Results" + name
	case t.PkgPath() == "ringside/bisect":
		return "Bisection" + name
	}
	return name
}

// change marks an operation that changes something.
func change(op huma.Operation) huma.Operation {
	op.Security = []map[string][]string{{}, {"token": {}}}
	return op
}

// honest makes the schemas of answers say what the answers are: a pointer to
// an object may be null, which huma cannot say of a reference, and later
// versions may add fields, which huma forbids. Requests keep their strictness.
func honest(reg huma.Registry) {
	requests := map[string]bool{"SignatureChange": true, "LinkChange": true, "Decider": true, "BackfillDecision": true, "RiskChange": true,
		"LabOrder": true, "LabOffer": true, "LabSign": true, "LabResult": true, "LabContentQuestion": true, "LabCanceller": true, "QuarantineOrder": true, "QuarantineEnd": true, "RegressionOrder": true, "RegressionEnd": true}
	for name, schema := range reg.Map() {
		t := reg.TypeFromRef(schemaPrefix + name)
		if requests[name] || t == nil || schema.Type != huma.TypeObject {
			continue
		}
		schema.AdditionalProperties = nil
		for _, f := range reflect.VisibleFields(t) {
			tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			p := schema.Properties[tag]
			if f.Type.Kind() != reflect.Pointer || strings.Contains(options, "omitempty") || p == nil || p.Ref == "" {
				continue
			}
			schema.Properties[tag] = &huma.Schema{
				OneOf:       []*huma.Schema{{Ref: p.Ref}, {Type: "null"}},
				Description: p.Description,
			}
		}
	}
}
