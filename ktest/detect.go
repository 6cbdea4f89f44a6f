package ktest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Format is what results were written as.
type Format string

// The formats.
const (
	FormatKTAP     Format = "ktap" // and TAP
	FormatLTP      Format = "ltp"  // the text of its tests
	FormatKirk     Format = "kirk" // the JSON of kirk, LTP's runner
	FormatJUnit    Format = "junit"
	FormatStressNG Format = "stress-ng"
	FormatFio      Format = "fio"
	FormatIperf    Format = "iperf3"
	FormatRun      Format = "ringside" // a Run, as it was written
)

// ErrUnknown is the end of input that is in none of the formats.
var ErrUnknown = errors.New("no test results were recognised: KTAP, TAP, LTP, kirk, JUnit, stress-ng's YAML, fio's and iperf3's JSON are read")

// maxDocument bounds formats that are read as a whole.
const maxDocument = 256 << 20

// Read recognises what an input is and reads it. A run that is returned together with an
// error is what could be read before it.
func Read(r io.Reader) (*Run, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(64 << 10)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	switch f := Detect(head); f {
	case FormatKTAP:
		return KTAP(in)
	case FormatLTP:
		return LTP(in)
	case "":
		return nil, ErrUnknown
	default:
		text, err := io.ReadAll(io.LimitReader(in, maxDocument+1))
		if err != nil {
			return nil, err
		}
		if len(text) > maxDocument {
			return nil, fmt.Errorf("%s of more than %d bytes", f, maxDocument)
		}
		read := map[Format]func([]byte) (*Run, error){FormatKirk: Kirk, FormatJUnit: JUnit, FormatStressNG: StressNG, FormatFio: Fio, FormatIperf: Iperf, FormatRun: own}[f]
		return read(text)
	}
}

// Detect tells what begins so, "" if it is none of the formats.
func Detect(head []byte) Format {
	text := bytes.TrimLeft(head, "\xef\xbb\xbf \t\r\n")
	switch {
	case len(text) == 0:
		return ""
	case text[0] == '{':
		switch {
		case has(text[:min(len(text), 200)], RunSchemaID):
			return FormatRun
		case has(text, `"fio version"`):
			return FormatFio
		case has(text, `"test_fqn"`) || has(text, `"results"`) && has(text, `"retval"`):
			return FormatKirk
		case has(text, `"start"`) && has(text, `"connected"`) || has(text, `"system_info"`) && has(text, `"iperf`):
			return FormatIperf
		}
		return ""
	case text[0] == '<' && (has(text, "<testsuite") || has(text, "<testcase")):
		return FormatJUnit
	case bytes.HasPrefix(bytes.TrimLeft(text, "-\r\n"), []byte("system-info:")) || bytes.HasPrefix(text, []byte("---")) && has(text, "stressor:"):
		return FormatStressNG
	}
	ktap, ltp := false, false
	for line := range bytes.Lines(head) {
		b := bytes.TrimLeft(unprefix(bytes.TrimRight(line, "\r\n")), " \t#")
		switch {
		case versionLine(b):
			return FormatKTAP
		case has(b, " TPASS") || has(b, " TFAIL") || has(b, " TBROK") || has(b, " TCONF"):
			ltp = true
		default:
			if _, rest := resultLine(b); rest != nil {
				ktap = true
			}
			if _, _, ok := planLine(b); ok {
				ktap = true
			}
		}
	}
	switch {
	case ltp && !ktap:
		return FormatLTP
	case ktap:
		return FormatKTAP
	}
	return ""
}

func has(b []byte, s string) bool { return bytes.Contains(b, []byte(s)) }

// own reads a run that was written as JSON. What it says of itself is counted anew.
func own(text []byte) (*Run, error) {
	run := new(Run)
	if err := json.Unmarshal(text, run); err != nil {
		return nil, fmt.Errorf("a run's JSON: %w", err)
	}
	return run.Judge(), nil
}
