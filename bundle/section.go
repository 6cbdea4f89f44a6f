package bundle

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// sectionRole returns the role of a command's output in a file that holds many.
func sectionRole(command string) Role {
	c := strings.TrimSpace(command)
	base := c
	if i := strings.IndexByte(c, ' '); i > 0 {
		base = c[:i]
	}
	switch base[strings.LastIndexByte(base, '/')+1:] {
	case "dmesg", "boot.msg", "boot.omsg", "messages", "warn", "kern.log":
		return RoleLog
	case "journalctl":
		return RoleLog
	case "vmcore-dmesg.txt":
		return RoleLastLog
	case "cmdline":
		return RoleCmdline
	case "uname", "version":
		return RoleVersion
	case "lsmod", "modules":
		return RoleModules
	case "os-release":
		return RoleOS
	case "hostname":
		return RoleHost
	case "dmidecode", "hwinfo", "lspci", "cpuinfo":
		return RoleHardware
	case "tainted":
		return RoleTaint
	case "config.gz":
		return RoleConfig
	}
	switch {
	case strings.HasPrefix(c, "KERNEL LOG"):
		return RoleLog
	case strings.HasPrefix(c, "LAST KMSG"), strings.HasPrefix(c, "LAST LOGCAT KERNEL"), strings.Contains(c, "console-ramoops"):
		return RoleLastLog
	case strings.HasPrefix(c, "KERNEL CMDLINE"):
		return RoleCmdline
	case strings.HasPrefix(c, "KERNEL VERSION"):
		return RoleVersion
	case strings.HasPrefix(c, "LSMOD"), strings.HasPrefix(c, "KERNEL MODULES"):
		return RoleModules
	}
	return RoleNone
}

// divided reports whether the file at name holds sections in a bundle of kind
// k.
func divided(k Kind, name string) bool {
	if !strings.HasSuffix(name, ".txt") {
		return false
	}
	base := name[strings.LastIndexAny(name, "/!")+1:]
	switch k {
	case Supportconfig:
		return true
	case Bugreport:
		return strings.HasPrefix(base, "bugreport-") || strings.HasPrefix(base, "bugreport.")
	}
	return false
}

// sections splits a file and calls visit for each section with a role. The
// reader that visit gets ends where the section does.
func sections(k Kind, r io.Reader, visit func(command string, line int, r io.Reader) error) error {
	s := &splitter{kind: k, r: bufio.NewReaderSize(r, 64<<10)}
	for {
		if err := s.skip(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		s.ended = false
		if err := visit(s.command, s.line, s); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, s); err != nil {
			return err
		}
	}
}

// splitter reads one section after the other.
type splitter struct {
	kind    Kind
	r       *bufio.Reader
	line    int    // lines read
	command string // of the section that has begun
	next    string // of the section whose heading ended the last one
	rest    []byte // of a line that did not fit
	ended   bool
	partial bool // the last piece was not a line's end
}

// skip goes to the next section that has a role.
func (s *splitter) skip() error {
	for {
		if s.next != "" {
			s.command, s.next = s.next, ""
		} else {
			text, err := s.piece()
			if err != nil {
				return err
			}
			var ok bool
			if s.command, ok = s.heading(text); !ok {
				continue
			}
		}
		if sectionRole(s.command) != RoleNone {
			return nil
		}
	}
}

// piece reads a line, or a part of a long one.
func (s *splitter) piece() ([]byte, error) {
	text, err := s.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || len(text) > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	s.partial = text[len(text)-1] != '\n'
	if !s.partial {
		s.line++
	}
	return text, nil
}

// heading returns the command that a line names as the one whose output
// follows.
func (s *splitter) heading(text []byte) (string, bool) {
	switch s.kind {
	case Supportconfig:
		// #==[ Command ]======================================#
		// # /bin/dmesg
		if !bytes.HasPrefix(text, []byte("#==[ ")) {
			return "", false
		}
		named, err := s.piece()
		if err != nil {
			return "", false
		}
		command, ok := bytes.CutPrefix(named, []byte("# "))
		return string(bytes.TrimSpace(clip(command))), ok && len(command) > 1
	case Bugreport:
		// ------ KERNEL LOG (dmesg) ------
		// ------ 0.123s was the duration of 'KERNEL LOG (dmesg)' ------
		rest, ok := bytes.CutPrefix(text, []byte("------ "))
		if !ok {
			return "", false
		}
		i := bytes.LastIndex(rest, []byte(" ------"))
		if i <= 0 {
			return "", false
		}
		if bytes.Contains(rest[:i], []byte("was the duration of")) {
			return "-", true // nothing until the next heading
		}
		return string(clip(rest[:i])), true
	}
	return "", false
}

// clip bounds the length of a name that a file gives.
func clip(b []byte) []byte { return b[:min(len(b), 256)] }

// Read gives the section's text.
func (s *splitter) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		if s.ended {
			return 0, io.EOF
		}
		whole := !s.partial // a heading begins a line
		text, err := s.piece()
		if err != nil {
			s.ended = true
			return 0, err
		}
		if whole {
			if command, ok := s.heading(text); ok {
				s.ended, s.next = true, command
				return 0, io.EOF
			}
		}
		s.rest = text
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
