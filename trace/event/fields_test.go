package event

import (
	"encoding/binary"
	"testing"
)

func TestPrinter(t *testing.T) {
	f, err := ParseFormat("s", "name: e\nID: 7\nformat:\n"+
		"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n"+
		"\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;\n\tfield:pid_t pid;\toffset:24;\tsize:4;\tsigned:1;\n"+
		"\tfield:void * ptr;\toffset:32;\tsize:8;\tsigned:0;\n\tfield:unsigned int n;\toffset:40;\tsize:4;\tsigned:0;\n"+
		"\nprint fmt: \"\"\n", Layout{LongSize: 8})
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 48)
	copy(b[8:], "a\x1bb")
	binary.LittleEndian.PutUint32(b[24:], 0xfffffffe)
	binary.LittleEndian.PutUint64(b[32:], 0xffffffff81000000)
	binary.LittleEndian.PutUint32(b[40:], 5)
	if got, want := string(NewPrinter(f).Append(nil, b)), " comm=ARRAY[61, 1b, 62, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00] pid=-2 ptr=0xffffffff81000000 n=5"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for n := range b { // a short record has no values, and no more
		NewPrinter(f).Append(nil, b[:n])
	}
}
