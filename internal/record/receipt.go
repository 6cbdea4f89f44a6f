package record

import "time"

// Progress tells how far a delivery has come.
type Progress string

// The progress of a receipt.
const (
	Pending  Progress = "pending"  // stored; its analysis is queued or running
	Analysed Progress = "analysed" // its crashes are in the record
	Failed   Progress = "failed"   // the analysis gave up; the artefact is kept and can be analysed again
)

// Meta is what the sender says about an artefact. Every field may be empty.
type Meta struct {
	Host        string    // the machine it is about
	Kernel      string    // the release that ran; what the log says goes first
	Source      string    // who sent it: "push", "agent", "curl", ...
	Filename    string    // its name at the sender
	ReceivedAt  time.Time // zero means now
	CollectedAt time.Time // when the sender found it, by the sender's clock
	Demo        bool      // invented circumstances, to be shown as such
}

// Receipt is the promise that one delivery of an artefact is kept.
type Receipt struct {
	ID          string     `json:"id"`
	SHA256      string     `json:"sha256"`
	Size        int64      `json:"size"`
	Duplicate   bool       `json:"duplicate" doc:"The same content from the same host was here before; this is the receipt of that delivery"`
	Progress    Progress   `json:"progress" enum:"pending,analysed,failed"`
	Error       string     `json:"error,omitempty" doc:"Why the analysis gave up"`
	Host        *HostRef   `json:"host"`
	Kernel      string     `json:"kernel,omitempty" doc:"The kernel release the sender named"`
	Source      string     `json:"source,omitempty"`
	Filename    string     `json:"filename,omitempty"`
	ReceivedAt  time.Time  `json:"received_at"`
	CollectedAt *time.Time `json:"collected_at,omitempty"`
	Crashes     []string   `json:"crashes" nullable:"false" doc:"IDs of the crashes found in it"`
	Demo        bool       `json:"demo"`
}
