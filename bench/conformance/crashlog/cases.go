package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"ringside/crash"
)

// testCase is one file: header lines, an empty line, the log.
type testCase struct {
	name      string
	title     string
	typ       string
	frame     string // function that the peer blames, "" if it names none
	file      string // FILE header of guilty cases
	corrupted bool
	panicked  bool
	log       []byte
}

// inFrame is how a title names a function.
var inFrame = regexp.MustCompile(` in ((?:<[a-zA-Z0-9_: ]+>)?[a-zA-Z0-9_:]+)`)

func readCases(dir string) ([]testCase, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var cases []testCase
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		cases = append(cases, parseCase(e.Name(), data))
	}
	sort.Slice(cases, func(i, j int) bool { return cases[i].name < cases[j].name })
	return cases, nil
}

func parseCase(name string, data []byte) testCase {
	data = bytes.ReplaceAll(data, []byte("\r"), nil)
	head, log, _ := bytes.Cut(data, []byte("\n\n"))
	if i := bytes.Index(log, []byte("\n\nREPORT:\n")); i >= 0 {
		log = log[:i+1]
	}
	c := testCase{name: name, log: log}
	for line := range strings.SplitSeq(string(head), "\n") {
		key, v, _ := strings.Cut(line, ": ")
		switch key {
		case "TITLE":
			c.title = v
		case "TYPE":
			c.typ = v
		case "FRAME":
			c.frame = v
		case "FILE":
			c.file = v
		case "CORRUPTED":
			c.corrupted = v == "Y"
		case "PANICKED":
			c.panicked = v == "Y"
		}
	}
	if c.frame == "" {
		// The last "in": titles such as "in preemptible code in foo".
		if all := inFrame.FindAllStringSubmatch(c.title, -1); len(all) > 0 && all[len(all)-1][1] != "corrupted" {
			c.frame = all[len(all)-1][1]
		}
	}
	return c
}

//go:embed types.json
var typesJSON []byte

// types maps our kinds to the peer's types and says which cases are about the
// peer's own notions.
type types struct {
	// Kinds: our kind, or kind/mechanism/access, to the peer's types that are
	// the same thing. The longest key that fits counts.
	Kinds map[string][]string `json:"kinds"`
	// Incomplete: our kind of a report that lacks parts, to the types that the
	// peer falls back to where it cannot read on.
	Incomplete map[string][]string `json:"incomplete"`
	// Unscored are types that say nothing about the kernel's own report.
	Unscored []string `json:"unscored"`
	// Absent are kinds that the peer has no report for.
	Absent []string `json:"absent_kinds"`
	// Foreign are beginnings of titles of programs other than the kernel.
	Foreign []string `json:"foreign_titles"`
}

func readTypes() (types, error) {
	var t types
	if err := json.Unmarshal(typesJSON, &t); err != nil {
		return t, fmt.Errorf("types.json: %w", err)
	}
	known := map[string]bool{}
	for _, k := range crash.Kinds() {
		known[string(k)] = true
	}
	for key := range t.Kinds {
		if kind, _, _ := strings.Cut(key, "/"); !known[kind] {
			return t, fmt.Errorf("types.json: there is no kind %q", kind)
		}
	}
	return t, nil
}

// of returns the peer's types for a report.
func (t types) of(r *crash.Report) []string {
	key := string(r.Kind)
	best := t.Kinds[key]
	if f := r.Fault; f != nil {
		if m, ok := t.Kinds[key+"//"+f.Access]; ok {
			best = m
		}
		reason := strings.TrimPrefix(f.Reason, "slab-")
		if m, ok := t.Kinds[key+"/"+reason]; ok {
			best = m
		}
		if m, ok := t.Kinds[key+"/"+reason+"/"+f.Access]; ok {
			best = m
		}
	}
	return best
}
