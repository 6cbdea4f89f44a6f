package kconfig_test

import (
	"context"
	"testing"
	"testing/fstest"

	"ringside/kconfig"
)

// parse reads one file as a tree.
func parse(t testing.TB, text string) *kconfig.Tree {
	t.Helper()
	return parseFiles(t, map[string]string{"Kconfig": text}, kconfig.Options{Env: map[string]string{"ARCH": "x86", "SRCARCH": "x86"}})
}

func parseFiles(t testing.TB, files map[string]string, opt kconfig.Options) *kconfig.Tree {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	tree, err := kconfig.Parse(context.Background(), fsys, opt)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}
