package filter

// SchemaID is what the JSON of a [Report] has in its schema field.
const SchemaID = "https://ringside.dev/schemas/vmcore-filter.v1.json"

// Report says what became of the pages of a dump.
type Report struct {
	Schema      string      `json:"schema"`
	PageSize    int         `json:"page_size"`
	Level       Level       `json:"dump_level"` // with that of a dump that was filtered before
	Compression Compression `json:"compression"`
	Flattened   bool        `json:"flattened,omitempty"`

	Pages   uint64 `json:"pages"`   // of RAM
	Written uint64 `json:"written"` // pages in the new dump
	// Missing are pages that the old dump did not have either.
	Missing uint64 `json:"missing,omitempty"`
	// Unreadable are pages that the old dump has and that cannot be read; the new
	// one says of them that they were lost.
	Unreadable uint64 `json:"unreadable,omitempty"`
	// Undescribed are pages without struct page: firmware, or memory that the
	// kernel was told to leave alone.
	Undescribed uint64 `json:"undescribed,omitempty"`
	LeftOut     []Left `json:"left_out"`

	BytesIn  int64 `json:"bytes_in,omitempty"`
	BytesOut int64 `json:"bytes_out"`

	// Redacted is there where the dump was made to be given away.
	Redacted *Redacted `json:"redacted,omitempty"`
}

// Left is how many pages of a kind were left out.
type Left struct {
	Kind  Kind   `json:"kind"`
	Pages uint64 `json:"pages"`
}

// leftOut puts counts into the order in which they are told.
func leftOut(counts map[Kind]uint64) []Left {
	list := []Left{}
	for _, k := range kinds {
		if counts[k] > 0 {
			list = append(list, Left{k, counts[k]})
		}
	}
	return list
}
