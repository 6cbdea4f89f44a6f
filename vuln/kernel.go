package vuln

import (
	"ringside/kbuild"
	"ringside/vuln/feed"
	"ringside/vuln/ranges"
)

// A Kernel is what is known of one kernel build. Only Base is needed; whatever else is
// given makes the verdicts better.
type Kernel struct {
	Release string
	// Base is the upstream version that it was built from; see ranges.Release and
	// ranges.Makefile.
	Base ranges.Span
	// Presence says whether a source file is in the build. It is nil where the
	// configuration or the tree is not known.
	Presence func(file string) kbuild.Presence
	// Lines gives where the lines that a record's fix changes are in the build: one for each
	// change of it, and complete only where all of them were found in the sources. It is
	// nil where the build, the sources or the fixes are not at hand.
	Lines func(r *feed.Record) (changes []kbuild.Presence, complete bool)
	// Idle says whether the tree has a folder of which nothing, below it either, is in the
	// build. It may be nil.
	Idle func(dir string) bool
	// Moved gives the files of the tree in which the code of one is that the tree does not
	// have, those with the most of it first, and says whether most of it is known to be in
	// them. It may be nil.
	Moved func(file string) (names []string, whole bool)
	// Claims are what others say of fixes in this kernel: changelogs, patch stacks, logs
	// of git.
	Claims []Claims
	// Content looks for a record's fix in the sources themselves. It is nil where the
	// sources or the fixes are not at hand.
	Content func(r *feed.Record) Content
	// Modules is the state of modules on the host or fleet that runs the kernel, nil where
	// it is not known.
	Modules Modules
	// Inputs identify what the above was made from, as hashes of the configuration and the
	// tree's version. They are part of each verdict's fingerprint.
	Inputs map[string]string
}

// Claims are what a changelog or a patch stack says of fixes.
type Claims interface {
	// Fixed returns what it says of the record, nil if nothing; of the kind EvidenceRevert
	// where the fix was taken out again. A subject that more than one record has is not
	// unique: it names none of them.
	Fixed(r *feed.Record, unique bool) *Evidence
	// Brings returns what says that the kernel took a commit, nil if nothing.
	Brings(commit string) *Evidence
}

// Content is what the sources say of a fix.
type Content struct {
	State    ContentState
	Evidence Evidence
}

// A ContentState is whether a fix's change is in the sources.
type ContentState uint8

// The states.
const (
	ContentUnknown ContentState = iota
	ContentFixed
	ContentUnfixed
)

// Modules is the state of modules on a host.
type Modules interface {
	// Loaded returns those of the modules that are loaded, and for the others what would
	// load them, or what keeps them from being loaded.
	Loaded(modules []string) (loaded []string, others []Evidence)
}
