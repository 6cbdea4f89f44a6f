package server

import (
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// schemaName names the schema of a type. The types of the log's own document
// get its name in front: a report's signature is not the record's Signature.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if strings.HasSuffix(t.PkgPath(), "/crash") && name != "Document" {
		return "Document" + name
	}
	return name
}

// change marks an operation that changes something.
func change(op huma.Operation) huma.Operation {
	op.Security = []map[string][]string{{}, {"token": {}}}
	return op
}
