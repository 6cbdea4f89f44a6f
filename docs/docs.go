// Package docs holds the user documentation, which the program serves at /docs.
package docs

import "embed"

// Files are the Markdown pages; index.md is the first.
//
//go:embed *.md schemas
var Files embed.FS
