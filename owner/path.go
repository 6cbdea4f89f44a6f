package owner

import (
	"path"
	"strings"
)

// isInfrastructure reports whether a file is in one of the places where the
// faults of other code come to light.
func isInfrastructure(file string) bool {
	top, rest, _ := strings.Cut(file, "/")
	if top == "arch" {
		_, rest, _ = strings.Cut(rest, "/")
	}
	dir, _, nested := strings.Cut(rest, "/")
	switch top {
	case "include", "init", "lib", "mm":
		return true
	case "kernel":
		switch dir {
		case "entry", "irq", "locking", "printk", "rcu", "sched", "time":
			return true
		}
		return !nested
	case "arch":
		switch dir {
		case "entry", "include", "lib", "mm":
			return true
		case "kernel":
			return strings.Count(rest, "/") == 1
		}
	}
	return false
}

// topDirs are the top-level directories of a kernel tree that hold code.
var topDirs = map[string]bool{
	"arch": true, "block": true, "certs": true, "crypto": true, "drivers": true, "fs": true,
	"include": true, "init": true, "io_uring": true, "ipc": true, "kernel": true, "lib": true,
	"mm": true, "net": true, "rust": true, "samples": true, "scripts": true, "security": true,
	"sound": true, "tools": true, "usr": true, "virt": true, "Documentation": true,
}

// treePath turns a path as a log or a compiler prints it into one relative to
// the top of the tree: "/build/linux-6.1/fs/ext4/inode.c:2763" becomes
// "fs/ext4/inode.c". It returns "" for a path that is in no kernel tree.
func (x *Index) treePath(p string) string {
	p, _, _ = strings.Cut(strings.TrimSpace(p), ":")
	if p == "" {
		return ""
	}
	absolute := p[0] == '/'
	p = strings.TrimPrefix(path.Clean(p), "/")
	for strings.HasPrefix(p, "../") {
		p = p[len("../"):]
	}
	guess := ""
	for rest := p; ; {
		first, after, more := strings.Cut(rest, "/")
		if topDirs[first] && more {
			if x.sources == nil {
				if rest != p || !absolute {
					return rest
				}
			} else if x.sources.HasFile(rest) {
				return rest
			} else if guess == "" && x.sources.HasDir(path.Dir(rest)) {
				// A file that this release did not have yet, or a header.
				guess = rest
			}
		}
		if !more {
			return guess
		}
		rest = after
	}
}
