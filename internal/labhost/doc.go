// Package labhost is where the lab's machines run: a Linux host with QEMU.
//
// Its store (store.go) keeps contents by their hash and a folder for each run. A run
// (run.go) is prepared out of them, started (process.go) and recorded. Which accelerator
// works is found out by booting a canary (accel.go). What a Ringside that was killed left
// behind is cleaned up at the next start (clean.go). Kernels and programs become recipes
// in source.go and pack.go.
package labhost
