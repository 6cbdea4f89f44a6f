package script

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/starlark"

	"ringside/symbol/btf"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// theKernel is the script's k.
type theKernel struct{ s *session }

var _ starlark.HasAttrs = theKernel{}

func (k theKernel) String() string        { return "kernel " + k.s.k.Release }
func (k theKernel) Type() string          { return "kernel" }
func (k theKernel) Freeze()               {}
func (k theKernel) Truth() starlark.Bool  { return true }
func (k theKernel) Hash() (uint32, error) { return 0, errors.New("a kernel is no key") }

// method is one function of k.
type method func(s *session, a *arguments) (starlark.Value, error)

// methods are the functions of k.
func methods() map[string]method {
	return map[string]method{
		"tasks": (*session).tasks, "symbol": (*session).symbol, "struct": (*session).structure, "cast": (*session).structure,
		"list": (*session).list, "rbtree": (*session).rbtree, "xarray": (*session).xarray, "percpu": (*session).percpu,
		"log": (*session).log, "stack": (*session).stack, "read": (*session).read, "sym": (*session).sym, "addr": (*session).address,
		"sizeof": (*session).sizeof, "offsetof": (*session).offsetof, "has": (*session).has, "container": (*session).container, "describe": (*session).describe,
		"mods":   list(func(s *session) any { return object.Modules(s.w) }),
		"mem":    list(func(s *session) any { return object.MemoryOf(s.w) }),
		"slabs":  list(func(s *session) any { return object.Slabs(s.w) }),
		"mounts": list(func(s *session) any { return object.Mounts(s.w) }),
		"disks":  list(func(s *session) any { return object.Disks(s.w) }),
		"irqs":   list(func(s *session) any { return object.ReadIRQs(s.w) }),
		"net":    list(func(s *session) any { return object.ReadNetwork(s.w) }),
		"runq":   list(func(s *session) any { return object.RunQueues(s.w) }),
		"timers": list(func(s *session) any { return object.ReadTimers(s.w) }),
		"works":  list(func(s *session) any { return object.WorkPools(s.w) }),
		"sys":    list(func(s *session) any { return object.SystemOf(s.w) }),
	}
}

// AttrNames implements starlark.HasAttrs.
func (k theKernel) AttrNames() []string {
	return append(slices.Sorted(maps.Keys(methods())), "cpus", "release")
}

// Attr implements starlark.HasAttrs.
func (k theKernel) Attr(name string) (starlark.Value, error) {
	switch name {
	case "release":
		return starlark.String(k.s.k.Release), nil
	case "cpus":
		var out []starlark.Value
		for _, n := range k.s.k.CPUs() {
			out = append(out, starlark.MakeInt(n))
		}
		return starlark.NewList(out), nil
	}
	m, ok := methods()[name]
	if !ok {
		return nil, nil
	}
	return starlark.NewBuiltin("k."+name, func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if k.s.k.Types == nil && name != "log" && name != "sym" && name != "symbol" && name != "read" {
			return nil, fmt.Errorf("%s needs the kernel's types, and the dump has none", b.Name())
		}
		a := &arguments{name: b.Name(), args: args, kwargs: kwargs}
		v, err := m(k.s, a)
		if err == nil {
			err = k.s.w.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.Name(), err)
		}
		return v, nil
	}), nil
}

// arguments are those of one call.
type arguments struct {
	name   string
	args   starlark.Tuple
	kwargs []starlark.Tuple
}

func (a *arguments) unpack(pairs ...any) error {
	return starlark.UnpackArgs(a.name, a.args, a.kwargs, pairs...)
}

// addressOf returns the address that a value is: a number, a text of digits, the
// name of a symbol, a structure, or where a pointer points.
func (s *session) addressOf(v starlark.Value) (uint64, error) {
	switch v := v.(type) {
	case place:
		return v.addr(), nil
	case task:
		return v.addr(), nil
	case starlark.Int:
		if n, ok := v.Uint64(); ok {
			return n, nil
		}
		if n, ok := v.Int64(); ok {
			return uint64(n), nil
		}
	case starlark.String:
		if n, err := strconv.ParseUint(string(v), 0, 64); err == nil {
			return n, nil
		}
		return s.symbolAddr(string(v))
	}
	return 0, fmt.Errorf("%s is no address: a number, a structure, a pointer or the name of a symbol is expected", v)
}

func (s *session) symbolAddr(name string) (uint64, error) {
	if a, ok := s.k.Symbol(name); ok {
		return a, nil
	}
	for _, m := range s.k.Modules() {
		if a, ok := m.Symbol(name); ok {
			return a, nil
		}
	}
	return 0, fmt.Errorf("there is no symbol %q", name)
}

// typ finds a type by its C name, with or without its keyword, in the kernel's
// types and those of its modules.
func (s *session) typ(name string) (*btf.Spec, btf.ID, error) {
	specs := []*btf.Spec{s.k.Types}
	for _, m := range s.k.Modules() {
		if t := m.Types(); t != nil {
			specs = append(specs, t)
		}
	}
	for _, spec := range specs {
		for _, prefix := range []string{"", "struct ", "union "} {
			if id, ok := spec.TypeByName(prefix + name); ok {
				return spec, id, nil
			}
		}
	}
	return nil, 0, fmt.Errorf("the kernel has no type %q", name)
}

// full returns a type's name with its keyword.
func (s *session) full(name string) (string, error) {
	spec, id, err := s.typ(name)
	if err != nil {
		return "", err
	}
	return spec.String(id), nil
}

func (s *session) tasks(a *arguments) (starlark.Value, error) {
	if err := a.unpack(); err != nil {
		return nil, err
	}
	var out []starlark.Value
	for t := range object.Tasks(s.w) {
		out = append(out, task{place{s: s, v: t.Value}, t})
	}
	return starlark.NewList(out), nil
}

func (s *session) symbol(a *arguments) (starlark.Value, error) {
	var name string
	if err := a.unpack("name", &name); err != nil {
		return nil, err
	}
	at, err := s.symbolAddr(name)
	if err != nil {
		return nil, err
	}
	return starlark.MakeUint64(at), nil
}

func (s *session) structure(a *arguments) (starlark.Value, error) {
	var typ string
	var at starlark.Value
	if err := a.unpack("type", &typ, "addr", &at); err != nil {
		return nil, err
	}
	spec, id, err := s.typ(typ)
	if err != nil {
		return nil, err
	}
	addr, err := s.addressOf(at)
	if err != nil || addr == 0 {
		return starlark.None, err
	}
	v := s.w.Typed(spec, id, addr)
	if !s.w.Readable(addr, 1) {
		return nil, s.missing(v)
	}
	if v.Type() == "struct task_struct" {
		return s.object(v), nil
	}
	return s.load(v)
}

// structures makes a list of what a walk leads to.
func (s *session) structures(walk func(yield func(kernel.Value) bool)) starlark.Value {
	var out []starlark.Value
	for v := range walk {
		out = append(out, s.object(v))
	}
	return starlark.NewList(out)
}

// object makes a value of a structure; of a task one that knows more.
func (s *session) object(v kernel.Value) starlark.Value {
	p := place{s: s, v: v}
	if v.Type() == "struct task_struct" {
		return task{p, object.TaskAt(s.w, v.Addr())}
	}
	return p
}

// member unpacks what goes along a list or a tree.
func (s *session) member(a *arguments, head string) (at uint64, typ, member string, err error) {
	var v starlark.Value
	if err := a.unpack(head, &v, "type", &typ, "member", &member); err != nil {
		return 0, "", "", err
	}
	if at, err = s.addressOf(v); err != nil {
		return 0, "", "", err
	}
	if typ, err = s.full(typ); err != nil {
		return 0, "", "", err
	}
	if !s.k.HasField(typ, member) {
		return 0, "", "", fmt.Errorf("%s has no member %q", typ, member)
	}
	return at, typ, member, nil
}

func (s *session) list(a *arguments) (starlark.Value, error) {
	at, typ, member, err := s.member(a, "head")
	if err != nil {
		return nil, err
	}
	return s.structures(s.w.List(s.w.At("struct list_head", at), typ, member)), nil
}

func (s *session) rbtree(a *arguments) (starlark.Value, error) {
	at, typ, member, err := s.member(a, "root")
	if err != nil {
		return nil, err
	}
	return s.structures(s.w.RBTree(s.w.At("struct rb_root", at), typ, member)), nil
}

// xarray lists the indexes and entries of an xarray, IDR or radix tree.
func (s *session) xarray(a *arguments) (starlark.Value, error) {
	var v starlark.Value
	if err := a.unpack("xarray", &v); err != nil {
		return nil, err
	}
	at, err := s.addressOf(v)
	if err != nil {
		return nil, err
	}
	var out []starlark.Value
	for i, e := range s.w.XArray(s.w.At("struct xarray", at)) {
		out = append(out, starlark.Tuple{starlark.MakeUint64(i), starlark.MakeUint64(e)})
	}
	return starlark.NewList(out), nil
}

// percpu returns each CPU's copy of a variable, or one CPU's.
func (s *session) percpu(a *arguments) (starlark.Value, error) {
	var name, typ string
	cpu := -1
	if err := a.unpack("name", &name, "cpu?", &cpu, "type?", &typ); err != nil {
		return nil, err
	}
	if _, err := s.symbolAddr(name); err != nil {
		return nil, err
	}
	if typ != "" {
		var err error
		if typ, err = s.full(typ); err != nil {
			return nil, err
		}
	}
	cpus := s.k.CPUs()
	if cpu >= 0 {
		if !slices.Contains(cpus, cpu) {
			return nil, fmt.Errorf("there is no CPU %d", cpu)
		}
		return s.load(s.w.PerCPU(name, typ, cpu))
	}
	var out []starlark.Value
	for _, n := range cpus {
		v, err := s.load(s.w.PerCPU(name, typ, n))
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return starlark.NewList(out), nil
}

// log returns the records of the kernel's log.
func (s *session) log(a *arguments) (starlark.Value, error) {
	if err := a.unpack(); err != nil {
		return nil, err
	}
	var out []starlark.Value
	_, err := object.Log(s.w, func(r object.Record) bool {
		out = append(out, record(starlark.StringDict{"time": seconds(r.Time), "level": starlark.MakeInt(r.Level), "caller": starlark.String(r.CallerName()), "text": starlark.String(strings.ToValidUTF8(r.Text, "?"))}))
		return true
	})
	return starlark.NewList(out), err
}

// stack returns the frames of a task, the innermost first.
func (s *session) stack(a *arguments) (starlark.Value, error) {
	var of starlark.Value
	if err := a.unpack("task", &of); err != nil {
		return nil, err
	}
	at, err := s.addressOf(of)
	if err != nil {
		return nil, err
	}
	if s.cpus == nil {
		s.cpus = object.CPUs(s.w)
	}
	st, err := object.StackOf(object.TaskAt(s.w, at), s.cpus)
	if err != nil {
		return nil, err
	}
	var out []starlark.Value
	for _, f := range st.Frames {
		out = append(out, record(starlark.StringDict{"pc": starlark.MakeUint64(f.PC), "function": starlark.String(f.Symbol), "module": starlark.String(f.Module), "reliable": starlark.Bool(f.Reliable), "text": starlark.String(f.String())}))
	}
	return starlark.NewList(out), nil
}

// maxRead bounds what one read returns.
const maxRead = 16 << 20

// read returns memory.
func (s *session) read(a *arguments) (starlark.Value, error) {
	var of starlark.Value
	var n int
	if err := a.unpack("addr", &of, "n", &n); err != nil {
		return nil, err
	}
	if n < 0 || n > maxRead {
		return nil, fmt.Errorf("%d bytes: up to %d can be read at once", n, maxRead)
	}
	at, err := s.addressOf(of)
	if err != nil {
		return nil, err
	}
	p := make([]byte, n)
	if err := s.w.Read(p, at); err != nil {
		return nil, err
	}
	return starlark.Bytes(p), nil
}

// sym returns the symbol that an address is in.
func (s *session) sym(a *arguments) (starlark.Value, error) {
	at, err := s.oneAddress(a)
	if err != nil {
		return nil, err
	}
	if loc, ok := s.k.Locate(at); ok && loc.Symbol != "" {
		return starlark.String(loc.String()), nil
	}
	return starlark.None, nil
}

func (s *session) oneAddress(a *arguments) (uint64, error) {
	var of starlark.Value
	if err := a.unpack("addr", &of); err != nil {
		return 0, err
	}
	return s.addressOf(of)
}

func (s *session) address(a *arguments) (starlark.Value, error) {
	at, err := s.oneAddress(a)
	return starlark.MakeUint64(at), err
}

// describe says what an address points to.
func (s *session) describe(a *arguments) (starlark.Value, error) {
	at, err := s.oneAddress(a)
	if err != nil {
		return nil, err
	}
	if s.pointer == nil {
		s.pointer = object.NewPointers(s.w)
	}
	return fromGo(reflect.ValueOf(s.pointer.Describe(at))), nil
}

func (s *session) sizeof(a *arguments) (starlark.Value, error) {
	var typ string
	if err := a.unpack("type", &typ); err != nil {
		return nil, err
	}
	spec, id, err := s.typ(typ)
	if err != nil {
		return nil, err
	}
	n, _ := spec.Size(id)
	return starlark.MakeUint64(uint64(n)), nil
}

func (s *session) field(a *arguments) (f btf.Field, ok bool, err error) {
	var typ, member string
	if err := a.unpack("type", &typ, "member", &member); err != nil {
		return f, false, err
	}
	spec, id, err := s.typ(typ)
	if err != nil {
		return f, false, err
	}
	f, ok = spec.Field(id, member)
	return f, ok, nil
}

func (s *session) offsetof(a *arguments) (starlark.Value, error) {
	f, ok, err := s.field(a)
	if err == nil && !ok {
		err = errors.New("there is no such member")
	}
	return starlark.MakeUint64(uint64(f.Offset)), err
}

// has says whether a type has a member: what scripts ask in place of the
// kernel's version.
func (s *session) has(a *arguments) (starlark.Value, error) {
	_, ok, err := s.field(a)
	return starlark.Bool(ok && err == nil), nil
}

// container returns the structure that a member is in.
func (s *session) container(a *arguments) (starlark.Value, error) {
	at, typ, member, err := s.member(a, "addr")
	if err != nil {
		return nil, err
	}
	return s.object(s.w.At("u8", at).Container(typ, member)), nil
}

// list makes a method of a reader of objects.
func list(read func(*session) any) method {
	return func(s *session, a *arguments) (starlark.Value, error) {
		if err := a.unpack(); err != nil {
			return nil, err
		}
		return fromGo(reflect.ValueOf(read(s))), nil
	}
}
