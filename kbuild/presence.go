// Package kbuild says which files of a kernel tree a configuration compiles, and into
// what: it evaluates the tree's Makefiles under a .config without running make.
package kbuild

import "strings"

// A State says whether a file's code is in a build.
type State uint8

// The states. Only NotCompiled may be used to dismiss something: it is proved by the
// Makefiles, with the condition that fails. What cannot be proved is Unknown.
const (
	// Unknown: the Makefiles do not say, or could not be read in full.
	Unknown State = iota
	// Compiled: at least one object that the build makes contains code of the file.
	Compiled
	// NotCompiled: no object that the build makes contains anything of the file.
	NotCompiled
	// Absent: the tree has no such file. It may have another name in this tree, so this
	// alone proves nothing.
	Absent
)

// String gives the state's name as JSON has it.
func (s State) String() string {
	return [...]string{"unknown", "compiled", "not_compiled", "absent"}[s]
}

// MarshalText gives the name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Vmlinux is the Target of code that is always in the kernel.
const Vmlinux = "vmlinux"

// A Step is one reason in a chain: a place in a file and what it says there.
type Step struct {
	File string `json:"file"` // path in the tree
	Line int    `json:"line,omitempty"`
	// Text is the reason in words, as "obj-$(CONFIG_SMB_SERVER) += ksmbd.o".
	Text string `json:"text"`
	// Symbol and Value are the configuration that decided it, where one did: SMB_SERVER, n.
	Symbol string `json:"symbol,omitempty"`
	Value  string `json:"value,omitempty"`
}

// A Presence is where the code of one file is in a build.
type Presence struct {
	Path  string `json:"path"`
	State State  `json:"state"`
	// Targets are what contains it: Vmlinux, or a module as "fs/ksmbd/ksmbd.ko".
	Targets []string `json:"targets,omitempty"`
	// Why is the chain that proves the state: for a file that is compiled from the root's
	// Makefile down to it, for one that is not the condition that fails.
	Why []Step `json:"why,omitempty"`
	// Lines are set where the question was about some lines of the file alone.
	Lines *Span `json:"lines,omitempty"`
}

// OnlyModules says that the code is compiled, but into modules alone: a host has it only
// while it has one of them loaded.
func (p Presence) OnlyModules() bool {
	for _, t := range p.Targets {
		if !strings.HasSuffix(t, ".ko") {
			return false
		}
	}
	return p.State == Compiled && len(p.Targets) > 0
}
