package record

import (
	"time"

	"ringside/crash"
)

// TimeFrom tells where the time of a crash comes from.
type TimeFrom string

// The sources of a crash's time, best first.
const (
	TimeFromLog       TimeFrom = "log"       // wall time in the log itself
	TimeFromCollected TimeFrom = "collected" // the sender's clock when it found the log
	TimeFromReceived  TimeFrom = "received"  // our clock when it arrived
)

// Crash is one boot of one host that complained: one occurrence.
type Crash struct {
	ID         string       `json:"id"`
	Signature  SignatureRef `json:"signature"`
	Kind       string       `json:"kind"`
	Class      string       `json:"class"`
	Title      string       `json:"title"`
	Headline   string       `json:"headline" doc:"The kernel's own line"`
	Panicked   bool         `json:"panicked"`
	Reports    int          `json:"reports" doc:"Reports in this boot"`
	Primary    int          `json:"primary" doc:"Index of the primary report in the document"`
	Boot       int          `json:"boot" doc:"Index of the boot within the artefact"`
	Host       *HostRef     `json:"host"`
	Kernel     *KernelRef   `json:"kernel"`
	SHA256     string       `json:"sha256" doc:"The artefact it was read from"`
	Filename   string       `json:"filename,omitempty"`
	Receipt    string       `json:"receipt"`
	OccurredAt time.Time    `json:"occurred_at"`
	TimeFrom   TimeFrom     `json:"time_from" enum:"log,collected,received"`
	ReceivedAt time.Time    `json:"received_at"`
	Demo       bool         `json:"demo"`
}

// CrashReport is one report of a crash and the signature it counts for.
type CrashReport struct {
	Index     int          `json:"index" doc:"Index in the document's reports"`
	Primary   bool         `json:"primary"`
	CausedBy  *int         `json:"caused_by"`
	Kind      string       `json:"kind"`
	Class     string       `json:"class"`
	Title     string       `json:"title"`
	Headline  string       `json:"headline"`
	Signature SignatureRef `json:"signature"`
}

// CrashDetail is a crash with everything that was read from its artefact.
type CrashDetail struct {
	Crash
	Size     int64           `json:"size" doc:"Bytes of the artefact"`
	Source   string          `json:"source,omitempty"`
	Chain    []CrashReport   `json:"chain" nullable:"false" doc:"The reports of this boot in causal order"`
	Owner    *Owner          `json:"owner"`
	Newer    string          `json:"newer,omitempty" doc:"The next crash of the same signature"`
	Older    string          `json:"older,omitempty" doc:"The crash of the same signature before this one"`
	Siblings []Crash         `json:"siblings" nullable:"false" doc:"Crashes in other boots of the same artefact"`
	Document *crash.Document `json:"document" doc:"Everything found in the artefact, all boots, with evidence spans"`
}

// CrashFilter selects crashes, newest first. Empty fields select all.
type CrashFilter struct {
	Signature string // ID
	// Secondary also selects crashes in which a report that is not the
	// primary one has the signature.
	Secondary bool
	Host      string // ID or name
	Kernel    string // ID or release
	Kind      string
	Class     string
	SHA256    string
	Since     time.Time
	Until     time.Time
	Cursor    string // CrashPage.Next of the page before
	Limit     int    // 0 means 50, at most 500
}

// CrashPage is a part of a list of crashes.
type CrashPage struct {
	Items []Crash `json:"items" nullable:"false"`
	Next  string  `json:"next,omitempty" doc:"Cursor of the next page; empty on the last"`
}

// LogRange says which part of a crash's log is wanted. The zero value asks for
// the crash itself: its reports, with some lines around them.
type LogRange struct {
	First  int  // 1-based number of the first line
	Lines  int  // lines wanted; 0 means up to the end of the crash, at most MaxLogLines
	Around int  // lines of context before and after where First is 0; 0 means 40
	Whole  bool // from the first line of the artefact; the same as First 1
}

// MaxLogLines bounds how many lines one LogText holds.
const MaxLogLines = 5000

// LogText is a part of the text an artefact holds, after decompression.
type LogText struct {
	Lines []LogLine `json:"lines" nullable:"false"`
	// Before and After tell whether the log has more lines on either side.
	Before bool `json:"before"`
	After  bool `json:"after"`
}

// LogLine is one line with its place. Text holds the line's bytes as they are,
// without the line end, so that an evidence span [Start, End) is
// Text[span.Start-Start : span.End-Start]; it may be invalid UTF-8.
type LogLine struct {
	Number  int    `json:"number"`
	Start   int64  `json:"start" doc:"Byte offset of the line in the decompressed artefact"`
	Text    string `json:"text"`
	Clipped bool   `json:"clipped,omitempty" doc:"The line is longer than is shown"`
}
