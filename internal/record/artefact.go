package record

import "time"

// Artefact is a raw input as it arrived: immutable, named by its content.
type Artefact struct {
	SHA256    string    `json:"sha256"`
	Size      int64     `json:"size"`
	Type      string    `json:"type" doc:"What the content was recognised as; empty until analysed"`
	FirstSeen time.Time `json:"first_seen"`
	Analysed  bool      `json:"analysed"`
	Receipts  []Receipt `json:"receipts" nullable:"false" doc:"Each delivery of this content, newest first, at most 100"`
	Crashes   []Crash   `json:"crashes" nullable:"false" doc:"The crashes found in it, newest first, at most 100"`
}
