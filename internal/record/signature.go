package record

import "time"

// State is where the team stands with a signature.
type State string

// The states of a signature.
const (
	StateNew       State = "new"       // nobody has looked at it
	StateOpen      State = "open"      // somebody has; it is known and not done
	StateResolved  State = "resolved"  // it is said to be fixed
	StateRegressed State = "regressed" // it was resolved and came back
	StateMuted     State = "muted"     // it is known and should not ask for attention
)

// States lists the states in the order a newcomer should learn them.
var States = []State{StateNew, StateOpen, StateResolved, StateRegressed, StateMuted}

// Owner is who a signature belongs to, by the code it points at.
type Owner struct {
	Subsystem   string   `json:"subsystem"`
	Status      string   `json:"status,omitempty" doc:"Supported, Maintained, Odd Fixes, Orphan"`
	Maintainers []string `json:"maintainers" nullable:"false" doc:"Name <address>"`
	Lists       []string `json:"lists" nullable:"false"`
	File        string   `json:"file,omitempty" doc:"The source file that decided"`
	Why         string   `json:"why,omitempty" doc:"The rule that decided"`
}

// Signature is a class of crashes.
type Signature struct {
	ID          string     `json:"id"`
	Key         string     `json:"key" doc:"The portable signature"`
	Algorithm   string     `json:"algorithm" doc:"Version of the rules that made the key"`
	Family      string     `json:"family"`
	Title       string     `json:"title"`
	Kind        string     `json:"kind"`
	Class       string     `json:"class"`
	Function    string     `json:"function,omitempty" doc:"The guilty function"`
	Module      string     `json:"module,omitempty"`
	State       State      `json:"state" enum:"new,open,resolved,regressed,muted"`
	StateSince  time.Time  `json:"state_since"`
	ResolvedIn  string     `json:"resolved_in,omitempty" doc:"The kernel release that is said to have the fix"`
	MutedUntil  *time.Time `json:"muted_until,omitempty"`
	Assignee    string     `json:"assignee,omitempty"`
	Owner       *Owner     `json:"owner"`
	FirstSeen   time.Time  `json:"first_seen"`
	LastSeen    time.Time  `json:"last_seen"`
	FirstKernel *KernelRef `json:"first_kernel" doc:"The kernel it was first seen on"`
	Crashes     int64      `json:"crashes" doc:"Crashes whose primary report has it"`
	Secondary   int64      `json:"secondary" doc:"Further reports that have it, caused by or beside another"`
	Hosts       int64      `json:"hosts"`
	Kernels     int64      `json:"kernels"`
	Panics      int64      `json:"panics" doc:"Crashes that ended in a panic"`
	Trend       Trend      `json:"trend" doc:"Crashes per day, the last 30 days or the window asked for"`
	Recent      int64      `json:"recent" doc:"Crashes in the last 7 days"`
	Previous    int64      `json:"previous" doc:"Crashes in the 7 days before those"`
	Demo        bool       `json:"demo"`
	Merged      int64      `json:"merged" doc:"Signatures that count here, itself among them; 0 if none was merged into it"`
	Group       string     `json:"group,omitempty" doc:"The signature that stands for it, where that is another"`
}

// Rising tells whether a signature clearly grows: at least 5 crashes in the
// last 7 days and at least twice as many as in the 7 days before.
func (s *Signature) Rising() bool { return s.Recent >= 5 && s.Recent >= 2*s.Previous }

// SignatureSort orders a list of signatures.
type SignatureSort string

// The orders of signatures, largest or newest first.
const (
	SignaturesByLastSeen  SignatureSort = "last_seen"
	SignaturesByFirstSeen SignatureSort = "first_seen"
	SignaturesByCrashes   SignatureSort = "count"
	SignaturesByHosts     SignatureSort = "hosts"
	SignaturesByTrend     SignatureSort = "trend" // crashes of the last 7 days less those of the 7 before
)

// SignatureFilter selects signatures. Empty fields select all.
type SignatureFilter struct {
	// Text is words, all of which must be found: in the title, the family, the
	// key, the owner, or as the start of a function in one of its stacks.
	Text    string
	Kinds   []string
	Classes []string
	States  []State
	Kernel  string    // ID or release: seen on it
	Host    string    // ID or name: seen on it
	Owner   string    // subsystem, exact; "-" selects those without an owner
	Since   time.Time // seen at or after
	// Secondary also selects signatures that were only ever seen beside or
	// because of another.
	Secondary bool
	Sort      SignatureSort
	Reverse   bool // smallest or oldest first
	Window
}

// SignaturePage is a part of a list of signatures.
type SignaturePage struct {
	Total int64       `json:"total"`
	Items []Signature `json:"items" nullable:"false"`
	// Facets count what the whole list holds, for a page to offer as filters.
	Facets Facets `json:"facets"`
}

// Facets count the signatures of the record by the values a filter can take,
// without regard to the filter in use.
type Facets struct {
	States  []Facet `json:"states" nullable:"false"`
	Classes []Facet `json:"classes" nullable:"false"`
	Kinds   []Facet `json:"kinds" nullable:"false"`
	Owners  []Facet `json:"owners" nullable:"false" doc:"At most 50, most signatures first"`
	Kernels []Facet `json:"kernels" nullable:"false" doc:"Releases, at most 50, newest first"`
}

// Facet is a value and how many signatures have it.
type Facet struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// SignatureDetail is a signature with its history and its evidence.
type SignatureDetail struct {
	Signature
	Basis     []string      `json:"basis" nullable:"false" doc:"What the key was made from"`
	Stack     []StackLine   `json:"stack" nullable:"false" doc:"The main stack of the newest exemplar, innermost first"`
	ByKernel  []KernelTrend `json:"by_kernel" nullable:"false" doc:"Trend on each kernel, most crashes first"`
	HostList  []HostSig     `json:"host_list" nullable:"false" doc:"Hosts, most crashes first, at most 100"`
	Exemplars []Crash       `json:"exemplars" nullable:"false" doc:"Kept as evidence whatever the retention: the first ever, then the newest on each kernel; newest first"`
	Similar   []Similar     `json:"similar" nullable:"false" doc:"Most alike first, at most 10"`
	Members   []Member      `json:"members" nullable:"false" doc:"The signatures that were merged into it, itself among them; empty if none was"`
	Links     []Link        `json:"links" nullable:"false" doc:"What people decided about it and others, newest first, at most 100"`
	Activity  []Activity    `json:"activity" nullable:"false" doc:"Newest first, at most 100"`
}

// StackLine is one frame as a page shows it.
type StackLine struct {
	Function string `json:"function"`
	Module   string `json:"module,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Inline   bool   `json:"inline,omitempty"`
	Guilty   bool   `json:"guilty,omitempty"`
	Basis    bool   `json:"basis,omitempty" doc:"Its function is part of what the signature was made from"`
}

// Activity is something that was done to or happened to a signature.
type Activity struct {
	At   time.Time `json:"at"`
	By   string    `json:"by,omitempty" doc:"Who; empty for the record itself"`
	What string    `json:"what" enum:"state,note,assign,merge,unmerge,refuse,unrefuse,rules"`
	From string    `json:"from,omitempty"`
	To   string    `json:"to,omitempty"`
	Note string    `json:"note,omitempty"`
	// Crash is the crash that made the record act, as on a regression.
	Crash string `json:"crash,omitempty"`
}

// SignatureChange is what a person decides about a signature. Nil fields stay
// as they are.
type SignatureChange struct {
	State      *State
	ResolvedIn string     // with Resolved: the release that has the fix; empty means from now on
	MutedUntil *time.Time // with Muted: when it may ask for attention again; nil means never
	Assignee   *string
	Note       string // kept in the activity, with or without a change
	By         string // who decides

	at time.Time // when; zero means now
}
