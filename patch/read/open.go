package read

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// open undoes what a whole file may be wrapped in: Gerrit's patches are base64 or a zip
// with one file, and some shells of Windows write UTF-16.
func open(name string, r io.Reader) ([]io.Reader, error) {
	in := bufio.NewReaderSize(r, 4096)
	head, err := in.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return unzip(name, in)
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return []io.Reader{transform.NewReader(in, unicode.BOMOverride(unicode.UTF8.NewDecoder()))}, nil
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = in.Discard(3)
	case packed(head):
		return []io.Reader{base64.NewDecoder(base64.StdEncoding, in)}, nil
	}
	return []io.Reader{in}, nil
}

// packed tells whether a file is base64 of a mail.
func packed(head []byte) bool {
	n := min(len(head), 76)
	out := make([]byte, base64.StdEncoding.DecodedLen(n))
	m, err := base64.StdEncoding.Decode(out, bytes.ReplaceAll(head[:n/4*4], []byte("\n"), nil))
	return (err == nil || m > 20) && m > 20 && bytes.HasPrefix(out[:m], []byte("From "))
}

func unzip(name string, r io.Reader) ([]io.Reader, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxMessage+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > maxMessage {
		return nil, fmt.Errorf("read %s: the zip has more than %d bytes", name, maxMessage)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	var out []io.Reader
	var total uint64
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		if total += f.UncompressedSize64; f.UncompressedSize64 > maxMessage || total > maxMessage || len(out) >= 1000 {
			return nil, fmt.Errorf("read %s: %.100q unpacks to more than is read", name, f.Name)
		}
		in, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("read %s: %.100q: %w", name, f.Name, err)
		}
		text, err := io.ReadAll(io.LimitReader(in, maxMessage))
		if cerr := in.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %.100q: %w", name, f.Name, err)
		}
		out = append(out, bytes.NewReader(text))
	}
	return out, nil
}
