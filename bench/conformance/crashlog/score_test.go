package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestFloors keeps what has been reached. The cases are external: they are read
// where they are, and without them there is nothing to score.
func TestFloors(t *testing.T) {
	corpus := os.Getenv("RINGSIDE_CORPUS")
	if corpus == "" {
		t.Skip("SKIPPED: set RINGSIDE_CORPUS to the folder of the shared corpus to run the conformance test")
	}
	dir := filepath.Join(corpus, "crashlog/syzkaller")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: no peer cases: %v", err)
	}
	s, err := score(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	floor := func(what string, got Ratio, want float64) {
		t.Logf("%-28s %d of %d", what, got.Right, got.Of)
		if got.Of == 0 || got.Rate < want {
			t.Errorf("%s: %d of %d, want at least %.1f %%", what, got.Right, got.Of, want*100)
		}
	}
	floor("detected", s.Detection.Positives, 0.99)
	floor("negatives left alone", s.Detection.Negatives, 1)
	floor("type", s.Type, 0.98)
	floor("guilty function", s.Guilty, 0.95)
	floor("guilty among the first three", s.GuiltyTop3, 0.98)
	floor("guilty file", s.GuiltyFile, 0.97)
	floor("panicked", s.Panicked, 0.99)
	floor("benign lines in between", s.Benign, 0.97)
	if in := s.Integrity; in.Precision < 0.85 || in.Recall < 0.9 {
		t.Errorf("integrity: precision %.2f, recall %.2f; want at least 0.85 and 0.90", in.Precision, in.Recall)
	}
	for name, r := range s.Transports {
		floor("same signature, "+name, *r, 0.99)
	}
	for lines, h := range s.HeadLost {
		floor("found without lines: "+lines, h.Detected, 0.98)
	}
}

func TestTypes(t *testing.T) {
	if _, err := readTypes(); err != nil {
		t.Fatal(err)
	}
}
