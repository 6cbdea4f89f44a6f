// Command testsummary reads the events of `go test -json`: while the tests run
// it shows what fails, and afterwards it counts. A skipped test is named with
// its reason, because a test that does not run proves nothing.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
)

// event is one line of `go test -json`.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

// tally is what the report needs of a run.
type tally struct {
	Passed, Failed, Skipped int
	Failures                []string
	Skips                   map[string]string
	Packages                map[string]float64
}

func main() {
	events := flag.String("events", "", "read events from standard input, write the tally to this file")
	report := flag.String("report", "", "print the tally in this file")
	flag.Parse()
	var err error
	switch {
	case *events != "":
		err = collect(*events)
	case *report != "":
		err = print(*report)
	default:
		flag.Usage()
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsummary:", err)
		os.Exit(1)
	}
}

func collect(path string) error {
	t := tally{Skips: map[string]string{}, Packages: map[string]float64{}}
	output := map[string][]string{}
	sc := bufio.NewScanner(os.Stdin)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		var e event
		if json.Unmarshal(sc.Bytes(), &e) != nil {
			fmt.Println(sc.Text()) // what the build says
			continue
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "output":
			if len(output[key]) < 400 {
				output[key] = append(output[key], e.Output)
			}
		case "pass", "fail", "skip":
			if e.Test == "" {
				t.Packages[e.Package] = e.Elapsed
				fmt.Printf("    %-4s %6.1f s  %s\n", e.Action, e.Elapsed, e.Package)
				if e.Action == "fail" {
					fmt.Print(strings.Join(output[key], ""))
					t.Failures = append(t.Failures, e.Package)
				}
				break
			}
			t.count(e, output[key])
			delete(output, key)
		case "build-output":
			fmt.Print(e.Output)
		case "build-fail":
			t.Failed++
		}
	}
	if err := sc.Err(); err != nil {
		return err
	}
	data, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return err
	}
	if t.Failed > 0 || len(t.Failures) > 0 {
		return fmt.Errorf("%d tests failed", t.Failed)
	}
	return nil
}

func (t *tally) count(e event, output []string) {
	name := e.Package + "." + e.Test
	switch e.Action {
	case "pass":
		t.Passed++
	case "fail":
		t.Failed++
		t.Failures = append(t.Failures, name)
		fmt.Print(strings.Join(output, ""))
	case "skip":
		t.Skipped++
		t.Skips[name] = reason(output)
	}
}

// reason is the line in which a test said why it was skipped.
func reason(output []string) string {
	for i := len(output) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(output[i]); line != "" && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "===") {
			return line
		}
	}
	return "no reason given"
}

func print(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var t tally
	if err := json.Unmarshal(data, &t); err != nil {
		return fmt.Errorf("the tests did not run to their end: %w", err)
	}
	var names []string
	for name := range t.Skips {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Printf("skipped  %s\n         %s\n", name, t.Skips[name])
	}
	for _, name := range t.Failures {
		fmt.Printf("FAILED   %s\n", name)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", t.Passed, t.Failed, t.Skipped)
	if t.Failed > 0 || len(t.Failures) > 0 || t.Passed == 0 {
		os.Exit(1)
	}
	return nil
}
