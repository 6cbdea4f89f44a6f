// Package ktest reads what tests of kernels print, and makes results of it.
//
// [Read] recognises the format by content (detect.go) and returns a [Run]: a tree of
// [Result]s, [Metric]s, and [Problem]s that say what does not add up. KTAP and TAP in all
// their dialects are read in ktap.go line by line, out of a console on which the kernel
// prints, too; LTP, kirk, JUnit, stress-ng, fio and iperf3 in files of their names.
// compare.go holds two runs against each other.
//
// # Three rules
//
// A run that was cut, or whose kernel died in the middle, never passes: [Run.Status] says
// so, whatever the results that are there. Two tests of one name are two tests: the second
// one's path ends in "#2". What a parent says does not hide what its children say.
//
// # Sources
//
// Documentation/dev-tools/ktap.rst (KTAP version 1), the TAP 13 and 14 specifications,
// tools/testing/selftests/kselftest/runner.sh and ktap_helpers.sh, KUnit's lib/kunit/test.c,
// LTP's lib/tst_res.c, JUnit's XML as Surefire and KUnit write it, and the programs' own
// JSON and YAML.
package ktest
