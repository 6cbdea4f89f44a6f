// Package perfdata reads perf.data: what perf record and perf_event_open(2)
// recorders write, as a file, as a pipe, compressed, or as a folder of one
// stream per thread, of machines of both byte orders.
//
// [Open], [OpenPipe] and [OpenDir] read the header; [File.Records] then gives
// the records in the order of their time. The file's own order is that of the
// CPUs' buffers; records are held back until a FINISHED_ROUND says that nothing
// older can come, or until [Limits.Window] bytes are held. One [Record] is used
// for all: what it refers to is valid until the next one.
//
// A recording that ends too early gives what it has. [File.Losses] then says
// what is missing, together with what the kernel itself has lost.
//
// Sources: tools/perf/Documentation/perf.data-file-format.txt,
// include/uapi/linux/perf_event.h, perf_event_open(2).
package perfdata
