// Package kconfig reads the Kconfig language of kernel trees and evaluates
// configurations under it as the kernel's own scripts/kconfig/conf does, byte for byte.
//
// Parse reads a tree once; the Tree is then immutable and may be used by any number of
// goroutines. A Config is one evaluation of it: user values of a .config go in, the
// values of all symbols come out. Everything else stands on those two: the modes of conf
// (Run), why a symbol has its value (Config.Why), what a change would bring
// (Config.WhatIf), and the smallest changes that bring what is wanted (Config.Solve).
//
// # The toolchain
//
// Kconfig files ask the machine that they are read on: $(shell,…) runs a compiler to
// find out what it can do. A foreign tree must not run programs, and what the compiler of
// this machine can do says nothing about a kernel that another one built. So a shell
// command is a probe: a symbol of its own whose value is unknown when the tree is parsed.
// It gets an answer from the Shell that the caller gave, if any, from what the .config
// recorded (CONFIG_GCC_VERSION, CONFIG_CC_HAS_…, the visibility of what depends on it),
// or is assumed, and every answer says which (Config.Probes).
//
// # Dialects
//
// The language has changed: choices could be tristate and optional until 6.10, int and
// hex symbols without a default were empty until 6.7, values out of range were dropped
// until 6.8. Which rules a tree follows is read from its own scripts/kconfig (Dialect).
package kconfig
