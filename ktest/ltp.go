package ktest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// The lines of LTP's tests: of the library of today, "fork01.c:82: TPASS: it forked", and of
// the old one, "fork01    1  TPASS  :  it forked".
var (
	ltpNew = regexp.MustCompile(`^([\w.+-]+?)(?:\.[ch])?:(?:[\w]+:)?\d+: (TPASS|TFAIL|TBROK|TCONF|TWARN)(?::|\b)\s*(.*)$`)
	ltpOld = regexp.MustCompile(`^([\w.+-]+)\s+(\d+)\s+(TPASS|TFAIL|TBROK|TCONF|TWARN)\s*:\s*(.*)$`)
)

var ltpStatus = map[string]Status{"TPASS": Pass, "TFAIL": Fail, "TBROK": Error, "TCONF": Skip}

// LTP reads the text of LTP's tests. Each TPASS, TFAIL, TBROK and TCONF is a result of the
// program that printed it; a warning is none.
func LTP(r io.Reader) (*Run, error) {
	run := &Run{Format: FormatLTP}
	var lines ltpLines
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), 1<<20)
	n := 0
	for s.Scan() {
		n++
		lines.line(unprefix(bytes.TrimRight(s.Bytes(), "\r")), n)
	}
	run.Tests = lines.tests
	for _, p := range lines.problems {
		run.problem(p.Line, p.Severe, p.Text)
	}
	err := s.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		err = fmt.Errorf("line %d has more than a megabyte", n+1)
		run.problem(n+1, true, err.Error())
	}
	return run.Judge(), err
}

// ltpLines collects LTP's results, out of whatever else is printed.
type ltpLines struct {
	tests    []Result
	problems []Problem
	at       map[string]int
	results  int
}

// line takes a line, and tells whether it was one of LTP's.
func (l *ltpLines) line(b []byte, number int) bool {
	if !bytes.Contains(b, []byte("TPASS")) && !bytes.Contains(b, []byte("TFAIL")) && !bytes.Contains(b, []byte("TBROK")) &&
		!bytes.Contains(b, []byte("TCONF")) && !bytes.Contains(b, []byte("TWARN")) || len(b) > 64<<10 {
		return false
	}
	text := ansi.ReplaceAllString(string(b), "")
	var name, kind, what string
	if m := ltpNew.FindStringSubmatch(text); m != nil {
		name, kind, what = m[1], m[2], m[3]
	} else if m = ltpOld.FindStringSubmatch(text); m != nil {
		name, kind, what = m[1], m[3], m[4]
	} else {
		return false
	}
	if kind == "TWARN" {
		if len(l.problems) < maxProblems {
			l.problems = append(l.problems, Problem{Line: number, Text: name + ": " + clip([]byte(what))})
		}
		return true
	}
	if l.results++; l.results > maxResults {
		if l.results == maxResults+1 {
			l.problems = append(l.problems, Problem{Line: number, Text: "too many results; the rest is not kept", Severe: true})
		}
		return true
	}
	i, ok := l.at[name]
	if !ok {
		if l.at == nil {
			l.at = map[string]int{}
		}
		i = len(l.tests)
		l.at[name] = i
		l.tests = append(l.tests, Result{Name: name, Status: Skip, Line: number})
	}
	t := &l.tests[i]
	t.Tests = append(t.Tests, Result{Name: clip([]byte(what)), Status: ltpStatus[kind], Line: number})
	t.Status = worse(t.Status, ltpStatus[kind])
	return true
}

// worse is the status of a test by what it was and what came.
func worse(was, is Status) Status {
	if was.Bad() && (was == Fail || !is.Bad()) {
		return was
	}
	if is == Skip {
		return was
	}
	return is
}

var ansi = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// worst is the status of a test by those of its parts.
func worst(tests []Result) Status {
	status := Skip
	for i := range tests {
		switch s := tests[i].Status; {
		case s == Fail || s == Crashed:
			return Fail
		case s.Bad():
			status = s
		case s == Pass && status == Skip:
			status = Pass
		}
	}
	return status
}

// Kirk reads the JSON of kirk and of runltp-ng.
func Kirk(text []byte) (*Run, error) {
	var doc struct {
		Results []struct {
			Name   string `json:"test_fqn"`
			Status string `json:"status"`
			Test   struct {
				Log      string  `json:"log"`
				Retval   any     `json:"retval"`
				Duration float64 `json:"duration"`
				Failed   int     `json:"failed"`
				Passed   int     `json:"passed"`
				Broken   int     `json:"broken"`
				Skipped  int     `json:"skipped"`
				Result   string  `json:"result"`
			} `json:"test"`
		} `json:"results"`
		Environment struct {
			Kernel string `json:"kernel"`
			Arch   string `json:"arch"`
		} `json:"environment"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("kirk's JSON: %w", err)
	}
	run := &Run{Format: FormatKirk, Environment: Environment{Kernel: doc.Environment.Kernel, Arch: doc.Environment.Arch}}
	for _, r := range doc.Results {
		t := Result{Name: r.Name, Took: r.Test.Duration}
		switch s := strings.ToLower(r.Status + " " + r.Test.Result); {
		case r.Test.Failed > 0 || strings.HasPrefix(s, "fail"):
			t.Status = Fail
		case r.Test.Broken > 0 || strings.HasPrefix(s, "brok"):
			t.Status = Error
		case r.Test.Passed > 0 || strings.HasPrefix(s, "pass"):
			t.Status = Pass
		case r.Test.Skipped > 0 || strings.HasPrefix(s, "skip") || strings.HasPrefix(s, "conf"):
			t.Status = Skip
		default:
			t.Status, t.Reason = Error, "it says neither that it passed nor that it failed"
		}
		if t.Status.Bad() {
			for line := range strings.Lines(r.Test.Log) {
				if len(t.Log) == maxLog {
					break
				}
				t.Log = append(t.Log, clip([]byte(strings.TrimRight(line, "\r\n"))))
			}
		}
		run.Tests = append(run.Tests, t)
	}
	return run.Judge(), nil
}
