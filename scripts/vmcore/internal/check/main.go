// Command check triages the lab's dumps and compares what it is told with the
// labels. It reads the rows of `lab list` with all their columns, the kernel's
// name before them, and counts what is right.
//
//	lab cases | check -dumps DIR -ringside PROGRAM
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// label is one row: what was done, and what must be found.
type label struct {
	kernel, name string
	kinds        []string   // of the first finding; "crash:KIND" names the report's kind too
	names        [][]string // of each, one must be in the first finding
}

// document is what check needs of a triage.
type document struct {
	Rung     string            `json:"rung"`
	Findings []json.RawMessage `json:"findings"`
	Crash    *struct {
		Reports []json.RawMessage `json:"reports"`
	} `json:"crash"`
	Sections struct {
		Tasks struct {
			Tasks []ownTask `json:"tasks"`
		} `json:"tasks"`
	} `json:"sections"`
}

// score counts what was compared.
type score struct {
	right, wrong, absent int
	peers                peers
}

func main() {
	dumps := flag.String("dumps", "", "`folder` of the lab's dumps")
	program := flag.String("ringside", "bin/ringside", "`program` to check")
	flag.Parse()
	s, err := check(os.Stdin, os.Stdout, *dumps, *program)
	if s.absent > 0 {
		fmt.Printf("SKIPPED %d cases that have no dump; scripts/vmcore/lab make\n", s.absent)
	}
	fmt.Println(&s.peers)
	fmt.Printf("%d of %d dumps are told rightly\n", s.right, s.right+s.wrong)
	if err != nil {
		fmt.Fprintln(os.Stderr, "check:", err)
		os.Exit(2)
	}
	if s.wrong > 0 {
		os.Exit(1)
	}
}

func check(in io.Reader, out io.Writer, dumps, program string) (s score, err error) {
	rows := bufio.NewScanner(in)
	for rows.Scan() {
		l, err := parseLabel(rows.Text())
		if err != nil {
			return s, err
		}
		sets, err := files(filepath.Join(dumps, l.kernel), l.name)
		if err != nil {
			return s, err
		}
		if len(sets) == 0 {
			s.absent++
		}
		for _, set := range sets {
			began := time.Now()
			what, doc, args := l.judge(program, set)
			took := time.Since(began)
			verdict := "ok     "
			if what == "" {
				s.right++
			} else {
				verdict = "WRONG  "
				s.wrong++
			}
			fmt.Fprintf(out, "%s %s/%s %.2fs %s\n", verdict, l.kernel, filepath.Base(set[0]), took.Seconds(), what)
			if ext := filepath.Ext(set[0]); doc == nil || ext == ".cut" {
				continue
			}
			differs, err := s.peers.compare(filepath.Dir(set[0]), l.name, program, args, doc)
			if err != nil {
				return s, err
			}
			if differs != "" {
				fmt.Fprintf(out, "differs %s/%s %s\n", l.kernel, filepath.Base(set[0]), differs)
			}
		}
	}
	return s, rows.Err()
}

func parseLabel(row string) (label, error) {
	f := strings.Split(row, "\t")
	if len(f) < 10 {
		return label{}, fmt.Errorf("a label has %d columns instead of 10: %s", len(f), row)
	}
	l := label{kernel: f[0], name: f[1], kinds: strings.Split(f[8], "|")}
	if f[9] != "-" {
		for n := range strings.SplitSeq(f[9], ",") {
			l.names = append(l.names, strings.Split(n, "|"))
		}
	}
	return l, nil
}

// files are the dumps of a case, each with all its parts.
func files(dir, name string) (sets [][]string, err error) {
	all, err := filepath.Glob(filepath.Join(dir, name+".*"))
	if err != nil {
		return nil, err
	}
	var parts []string
	for _, f := range all {
		switch ext := filepath.Ext(f); {
		case slices.Contains([]string{".console", ".dmesg", ".json"}, ext):
		case strings.HasPrefix(ext, ".split"):
			parts = append(parts, f)
		default:
			sets = append(sets, []string{f})
		}
	}
	if parts != nil {
		sets = append(sets, parts)
	}
	return sets, nil
}

// judge says what is wrong with the triage of a dump, or nothing.
func (l label) judge(program string, set []string) (what string, doc *document, args []string) {
	if filepath.Ext(set[0]) == ".ram" {
		base := "0"
		if strings.Contains(l.kernel, "arm64") {
			base = "0x40000000"
		}
		args = append(args, "--raw", "--base", base)
	}
	args = append(args, set...)
	cmd := exec.CommandContext(context.Background(), program, append([]string{"vmcore", "triage", "--json"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	// Exit code 1 says that there are findings.
	if exit := new(exec.ExitError); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		return fmt.Sprintf("%v: %s", err, lastLine(stderr.String())), nil, nil
	}
	doc = &document{}
	if err := json.Unmarshal(output, doc); err != nil {
		return fmt.Sprintf("no JSON: %v", err), nil, nil
	}
	return l.mistake(doc, filepath.Ext(set[0]) == ".cut"), doc, args
}

// mistake says how the findings differ from the label.
func (l label) mistake(doc *document, cut bool) string {
	if cut {
		return "" // where the kernel itself is cut off, an answer is all that can be asked
	}
	if len(doc.Findings) == 0 {
		if slices.Equal(l.kinds, []string{"-"}) {
			return ""
		}
		return "no finding; rung " + doc.Rung
	}
	var first struct {
		Kind, Title string
		Report      *int
	}
	if err := json.Unmarshal(doc.Findings[0], &first); err != nil {
		return fmt.Sprintf("the first finding: %v", err)
	}
	text := string(doc.Findings[0])
	kinds := []string{first.Kind}
	if first.Report != nil && doc.Crash != nil && *first.Report >= 0 && *first.Report < len(doc.Crash.Reports) {
		report := doc.Crash.Reports[*first.Report]
		var r struct {
			Kind   string
			Guilty json.RawMessage
			Comm   string
		}
		if err := json.Unmarshal(report, &r); err != nil {
			return fmt.Sprintf("report %d: %v", *first.Report, err)
		}
		kinds = append(kinds, first.Kind+":"+r.Kind)
		text += string(r.Guilty) + r.Comm
	}
	found := fmt.Sprintf("found %s %q, rung %s", kinds[len(kinds)-1], first.Title, doc.Rung)
	if !slices.ContainsFunc(l.kinds, func(k string) bool { return slices.Contains(kinds, k) }) {
		return fmt.Sprintf("%s; must be %s", found, strings.Join(l.kinds, " or "))
	}
	for _, any := range l.names {
		if !slices.ContainsFunc(any, func(n string) bool { return strings.Contains(text, n) }) {
			return fmt.Sprintf("%s; must name %s", found, strings.Join(any, " or "))
		}
	}
	return ""
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
