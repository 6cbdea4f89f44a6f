package event

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// AppendFields appends an event's own fields, " name=value" each: numbers as
// their sign says, addresses in hexadecimal, text as it is but for what does not
// belong on a terminal.
func (f *Format) AppendFields(b, data []byte) []byte {
	for i := range f.Fields {
		fd := &f.Fields[i]
		if strings.HasPrefix(fd.Name, "common_") {
			continue
		}
		b = append(b, ' ')
		b = append(b, fd.Name...)
		b = append(b, '=')
		switch {
		case strings.Contains(fd.Type, "char") && (fd.Array != 0 || fd.Size > 8):
			b = appendText(b, fd.Text(data))
		case fd.Array != 0 || fd.Size > 8:
			b = hex.AppendEncode(b, fd.Bytes(data))
		case strings.Contains(fd.Type, "*"):
			b = append(b, "0x"...)
			b = strconv.AppendUint(b, fd.Uint(data), 16)
		case fd.Signed:
			b = strconv.AppendInt(b, fd.Int(data), 10)
		default:
			b = strconv.AppendUint(b, fd.Uint(data), 10)
		}
	}
	return b
}

// appendText appends text; control characters become question marks.
func appendText(b, text []byte) []byte {
	for _, c := range text {
		if c < ' ' || c == 0x7f {
			c = '?'
		}
		b = append(b, c)
	}
	return b
}
