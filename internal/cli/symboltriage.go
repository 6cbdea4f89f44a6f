package cli

import (
	"os"

	"ringside/symbol"
)

// forTriage returns what gives triage its symbols, nil where the user names none
// and has no store of his own. Files that are open stay so until the program
// ends: they serve every input.
func (o *symbolFlags) forTriage(s Streams) (func(symbol.Hints) (symbol.Source, string, error), error) {
	if !o.named() && !hasStore() {
		return nil, nil
	}
	kernelID := ""
	if o.buildID != "" {
		if kernelID = symbol.ParseBuildID(o.buildID); kernelID == "" {
			return nil, usagef("--build-id %s: it is 8 or more hexadecimal digits", o.buildID)
		}
	}
	r, _, err := o.resolver(s)
	if err != nil {
		return nil, err
	}
	return func(h symbol.Hints) (symbol.Source, string, error) {
		offset, err := o.kernelOffset(h)
		if err != nil {
			return nil, "", err
		}
		r.Offset = offset
		return r, kernelID, nil
	}, nil
}

// named reports whether the user said where symbols are.
func (o *symbolFlags) named() bool {
	return len(o.files) > 0 || len(o.dirs) > 0 || len(o.servers) > 0 || o.kallsyms != ""
}

// hasStore reports whether the user's own store exists.
func hasStore() bool {
	dir, err := storeDir()
	if err != nil {
		return false
	}
	_, err = os.Stat(dir)
	return err == nil
}
