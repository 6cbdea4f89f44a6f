package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Output goes into a pipe or device, and does not take its place: with -o /dev/null a
// renamed file would end the device for the whole machine.
func TestOutputToPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	got := make(chan string)
	go func() {
		text, err := os.ReadFile(pipe)
		if err != nil {
			text = []byte(err.Error())
		}
		got <- string(text)
	}()
	var errs strings.Builder
	if code := Main(t.Context(), []string{"owner", "--json", "-o", pipe, "fs/ext4/inode.c"}, Streams{In: strings.NewReader(""), Out: io.Discard, Err: &errs}); code != exitDone {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if text := <-got; !strings.Contains(text, "EXT4") {
		t.Errorf("through the pipe came %q", text)
	}
	if info, err := os.Stat(pipe); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("%v, %v: the pipe is gone", info, err)
	}
}
