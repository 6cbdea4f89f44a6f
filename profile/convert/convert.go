// Package convert reads and writes profiles in other tools' formats.
//
// [Read] recognises what it is given by its content; [Write] writes the format
// that is asked for. Sums are kept: the weight of every stack is what it was. A
// profile's time is kept in slices (10 ms at first), so what is written has the
// times of slices.
//
//   - Folded stacks are the text that stackcollapse scripts write and flame graph
//     scripts read: a line per stack, its frames from the root to the leaf joined
//     by semicolons, a space, and how often it was seen. Brendan Gregg's FlameGraph
//     repository defines the format by use. A line that begins with # is a comment;
//     a root whose name does is written with a full-width ＃. The format has no
//     escapes: a semicolon or a line break in a function's name is written as a
//     colon or a space. What a frame is (kernel, inlined) is told by the suffixes of
//     stackcollapse-perf's --all: _[k] kernel, _[i] inlined.
//   - pprof is profile.proto of github.com/google/pprof, gzipped or not. Task, CPU
//     and control group are the labels comm, cpu and cgroup; pid and tid are
//     numbers. It has no times of samples.
//   - speedscope is the file format of speedscope.app
//     (file-format-schema.json of its repository): a sampled profile for each task
//     and event. Evented profiles are read too.
//   - chrome is the Trace Event Format: samples with stackFrames are written;
//     samples, and the nesting of B, E and X events, are read.
//   - firefox is the processed profile format of profiler.firefox.com, a thread for
//     each task; from version 46 to those with shared tables are read.
//   - perf-script is the text of perf script: a line per sample, its frames from
//     the leaf.
//   - ringside is our own: everything that a profile has, so that one whose names
//     were found where the objects are can be looked at, compared and kept
//     elsewhere. After a line that says so it is one gzipped JSON document of
//     tables by column; kept in ringside.go is its description.
package convert
