package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// peers counts what is equal to what the peers say of the same dumps: drgn with
// the kernel's debug information of tasks and stacks, makedumpfile of the log.
type peers struct {
	tasks, tasksEqual   int
	stacks, stacksEqual int
	astray              int // stacks on which drgn lost its way: it passed what is no code
	pcs, pcsEqual       int
	logs, logsEqual     int
}

func (p *peers) String() string {
	if p.tasks+p.logs == 0 {
		return "nothing to compare with: no peer has read these dumps"
	}
	return fmt.Sprintf("tasks as drgn has them: %d of %d; stacks of tasks off CPU: %d of %d, their PCs %d of %d (%.2f %%), and %d on which drgn loses its way; logs as makedumpfile has them: %d of %d",
		p.tasksEqual, p.tasks, p.stacksEqual, p.stacks, p.pcsEqual, p.pcs, 100*float64(p.pcsEqual)/float64(max(p.pcs, 1)), p.astray, p.logsEqual, p.logs)
}

// peerTask is a task as the lab's stacks.py writes it.
type peerTask struct {
	PID   int         `json:"pid"`
	Comm  string      `json:"comm"`
	State string      `json:"state"`
	Error string      `json:"error"`
	Stack []peerFrame `json:"stack"`
}

type peerFrame struct {
	PC     uint64 `json:"pc"`
	Name   string `json:"name"` // the PC itself where there is no symbol
	Inline bool   `json:"inline"`
}

// ownTask is a task as ringside has it.
type ownTask struct {
	TID    int    `json:"tid"`
	Comm   string `json:"comm"`
	OnCPU  bool   `json:"on_cpu"`
	Frames []struct {
		PC         string `json:"pc"`
		Unreliable bool   `json:"unreliable"`
	} `json:"frames"`
}

// compareTasks compares the tasks and stacks of one dump. It returns what
// differs first.
func (p *peers) compareTasks(file string, own []ownTask) (string, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var theirs struct {
		Tasks []peerTask `json:"tasks"`
	}
	if err := json.Unmarshal(data, &theirs); err != nil || len(theirs.Tasks) == 0 {
		return "", nil //nolint:nilerr // drgn could not read this dump
	}
	byTID := map[int]ownTask{}
	for _, t := range own {
		byTID[t.TID] = t
	}
	first := ""
	differs := func(format string, args ...any) {
		if first == "" {
			first = fmt.Sprintf(format, args...)
		}
	}
	for _, t := range theirs.Tasks {
		p.tasks++
		mine, ok := byTID[t.PID]
		if !ok || mine.Comm != t.Comm {
			differs("task %d %s is missing", t.PID, t.Comm)
			continue
		}
		p.tasksEqual++
		if mine.OnCPU || t.Error != "" || len(t.Stack) == 0 {
			continue
		}
		if slices.ContainsFunc(t.Stack, func(f peerFrame) bool { return f.PC>>47 == 1<<17-1 && strings.HasPrefix(f.Name, "0x") || f.PC == 0 }) {
			p.astray++
			continue
		}
		var want, got []string
		for _, f := range t.Stack {
			if !f.Inline && f.PC>>47 == 1<<17-1 { // drgn goes on into user space, and astray there
				want = append(want, fmt.Sprintf("%#x", f.PC))
			}
		}
		for _, f := range mine.Frames {
			got = append(got, f.PC)
		}
		p.stacks++
		p.pcs += max(len(want), len(got))
		for i := range min(len(want), len(got)) {
			if want[i] == got[i] {
				p.pcsEqual++
			}
		}
		if slices.Equal(want, got) {
			p.stacksEqual++
		} else {
			differs("the stack of %d %s: %v, drgn has %v", t.PID, t.Comm, got, want)
		}
	}
	return first, nil
}

// gap is between the time stamp and the caller, where makedumpfile writes a blank.
var gap = regexp.MustCompile(`(?m)^(\[ *[0-9.]+\]) ?\[ *([TC][0-9]+)\]`)

// compareLog compares the log of one dump.
func (p *peers) compareLog(file, program string, args []string) (string, error) {
	want, err := os.ReadFile(file)
	if err != nil || len(bytes.TrimSpace(want)) == 0 {
		return "", nil //nolint:nilerr // makedumpfile could not read this dump
	}
	output, err := exec.CommandContext(context.Background(), program, append([]string{"vmcore", "log", "--caller"}, args...)...).Output()
	if err != nil {
		return "", fmt.Errorf("vmcore log: %w", err)
	}
	p.logs++
	clean := func(text []byte) string {
		return strings.TrimSpace(string(gap.ReplaceAll(text, []byte("$1[$2]"))))
	}
	a, b := strings.Split(clean(output), "\n"), strings.Split(clean(want), "\n")
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			return fmt.Sprintf("the log lacks %q", b[i]), nil
		case i >= len(b):
			return fmt.Sprintf("the log has %q more", a[i]), nil
		case a[i] != b[i] && !continues(a[i], b[i]):
			return fmt.Sprintf("line %d of the log is %q, and %q for makedumpfile", i+1, a[i], b[i]), nil
		}
	}
	p.logsEqual++
	return "", nil
}

// continues reports whether a line is one that makedumpfile indents instead of
// repeating the time stamp of its record.
func continues(own, theirs string) bool {
	text := strings.TrimLeft(theirs, " ")
	return strings.HasPrefix(theirs, "      ") && strings.HasSuffix(own, strings.TrimSpace(text))
}

// compare compares one dump with what peers made of the same memory.
func (p *peers) compare(dir, name, program string, args []string, doc *document) (string, error) {
	first, err := p.compareTasks(filepath.Join(dir, name+".drgn.json"), doc.Sections.Tasks.Tasks)
	if err != nil {
		return "", err
	}
	second, err := p.compareLog(filepath.Join(dir, name+".dmesg"), program, args)
	if first == "" {
		first = second
	}
	return first, err
}
