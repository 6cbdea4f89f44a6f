// Command crashlog scores package crash on a folder of cases in the format of
// syzkaller's report tests, and prints the scores as JSON:
//
//	go run ./bench/conformance/crashlog DIR          # DIR holds report/ and guilty/
//	go run ./bench/conformance/crashlog -bench DIR   # throughput as well
//	go run ./bench/conformance/crashlog -misses DIR  # what was wrong, on standard error
//
// Only what is neutral in a case is scored: crash or not, kind after mapping
// (types.json), guilty function and file, panicked, and that the answers do not
// depend on transport, benign lines or another report in between, or lost first
// lines. The cases
// are read where they are; none is named or treated specially here.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// Scores is what the tool prints.
type Scores struct {
	Cases        int                      `json:"cases"`
	Detection    Detection                `json:"detection"`
	Type         Ratio                    `json:"type"`
	Guilty       Ratio                    `json:"guilty_function"`
	GuiltyTop3   Ratio                    `json:"guilty_function_top3"`
	ByType       map[string]*PerType      `json:"by_type"`
	Panicked     Ratio                    `json:"panicked"`
	Integrity    Precision                `json:"integrity"`
	GuiltyFile   Ratio                    `json:"guilty_file"`
	Transports   map[string]*Ratio        `json:"same_signature_by_transport"`
	Benign       Ratio                    `json:"same_signature_with_benign_lines"`
	HeadLost     map[string]*HeadLoss     `json:"head_lost"`
	Interleaving map[string]*Interleaving `json:"interleaved_without_callers"`
	Throughput   *Throughput              `json:"throughput,omitempty"`
}

// Ratio counts right answers.
type Ratio struct {
	Right int     `json:"right"`
	Of    int     `json:"of"`
	Rate  float64 `json:"rate"`
}

func (r *Ratio) add(right bool) {
	r.Of++
	if right {
		r.Right++
	}
	r.Rate = float64(r.Right) / float64(r.Of)
}

// Detection counts crashes found and non-crashes left alone.
type Detection struct {
	Positives Ratio `json:"positives"`
	Negatives Ratio `json:"negatives"`
}

// PerType are the scores of one of the peer's types.
type PerType struct {
	Type   Ratio `json:"type"`
	Guilty Ratio `json:"guilty_function"`
}

// Precision compares our missing parts with the peer's corrupted bit.
type Precision struct {
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	TP        int     `json:"tp"`
	FP        int     `json:"fp"`
	FN        int     `json:"fn"`
}

// HeadLoss says what is left when the first lines of a report are gone.
type HeadLoss struct {
	Detected Ratio `json:"detected"`
	Guilty   Ratio `json:"guilty_function"`
}

func main() {
	bench := flag.Bool("bench", false, "measure throughput as well")
	misses := flag.Bool("misses", false, "print each wrong answer to standard error")
	export := flag.String("export", "", "write the logs that -bench parses to files in this `DIR`, for a peer, and end")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	do := func() error { return run(flag.Arg(0), *bench, *misses) }
	if *export != "" {
		do = func() error { return exportLogs(flag.Arg(0), *export) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "crashlog:", err)
		os.Exit(1)
	}
}

func run(dir string, bench, misses bool) error {
	scores, err := score(dir, misses)
	if err != nil {
		return err
	}
	if bench {
		reports, err := readCases(filepath.Join(dir, "report"))
		if err != nil {
			return err
		}
		if scores.Throughput, err = throughput(reports); err != nil {
			return err
		}
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(scores)
}

// score runs every case below dir.
func score(dir string, misses bool) (*Scores, error) {
	reports, err := readCases(filepath.Join(dir, "report"))
	if err != nil {
		return nil, err
	}
	if len(reports) == 0 {
		return nil, fmt.Errorf("%s/report holds no cases", dir)
	}
	s := &scorer{scores: Scores{Cases: len(reports), ByType: map[string]*PerType{}, Transports: map[string]*Ratio{}, HeadLost: map[string]*HeadLoss{}, Interleaving: map[string]*Interleaving{}}, misses: misses}
	if s.types, err = readTypes(); err != nil {
		return nil, err
	}
	for i := range reports {
		if err := s.report(&reports[i]); err != nil {
			return nil, fmt.Errorf("case %s: %w", reports[i].name, err)
		}
	}
	guilty, err := readCases(filepath.Join(dir, "guilty"))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for i := range guilty {
		if err := s.guiltyFile(&guilty[i]); err != nil {
			return nil, fmt.Errorf("case %s: %w", guilty[i].name, err)
		}
	}
	s.finish()
	return &s.scores, nil
}
