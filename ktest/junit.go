package ktest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// JUnit reads JUnit's XML, as Surefire, pytest, KUnit and most others write it.
func JUnit(text []byte) (*Run, error) {
	run := &Run{Format: FormatJUnit}
	d := xml.NewDecoder(bytes.NewReader(text))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	open := []suite{{}}
	var (
		names []string
		test  *Result
		body  *strings.Builder
	)
	line := func() int { l, _ := d.InputPos(); return l }
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			run.problem(line(), true, "the document ends here: "+err.Error())
			if test != nil {
				test.Status, test.Reason = Crashed, "its entry is cut"
				open[len(open)-1].tests = append(open[len(open)-1].tests, *test)
			}
			run.Tests = fold(open, names)
			return run.Judge(), fmt.Errorf("junit, line %d: %w", line(), err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			switch x.Name.Local {
			case "testsuite":
				if len(open) > maxDepth {
					return run.Judge(), fmt.Errorf("junit, line %d: suites nested more than %d deep", line(), maxDepth)
				}
				open, names = append(open, suite{}), append(names, attr(x, "name"))
			case "testcase":
				name := attr(x, "name")
				if class := attr(x, "classname"); class != "" && (len(names) == 0 || class != names[len(names)-1]) {
					name = class + "." + name
				}
				took, _ := strconv.ParseFloat(attr(x, "time"), 64) // some write none
				test = &Result{Name: name, Status: Pass, Took: max(took, 0), Line: line()}
			case "failure", "error", "skipped":
				if test != nil {
					test.Status = map[string]Status{"failure": Fail, "error": Error, "skipped": Skip}[x.Name.Local]
					test.Reason, body = clip([]byte(attr(x, "message"))), &strings.Builder{}
				}
			}
		case xml.CharData:
			if body != nil && body.Len() < maxLog*maxLine {
				body.Write(x)
			}
		case xml.EndElement:
			switch x.Name.Local {
			case "failure", "error", "skipped":
				if test != nil && body != nil {
					for l := range strings.Lines(strings.TrimSpace(body.String())) {
						if len(test.Log) < maxLog {
							test.Log = append(test.Log, clip([]byte(strings.TrimRight(l, "\r\n"))))
						}
					}
				}
				body = nil
			case "testcase":
				if test != nil && len(open) > 0 {
					top := &open[len(open)-1]
					top.tests = append(top.tests, *test)
				}
				test = nil
			case "testsuite":
				if len(open) < 2 {
					continue
				}
				done := open[len(open)-1]
				open = open[:len(open)-1]
				top := &open[len(open)-1]
				t := Result{Name: names[len(names)-1], Tests: done.tests, Status: Empty}
				names = names[:len(names)-1]
				if len(done.tests) > 0 {
					t.Status = worst(done.tests)
				} else {
					continue // suites that hold nothing are made by many writers
				}
				top.tests = append(top.tests, t)
			}
		}
	}
	if len(open) > 1 {
		run.problem(line(), true, "the document ends within a suite")
	}
	run.Tests = fold(open, names)
	return run.Judge(), nil
}

// suite is one that has begun.
type suite struct{ tests []Result }

// fold closes the suites that are open.
func fold(open []suite, names []string) []Result {
	for i := len(open) - 1; i > 0; i-- {
		open[i-1].tests = append(open[i-1].tests, Result{Name: names[i-1], Status: Crashed, Tests: open[i].tests})
	}
	return open[0].tests
}

func attr(x xml.StartElement, name string) string {
	for _, a := range x.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
