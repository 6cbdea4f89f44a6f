// Command similar measures package similar against labelled reports.
//
//	go run ./bench/conformance/similar DIR
//
// DIR holds cases in syzkaller's format: header lines with TITLE and ALT, an
// empty line, the log. Two reports are the same if they share a title or an
// alternative title; those that the labels call corrupted are left out. Every pair is judged by four methods, and the precision,
// recall and F1 of each are printed as a JSON object:
//
//	same          zone Same of package similar
//	suggest       zone Same or Suggest
//	portable      equal portable signatures, nothing else
//	levenshtein   normalised edit distance of the stacks of at most 0.3, the cut
//	              of the published baseline
//
// With -exact the alternative titles do not count. With -sweep it prints F1 for
// every threshold in steps of 0.05, which is how the thresholds were chosen.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ringside/crash"
	"ringside/similar"
)

func main() {
	exact := flag.Bool("exact", false, "compare titles only, without their alternatives")
	sweep := flag.Bool("sweep", false, "print the scores at every threshold")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: similar [-exact] [-sweep] DIR")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *exact, *sweep); err != nil {
		fmt.Fprintln(os.Stderr, "similar:", err)
		os.Exit(1)
	}
}

func run(dir string, exact, sweep bool) error {
	reports, err := readReports(dir, exact)
	if err != nil {
		return err
	}
	m := &similar.Model{Prior: crash.Prior}
	// Weights are learned from distinct signatures, as a record does.
	seen := map[string]bool{}
	for i := range reports {
		if r := &reports[i]; !seen[r.portable] {
			seen[r.portable] = true
			m.Add(&r.stack)
		}
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	if sweep {
		return out.Encode(sweepThresholds(reports, m))
	}
	return out.Encode(judge(reports, m))
}

// labelled is a report with its truth.
type labelled struct {
	titles   []string
	portable string
	stack    similar.Stack
}

func readReports(dir string, exact bool) ([]labelled, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []labelled
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		head, log, _ := bytes.Cut(bytes.ReplaceAll(data, []byte("\r"), nil), []byte("\n\n"))
		if i := bytes.Index(log, []byte("\n\nREPORT:\n")); i >= 0 {
			log = log[:i+1]
		}
		var l labelled
		for line := range strings.SplitSeq(string(head), "\n") {
			key, v, _ := strings.Cut(line, ": ")
			if key == "TITLE" || key == "ALT" && !exact {
				l.titles = append(l.titles, v)
			}
		}
		doc, err := crash.Parse(context.Background(), bytes.NewReader(log), crash.Options{})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		// The title is of the first report that a log holds. "In corrupted" is a
		// bin for what the peer could not name, and not a class.
		if len(l.titles) == 0 || len(doc.Reports) == 0 || strings.Contains(l.titles[0], "in corrupted") {
			continue
		}
		l.stack, l.portable = crash.StackOf(&doc.Reports[0]), doc.Reports[0].Signature.Portable
		out = append(out, l)
	}
	return out, nil
}

func (a *labelled) same(b *labelled) bool {
	return slices.ContainsFunc(a.titles, func(t string) bool { return slices.Contains(b.titles, t) })
}
