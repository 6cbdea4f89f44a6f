// Command verdict compares what two triages say is wrong:
//
//	verdict BEFORE.json AFTER.json
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
)

// document is what is needed of a triage of a dump.
type document struct {
	Rung     string `json:"rung"`
	Findings []struct {
		Kind  string `json:"kind"`
		Title string `json:"title"`
	} `json:"findings"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		slog.Error("the verdicts differ", "err", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("want two files")
	}
	var docs [2]document
	for i, name := range args {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &docs[i]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if len(docs[i].Findings) == 0 {
			return fmt.Errorf("%s says nothing", name)
		}
	}
	before, after := docs[0], docs[1]
	fmt.Printf("before (%s): %s\nafter  (%s): %s\n", before.Rung, before.Findings[0].Title, after.Rung, after.Findings[0].Title)
	if before.Rung != after.Rung || before.Findings[0] != after.Findings[0] {
		return errors.New("the first findings are not the same")
	}
	return nil
}
