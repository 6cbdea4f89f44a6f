// Command flaw runs the rules of patch/flaw over whole folders of a kernel, as if
// everything in them were new, and prints what they find, one a line, with a count for
// each rule.
//
//	go run ./bench/flaw [-rule ID] TREE FOLDER...
package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ringside/patch/csource"
	"ringside/patch/flaw"
)

func main() {
	rule := flag.String("rule", "", "print findings of this `RULE` only")
	flag.Parse()
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "usage: flaw [-rule ID] TREE FOLDER...")
		os.Exit(2)
	}
	tree := flag.Arg(0)
	count := map[string]int{}
	files, funcs, complicated := 0, 0, 0
	for _, dir := range flag.Args()[1:] {
		err := filepath.WalkDir(filepath.Join(tree, dir), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".c") {
				return err
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			f := csource.Parse(string(text))
			list, complex := flaw.File(f)
			files++
			funcs += len(f.Funcs)
			complicated += len(complex)
			rel, _ := filepath.Rel(tree, name)
			for _, x := range list {
				count[x.Rule]++
				if *rule == "" || *rule == x.Rule {
					fmt.Printf("%s:%d: %s: %s(): %s\n", rel, x.Line, x.Rule, x.Func, x.Text)
				}
			}
			return nil
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	fmt.Fprintf(os.Stderr, "%d files, %d functions, %d with too many paths\n", files, funcs, complicated)
	for _, r := range flaw.Rules() {
		fmt.Fprintf(os.Stderr, "%5d %s\n", count[r.ID], r.ID)
	}
}
