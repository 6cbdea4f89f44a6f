// Command movedfiles makes the table of package kbuild/moved out of trees of Linux, from
// the oldest to the newest:
//
//	go run ./scripts/movedfiles NAME=DIR NAME=DIR... > kbuild/moved/table.txt
//
// Each tree is compared with the next, in both directions: a record may name a file as a
// later release has it, or as an earlier one had it.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"ringside/kbuild/moved"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "movedfiles:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var names, dirs []string
	for _, a := range args {
		name, dir, ok := strings.Cut(a, "=")
		if !ok {
			return fmt.Errorf("%s is not NAME=DIR", a)
		}
		names, dirs = append(names, name), append(dirs, dir)
	}
	if len(dirs) < 2 {
		return fmt.Errorf("give at least two trees")
	}
	var edges []moved.Edge
	// The newest names are those that records have: what is learned of them counts.
	for i := len(dirs) - 1; i > 0; i-- {
		for _, pair := range [][2]int{{i, i - 1}, {i - 1, i}} {
			list, err := moved.Learn(os.DirFS(dirs[pair[0]]), os.DirFS(dirs[pair[1]]))
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "%s, absent in %s: %d\n", names[pair[0]], names[pair[1]], len(list))
			edges = append(edges, list...)
		}
	}
	fmt.Printf("# Files of Linux that were, or went, elsewhere between %s.\n", strings.Join(names, ", "))
	fmt.Println("# Made by scripts/movedfiles by comparing the lines of these releases' files.")
	_, err := fmt.Print(moved.Format(slices.Clip(edges)))
	return err
}
