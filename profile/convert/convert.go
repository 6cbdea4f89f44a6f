// Package convert reads and writes profiles in other tools' formats.
//
// Folded stacks are the text that stackcollapse scripts write and flame graph
// scripts read: a line per stack, its frames from the root to the leaf joined by
// semicolons, a space, and how often it was seen. Brendan Gregg's FlameGraph
// repository defines the format by use. A line that begins with # is a comment;
// a root whose name does is written with a full-width ＃. The format has no
// escapes: a semicolon or a line break in a function's name is written as a
// colon or a space. What a frame is (kernel, inlined) is told by the suffixes of
// stackcollapse-perf's --all: _[k] kernel, _[i] inlined.
package convert
