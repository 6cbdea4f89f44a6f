package shell

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

func taskCommands() []command {
	return []command{
		{[]string{"tasks", "ps"}, "[-k|-u|-G|-A|-S|-m] [PID|TASK|COMM|STATE…]", "the tasks: -k of the kernel, -u of users, -G leaders, -A on a CPU, -S by state, -m the last that ran first", true, (*call).ps},
		{[]string{"bt", "stack", "where"}, "[-a] [PID|TASK…]", "stacks: of the task that is set, of others, or with -a of all CPUs", true, (*call).bt},
		{[]string{"set"}, "[PID|TASK|-c CPU|-p]", "choose the task that commands are about; -p the one that panicked", true, (*call).set},
		{[]string{"task"}, "[PID|TASK] [-R MEMBER,…]", "the task_struct of a task", true, (*call).task},
		{[]string{"files"}, "[PID|TASK]", "the open files of a task", true, (*call).files},
		{[]string{"vm"}, "[PID|TASK]", "the mapped memory of a task", true, (*call).vm},
		{[]string{"runq"}, "", "what each CPU ran, and what waited for it", true, (*call).runq},
	}
}

// states are the names that crash has for the states of tasks.
var states = map[string]string{"RU": "R", "IN": "S", "UN": "D", "ST": "T", "TR": "t", "ZO": "Z", "DE": "X", "ID": "I", "PA": "P", "NE": "N"}

// filter chooses tasks; it is nil where a word can be none.
type filter func(t object.Task) bool

// filterOf makes a filter of a word: an ID, an address, a state as crash or ps
// writes it, or a name.
func (c *call) filterOf(word string) filter {
	switch word {
	case "kernel", "-k":
		return func(t object.Task) bool { return t.Kernel }
	case "user", "-u":
		return func(t object.Task) bool { return !t.Kernel }
	case "active", "-A":
		return func(t object.Task) bool { return t.OnCPU }
	case "gleader", "-G":
		return func(t object.Task) bool { return t.PID == t.TGID }
	}
	if letter, ok := states[word]; ok {
		return func(t object.Task) bool { return t.State.Letter == letter }
	}
	if len(word) == 1 && strings.Contains("RSDTtXZPI", word) {
		return func(t object.Task) bool { return t.State.Letter == word }
	}
	if n, err := strconv.Atoi(word); err == nil && len(word) < 16 {
		return func(t object.Task) bool { return t.PID == n || n != 0 && t.TGID == n }
	}
	if a, err := strconv.ParseUint(strings.TrimPrefix(word, "0x"), 16, 64); err == nil && a>>32 != 0 {
		return func(t object.Task) bool { return t.Addr == a }
	}
	name := strings.Trim(strings.TrimPrefix(word, `\`), `"'`)
	return func(t object.Task) bool { return t.Comm == name }
}

// tasks returns the tasks that all words allow. Words of one sort allow what any
// of them does: "D R" is both states, "kernel D" the threads of the kernel that
// block.
func (c *call) tasks(words []string) ([]object.Task, error) {
	sorts := map[string][]filter{}
	for _, w := range words {
		sort := "one"
		switch {
		case slices.Contains([]string{"kernel", "-k", "user", "-u"}, w):
			sort = "side"
		case slices.Contains([]string{"active", "-A", "gleader", "-G"}, w):
			sort = w
		case states[w] != "" || len(w) == 1 && strings.Contains("RSDTtXZPI", w):
			sort = "state"
		}
		sorts[sort] = append(sorts[sort], c.filterOf(w))
	}
	var out []object.Task
	for t := range object.Tasks(c.w) {
		fits := true
		for _, any := range sorts {
			fits = fits && slices.ContainsFunc(any, func(f filter) bool { return f(t) })
		}
		if fits {
			out = append(out, t)
		}
	}
	if len(out) == 0 && len(words) > 0 && c.w.Err() == nil {
		return nil, fmt.Errorf("no task is %s", strings.Join(words, " "))
	}
	slices.SortStableFunc(out, object.ByPID)
	return out, nil
}

// aTask returns the task that a word names, or the one that is set.
func (c *call) aTask(words []string) (object.Task, error) {
	if len(words) == 0 {
		return c.s.current(c.w), nil
	}
	if a, err := c.address(words[0]); err == nil && a>>32 != 0 {
		return object.TaskAt(c.w, a), nil
	}
	found, err := c.tasks(words[:1])
	if err != nil {
		return object.Task{}, err
	}
	return found[0], nil
}

var taskColumns = []string{"pid", "tgid", "ppid", "cpu", "state", "addr", "rss", "ran", "waited", "comm", "oncpu", "kernel"}

func taskTable(tasks []object.Task) *table {
	t := &table{cols: taskColumns}
	for _, x := range tasks {
		var waited any
		if x.KnowsWaited {
			waited = x.Waited.Seconds()
		}
		t.rows = append(t.rows, row{obj: x.Value, task: &x, cells: []any{int64(x.PID), int64(x.TGID), int64(x.PPID), int64(x.CPU), x.State.Letter,
			object.Addr(x.Addr), x.RSS, x.Ran.Seconds(), waited, x.Comm, x.OnCPU, x.Kernel}})
	}
	return t
}

func (c *call) ps() (result, error) {
	summary, recent := c.option("-S"), c.option("-m", "-l")
	tasks, err := c.tasks(c.args)
	if err != nil {
		return result{}, err
	}
	t := taskTable(tasks)
	switch {
	case summary:
		return c.count(t, "state")
	case recent:
		return c.sort(t, "waited")
	}
	return result{table: t}, nil
}

// bt prints stacks.
func (c *call) bt() (result, error) {
	all := c.option("-a")
	if err := c.only("bt"); err != nil {
		return result{}, err
	}
	var tasks []object.Task
	switch {
	case all:
		for _, cpu := range object.CPUs(c.w) {
			tasks = append(tasks, cpu.Curr)
		}
	case len(c.args) == 0:
		tasks = []object.Task{c.s.current(c.w)}
	default:
		for _, a := range c.args {
			t, err := c.aTask([]string{a})
			if err != nil {
				return result{}, err
			}
			tasks = append(tasks, t)
		}
	}
	return c.backtraces(tasks)
}

// set chooses the task that commands are about.
func (c *call) set() (result, error) {
	cpu, has, err := c.setting("-c")
	switch {
	case err != nil:
		return result{}, err
	case has:
		n, err := strconv.Atoi(cpu)
		cpus := object.CPUs(c.w)
		i := slices.IndexFunc(cpus, func(c object.CPU) bool { return c.Number == n })
		if err != nil || i < 0 {
			return result{}, fmt.Errorf("set -c %s: there is no such CPU", cpu)
		}
		c.s.task = cpus[i].Curr.Addr
	case c.option("-p"):
		c.s.task = 0
	case len(c.args) > 0:
		t, err := c.aTask(c.args)
		if err != nil {
			return result{}, err
		}
		c.s.task = t.Addr
	}
	t := c.s.current(c.w)
	return result{text: taskHead(t) + "\n"}, nil
}

// taskHead names a task as crash does.
func taskHead(t object.Task) string {
	return fmt.Sprintf("PID: %-7d TASK: %016x  CPU: %-3d ST: %s  COMMAND: %q", t.PID, t.Addr, t.CPU, t.State.Letter, t.Comm)
}

func (c *call) task() (result, error) {
	members, _, err := c.setting("-R")
	if err != nil {
		return result{}, err
	}
	t, err := c.aTask(c.args)
	if err != nil {
		return result{}, err
	}
	r, err := c.printed(t.Value, members, false)
	r.text = taskHead(t) + "\n" + r.text
	return r, err
}

// foreach runs a command for each task.
func (c *call) foreach() (result, error) {
	i := slices.IndexFunc(c.args, isCommand)
	if i < 0 {
		return result{}, errors.New("foreach: the name of a command is expected after the filters, such as bt, files or p")
	}
	tasks, err := c.tasks(c.args[:i])
	if err != nil {
		return result{}, err
	}
	verb := c.args[i]
	cmd, err := lookup(verb)
	if err != nil {
		return result{}, err
	}
	if slices.Contains([]string{"foreach", "set", "exit", "source"}, cmd.names[0]) {
		return result{}, fmt.Errorf("foreach cannot run %s", verb)
	}
	if cmd.names[0] == "bt" {
		return c.backtraces(tasks)
	}
	before := c.s.task
	defer func() { c.s.task = before }()
	var b strings.Builder
	for _, t := range tasks {
		c.s.task = t.Addr
		sub := c.s.call(c.ctx)
		sub.args = c.args[i+1:]
		sub.rest = strings.Join(sub.args, " ")
		r, err := cmd.run(sub)
		fmt.Fprintln(&b, taskHead(t))
		if err == nil {
			err = r.write(&b, false)
		}
		if err != nil { // one task that has left its memory behind is not the end
			fmt.Fprintln(&b, err)
		}
		b.WriteByte('\n')
		if err := c.ctx.Err(); err != nil || b.Len() > maxText {
			return result{text: b.String()}, err
		}
	}
	return result{text: b.String()}, nil
}

// runq lists what ran and waited on each CPU.
func (c *call) runq() (result, error) {
	t := &table{cols: []string{"cpu", "pid", "comm", "class", "prio", "since", "running", "behind", "addr"}}
	for _, q := range object.RunQueues(c.w) {
		for i, x := range append([]object.QueuedTask{q.Current}, q.Queued...) {
			task := object.TaskAt(c.w, uint64(x.Addr))
			t.rows = append(t.rows, row{obj: task.Value, task: &task, cells: []any{int64(q.CPU), int64(x.TID), x.Comm, x.Class, int64(x.Prio), x.Since.Seconds(), i == 0, q.Behind.Seconds(), x.Addr}})
		}
	}
	return result{table: t}, nil
}

// maxFiles bounds the file table of a task.
const maxFiles = 1 << 16

// files lists what a task has open.
func (c *call) files() (result, error) {
	task, err := c.aTask(c.args)
	if err != nil {
		return result{}, err
	}
	t := &table{cols: []string{"fd", "addr", "mode", "pos", "path"}}
	fdt := task.Value.Follow("files", "fdt")
	fds := fdt.Field("fd")
	for i := range int(min(fdt.Field("max_fds").Uint(), maxFiles)) {
		file := fds.Index(i).Deref()
		if !file.Valid() {
			continue // or nothing can be read any more
		}
		t.rows = append(t.rows, row{obj: file, cells: []any{int64(i), object.Addr(file.Addr()), fileMode(file.Field("f_mode").Uint()), file.Field("f_pos").Int(), pathOf(file.Field("f_path.dentry").Deref())}})
	}
	return result{table: t}, c.w.Err()
}

// fileMode writes FMODE_READ, FMODE_WRITE and FMODE_EXEC, include/linux/fs.h.
func fileMode(mode uint64) string {
	s := ""
	for i, letter := range []string{"r", "w"} {
		if mode>>i&1 != 0 {
			s += letter
		}
	}
	return s
}

// maxPath bounds how deep a path is.
const maxPath = 64

// pathOf returns the path of a dentry within its file system.
func pathOf(d kernel.Value) string {
	var parts []string
	for range maxPath {
		if !d.Valid() {
			break
		}
		name := d.Field("d_name.name").Str()
		up := d.Field("d_parent").Deref()
		if name != "/" || len(parts) == 0 {
			parts = append(parts, name)
		}
		if up.Addr() == d.Addr() {
			break
		}
		d = up
	}
	slices.Reverse(parts)
	path := strings.Join(parts, "/")
	if len(parts) > 1 || parts == nil {
		path = "/" + path
	}
	return strings.ToValidUTF8(path, "?")
}

// vm lists what is mapped into a task's address space: a tree since 6.1, and a
// list before.
func (c *call) vm() (result, error) {
	task, err := c.aTask(c.args)
	if err != nil {
		return result{}, err
	}
	t := &table{cols: []string{"start", "end", "size", "flags", "addr", "path"}}
	add := func(v kernel.Value) bool {
		from, to, flags := v.Field("vm_start").Uint(), v.Field("vm_end").Uint(), v.Field("vm_flags").Uint()
		text := []byte("---")
		for i, letter := range []byte("rwx") {
			if flags>>i&1 != 0 {
				text[i] = letter
			}
		}
		path := ""
		if f := v.Field("vm_file").Deref(); f.Valid() {
			path = pathOf(f.Field("f_path.dentry").Deref())
		}
		t.rows = append(t.rows, row{obj: v, cells: []any{object.Addr(from), object.Addr(to), to - from, string(text), object.Addr(v.Addr()), path}})
		return len(t.rows) < maxFiles && c.w.Err() == nil
	}
	mm := task.Value.Field("mm").Deref()
	switch {
	case mm.Has("mm_mt"):
		for e := range c.w.Maple(mm.Field("mm_mt")) {
			if !add(c.w.At("struct vm_area_struct", e.Entry)) {
				break
			}
		}
	case mm.Has("mmap"):
		for v := range c.w.Chain(mm.Field("mmap").Deref(), "vm_next") {
			if !add(v) {
				break
			}
		}
	}
	return result{table: t}, nil
}
