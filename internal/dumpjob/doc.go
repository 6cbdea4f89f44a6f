// Package dumpjob analyses kernel dumps for a server, each in a process of its
// own (package child): [Analyzer] is the parent, [Run] the child, outcome.go what
// goes from one to the other.
package dumpjob
