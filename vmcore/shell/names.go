package shell

import (
	"slices"
	"strings"

	"ringside/symbol/btf"
	"ringside/vmcore/object"
)

// variables are the types of variables that people ask for and BTF does not tell.
var variables = map[string]string{
	"init_task": "struct task_struct", "init_mm": "struct mm_struct", "init_net": "struct net", "init_pid_ns": "struct pid_namespace",
	"init_user_ns": "struct user_namespace", "init_css_set": "struct css_set", "root_task_group": "struct task_group",
	"modules": "struct list_head", "super_blocks": "struct list_head", "slab_caches": "struct list_head", "workqueues": "struct list_head",
	"vmap_area_list": "struct list_head", "net_namespace_list": "struct list_head", "all_mddevs": "struct list_head",
	"jiffies": "unsigned long", "jiffies_64": "u64", "saved_command_line": "char *", "tainted_mask": "unsigned long",
	"panic_cpu": "atomic_t", "nr_cpu_ids": "unsigned int", "nr_threads": "int", "mem_section": "struct mem_section **", "high_memory": "void *",
	"system_wq": "struct workqueue_struct *", "timekeeper": "struct timekeeper", "tk_core": "struct timekeeper", "contig_page_data": "struct pglist_data",
}

// column reports whether rows have a column.
func (e *env) column(name string) bool { return slices.Contains(e.cols, name) }

// name returns what a name means.
func (e *env) name(t token) (value, error) {
	if i := slices.Index(e.cols, t.text); i >= 0 && e.row != nil {
		return cellValue(e.row.cells[i]), nil
	}
	if e.row != nil && e.row.obj.Has(t.text) {
		return value{kind: kindPlace, place: e.row.obj.Field(t.text)}, nil
	}
	if t.text == "current" {
		if e.s.k.Types == nil {
			return value{}, exprErr(t.col, "no task is known without the kernel's types, which the dump does not have")
		}
		task := e.s.current(e.w)
		return value{kind: kindNumber, n: task.Addr, spec: e.s.k.Types, typ: pointerTo(task.Value)}, nil
	}
	if addr, ok := e.s.symbol(t.text); ok {
		if v, _ := e.s.variable(t.text); v.perCPU {
			return value{}, exprErr(t.col, "%s is per CPU: the number of a CPU is expected after it, as in %[1]s:0", t.text)
		}
		if typ, ok := e.s.typeOf(t.text); ok {
			return value{kind: kindPlace, place: e.w.Typed(e.s.k.Types, typ, addr)}, nil
		}
		if loc, ok := e.s.k.Locate(addr); e.s.k.Types == nil || ok && e.s.k.IsText(loc.Addr) { // a function is its address
			return value{kind: kindNumber, n: addr}, nil
		}
		return value{kind: kindPlace, place: e.w.At("unsigned long", addr)}, nil
	}
	what := "no variable has the name"
	if len(e.cols) > 0 {
		what = "it is no column (" + strings.Join(e.cols, ", ") + ") and no variable"
	}
	return value{}, exprErr(t.col, "%s: %s", t.text, what)
}

// variable is a variable whose type BTF tells.
type variable struct {
	typ    btf.ID
	perCPU bool
}

// variable returns what BTF says about a variable.
func (s *Shell) variable(name string) (variable, bool) {
	if s.k.Types == nil {
		return variable{}, false
	}
	s.once.Do(func() {
		s.vars = map[string]variable{}
		for v := range s.k.Types.Vars() {
			s.vars[v.Name] = variable{v.Type, strings.Contains(v.Section, "percpu")}
		}
	})
	v, ok := s.vars[name]
	return v, ok
}

// typeOf returns the type of a variable.
func (s *Shell) typeOf(name string) (btf.ID, bool) {
	if v, ok := s.variable(name); ok {
		return v.typ, true
	}
	if typ, ok := variables[name]; ok && s.k.Types != nil {
		return s.k.TypeID(typ)
	}
	return 0, false
}

// addressOf is & of a name, which works for what has no type too.
func (e *env) addressOf(op token, x node) (value, error) {
	v, err := x.eval(e)
	if err != nil {
		return v, err
	}
	if v.kind == kindNumber { // a function
		return v, nil
	}
	if _, typed := e.s.typeOf(x.name); !typed && e.row == nil {
		return value{kind: kindNumber, n: v.place.Addr()}, nil
	}
	return e.unary(op, v)
}

// perCPU is NAME:CPU.
func (e *env) perCPU(t, cpu token) (value, error) {
	if _, ok := e.s.k.Symbol(t.text); !ok {
		return value{}, exprErr(t.col, "no per-CPU variable has the name %s", t.text)
	}
	if !slices.Contains(e.s.k.CPUs(), int(cpu.n)) {
		return value{}, exprErr(cpu.col, "there is no CPU %d", cpu.n)
	}
	if e.s.k.Types == nil {
		return value{}, exprErr(t.col, "per-CPU variables are not read without the kernel's types, which the dump does not have")
	}
	typ := ""
	if _, ok := e.s.typeOf(t.text); !ok {
		typ = "unsigned long"
	}
	return value{kind: kindPlace, place: e.w.PerCPU(t.text, typ, int(cpu.n))}, nil
}

// symbol returns the address of a symbol of the kernel or a module.
func (s *Shell) symbol(name string) (uint64, bool) {
	if a, ok := s.k.Symbol(name); ok {
		return a, true
	}
	for _, m := range s.k.Modules() {
		if a, ok := m.Symbol(name); ok {
			return a, true
		}
	}
	return 0, false
}

// current returns the task that commands are about when they name none.
func (s *Shell) current(w *walker) object.Task { return object.TaskAt(w, s.context(w)) }
