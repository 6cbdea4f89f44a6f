package render

import (
	"encoding/json"

	"ringside/owner"
)

// VersionSchemaID names the JSON form of [Version].
const VersionSchemaID = "https://ringside.dev/schemas/version.v1.json"

// Version is the JSON of "version": what the program is and which rules and
// data are built into it.
type Version struct {
	Schema     string           `json:"schema"`
	Version    string           `json:"version"`
	Revision   string           `json:"revision,omitempty"` // commit that it was built from
	Modified   bool             `json:"modified"`           // the tree had changes on top of the commit
	Go         string           `json:"go"`                 // toolchain
	Platform   string           `json:"platform"`           // "linux/amd64"
	Signatures string           `json:"signature_algorithm"`
	Owners     owner.Provenance `json:"owners"` // the source tree behind the owner index
}

// PushSchemaID names the JSON form of [Push].
const PushSchemaID = "https://ringside.dev/schemas/push.v1.json"

// Push is the JSON of "push": what a server took in.
type Push struct {
	Schema string   `json:"schema"`
	Pushed []Pushed `json:"pushed"` // in the order sent; what could not be sent is not in it
}

// Pushed is what a server answered to one artefact.
type Pushed struct {
	File      string `json:"file"`
	Duplicate bool   `json:"duplicate"` // the server had the same content already
	SHA256    string `json:"sha256"`
	// Recording says that it is kept as a profile or a trace.
	Recording bool            `json:"recording,omitempty"`
	Receipt   json.RawMessage `json:"receipt"` // the server's whole answer, as its API describes it
}
