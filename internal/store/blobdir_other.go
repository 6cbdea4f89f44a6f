//go:build !unix

package store

import (
	"io/fs"
	"os"
	"time"
)

func hold(*os.File) {}

// held goes by age where a process cannot be asked.
func held(_ string, info fs.FileInfo) bool { return time.Since(info.ModTime()) < 24*time.Hour }

func freeSpace(string) int64 { return -1 }
