package btf

import (
	"encoding/binary"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write golden files")

// builder makes BTF by hand, each method one type.
type builder struct {
	order interface {
		binary.ByteOrder
		binary.AppendByteOrder
	}
	types  []byte
	strs   []byte
	count  ID
	before uint32 // strings of the base
}

func newBuilder() *builder { return &builder{order: binary.LittleEndian, strs: []byte{0}} }

func (b *builder) str(s string) uint32 {
	if s == "" {
		return 0
	}
	b.strs = append(append(b.strs, s...), 0)
	return b.before + uint32(len(b.strs)-len(s)-1)
}

func (b *builder) add(name string, kind Kind, vlen int, flag bool, size uint32, more ...uint32) ID {
	info := uint32(kind)<<24 | uint32(vlen)
	if flag {
		info |= 1 << 31
	}
	for _, w := range append([]uint32{b.str(name), info, size}, more...) {
		b.types = b.order.AppendUint32(b.types, w)
	}
	b.count++
	return b.count
}

type field struct {
	name   string
	typ    ID
	offset uint32
}

func (b *builder) composite(kind Kind, name string, size uint32, flag bool, fields ...field) ID {
	var more []uint32
	for _, f := range fields {
		more = append(more, b.str(f.name), uint32(f.typ), f.offset)
	}
	return b.add(name, kind, len(fields), flag, size, more...)
}

func (b *builder) bytes() []byte {
	p := b.order.AppendUint16(nil, magic)
	p = append(p, 1, 0)
	for _, w := range []int{headerSize, 0, len(b.types), len(b.types), len(b.strs)} {
		p = b.order.AppendUint32(p, uint32(w))
	}
	return slices.Concat(p, b.types, b.strs)
}

const signed = 1 << 24

// sample has every kind.
func sample() *builder {
	b := newBuilder()
	i32 := b.add("int", KindInt, 0, false, 4, signed|32)
	u64 := b.add("long unsigned int", KindInt, 0, false, 8, 64)
	char := b.add("char", KindInt, 0, false, 1, signed|8)
	head := b.count + 1
	b.composite(KindStruct, "list_head", 16, false, field{"next", head + 1, 0}, field{"prev", head + 1, 64})
	list := b.add("", KindPtr, 0, false, uint32(head))
	comm := b.add("", KindArray, 0, false, 0, uint32(char), uint32(u64), 16)
	flex := b.add("", KindArray, 0, false, 0, uint32(head), uint32(u64), 0)
	atomic := b.composite(KindStruct, "", 4, false, field{"counter", i32, 0})
	atomicT := b.add("atomic_t", KindTypedef, 0, false, uint32(atomic))
	state := b.add("task_state", KindEnum, 3, true, 4, b.str("RUNNING"), 0, b.str("SLEEPING"), 1, b.str("DEAD"), 0xffffffff)
	flags := b.add("big_flags", KindEnum64, 2, false, 8, b.str("LOW"), 1, 0, b.str("HIGH"), 0, 0x80000000)
	konst := b.add("", KindConst, 0, false, uint32(char))
	name := b.add("", KindPtr, 0, false, uint32(konst))
	konstPtr := b.add("", KindConst, 0, false, uint32(name))
	vol := b.add("", KindVolatile, 0, false, uint32(u64))
	tag := b.add("rcu", KindTypeTag, 0, false, uint32(head))
	rcu := b.add("", KindPtr, 0, false, uint32(tag))
	proto := b.add("", KindFuncProto, 3, false, uint32(i32), b.str("list"), uint32(list), b.str("name"), uint32(name), 0, 0)
	callback := b.add("", KindPtr, 0, false, uint32(proto))
	restrict := b.add("", KindRestrict, 0, false, uint32(list))
	double := b.add("double", KindFloat, 0, false, 8)
	b.add("page", KindFwd, 0, false, 0)
	b.add("anything", KindFwd, 0, true, 0)
	inner := b.composite(KindUnion, "", 8, false, field{"raw", u64, 0}, field{"pair", atomicT, 0})
	outer := b.composite(KindStruct, "", 16, false, field{"", inner, 0}, field{"time", double, 64})
	task := b.composite(KindStruct, "task", 192, true,
		field{"state", state, 0}, field{"usage", atomicT, 32}, field{"", outer, 64}, field{"tasks", head, 192},
		field{"comm", comm, 320}, field{"on_rq", i32, 1<<24 | 448}, field{"nice", i32, 6<<24 | 449}, field{"name", konstPtr, 512},
		field{"seq", vol, 576}, field{"parent", rcu, 640}, field{"fn", callback, 704}, field{"alias", restrict, 768},
		field{"flags", flags, 832}, field{"more", b.add("", KindArray, 0, false, 0, uint32(comm), uint32(u64), 2), 960})
	_ = task
	b.composite(KindStruct, "pid", 8, false, field{"level", i32, 0}, field{"numbers", flex, 64})
	b.composite(KindStruct, "empty", 0, false)
	fn := b.add("list_walk", KindFunc, 1, false, uint32(proto))
	v := b.add("runqueues", KindVar, 0, false, uint32(head), 1)
	b.add(".data..percpu", KindDatasec, 1, false, 64, uint32(v), 32, 16)
	b.add("kfunc", KindDeclTag, 0, false, uint32(fn), 0xffffffff)
	return b
}

func parse(t testing.TB, data []byte, base *Spec) *Spec {
	t.Helper()
	s, err := Parse(data, base)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestField(t *testing.T) {
	s := parse(t, sample().bytes(), nil)
	task, ok := s.Struct("task")
	if !ok || len(s.Notes()) != 0 {
		t.Fatal("no struct task", s.Notes())
	}
	for path, want := range map[string]struct {
		typ       string
		off       uint32
		bit, bits uint32
		at        string // what At says of the offset, if not the path
	}{
		"state":         {typ: "enum task_state"},
		"usage.counter": {typ: "int", off: 4, at: "usage"},
		"raw":           {typ: "long unsigned int", off: 8},
		"pair.counter":  {typ: "int", off: 8, at: "raw"},
		"time":          {typ: "double", off: 16},
		"tasks":         {typ: "struct list_head", off: 24, at: "tasks.next"},
		"tasks.prev":    {typ: "struct list_head *", off: 32},
		"comm":          {typ: "char [16]", off: 40, at: "comm[0]"},
		"comm[5]":       {typ: "char", off: 45},
		"on_rq":         {typ: "int", off: 56, bits: 1},
		"nice":          {typ: "int", off: 56, bit: 1, bits: 6, at: "on_rq"},
		"name":          {typ: "const char *const", off: 64},
		"seq":           {typ: "volatile long unsigned int", off: 72},
		"parent":        {typ: "struct list_head *", off: 80},
		"fn":            {typ: "int (*)(struct list_head *list, const char *name, ...)", off: 88},
		"flags":         {typ: "enum big_flags", off: 104},
		"more[1]":       {typ: "char [16]", off: 136, at: "more[1][0]"},
		"more[1][3]":    {typ: "char", off: 139},
		"more[2][0]":    {typ: "char", off: 152, at: "none"},
	} {
		for range 2 { // the second out of the cache
			f, ok := s.Field(task, path)
			if got := s.String(f.Type); !ok || got != want.typ || f.Offset != want.off || f.BitOffset != want.bit || f.BitSize != want.bits {
				t.Errorf("%s: %q, %+v, %t; want %+v", path, got, f, ok, want)
			}
		}
		switch want.at {
		case "none":
			want.at = ""
		case "":
			want.at = path
		}
		if at := s.At(task, want.off); at != want.at {
			t.Errorf("at %d is %q, want %q", want.off, at, want.at)
		}
	}
	for _, path := range []string{"", ".", "sta", "state.", "tasks[0]", "comm[", "comm[x]", "comm[1", "comm[1]x", "tasks.next.next", "comm[4294967296]", "more[4294967295]x", "nice[0]"} {
		if f, ok := s.Field(task, path); ok {
			t.Errorf("%q is %+v", path, f)
		}
	}
	for off, want := range map[uint32]string{2: "state+2", 33: "tasks.prev+1", 57: "", 192: "", 1 << 31: ""} {
		if at := s.At(task, off); at != want {
			t.Errorf("at %d is %q, want %q", off, at, want)
		}
	}
	pid, _ := s.Struct("pid")
	if at := s.At(pid, 8+16+8); at != "numbers[1].prev" {
		t.Errorf("behind the end is %q", at)
	}
	if f, ok := s.Field(pid, "numbers[1].prev"); !ok || f.Offset != 32 {
		t.Errorf("numbers[1].prev is %+v", f)
	}
}

func TestTypeByName(t *testing.T) {
	s := parse(t, sample().bytes(), nil)
	m := newBuilder()
	m.count, m.before = ID(s.Types()), uint32(len(s.strs))
	m.composite(KindStruct, "own", 8, false, field{"x", 2, 0})
	module := parse(t, m.bytes(), s)
	for _, c := range []struct {
		name, is string
		size     uint32
	}{
		{"int", "int", 4},
		{"unsigned long", "long unsigned int", 8},
		{"long unsigned", "long unsigned int", 8},
		{"const char", "char", 1},
		{"struct list_head", "struct list_head", 16},
		{"list_head", "struct list_head", 16},
		{"struct list_head *", "struct list_head *", 8},
		{"const struct list_head * const *", "struct list_head **", 8},
		{"struct list_head[3]", "struct list_head [3]", 48},
		{"char *[2][3]", "char *[2][3]", 48},
		{"int [0x10]", "int [16]", 64},
		{"atomic_t", "atomic_t", 4},
		{"enum task_state", "enum task_state", 4},
		{"task_state", "enum task_state", 4},
		{"enum big_flags", "enum big_flags", 8},
		{"struct page *", "struct page *", 8},
		{"void *", "void *", 8},
		{"double", "double", 8},
		{"void", "void", 0},
		{"int [4294967295][4294967295]", "int [4294967295][4294967295]", 0},
	} {
		for _, spec := range []*Spec{s, module} {
			id, ok := spec.TypeByName(c.name)
			if !ok || spec.String(id) != c.is {
				t.Errorf("%q is %q, %t", c.name, spec.String(id), ok)
			}
			if again, _ := spec.TypeByName(c.name); again != id {
				t.Errorf("%q is made twice", c.name)
			}
			if n, _ := spec.Size(id); n != c.size {
				t.Errorf("%q has %d bytes, want %d", c.name, n, c.size)
			}
		}
	}
	for _, name := range []string{"", "*", "struct", "struct nothing", "nothing", "int x", "int [", "int [x]", "int ]", "int (*)(void)", "int int4", "unsigned nothing", "enum list_head", "struct task_state", "int [1]*"} {
		if id, ok := s.TypeByName(name); ok {
			t.Errorf("%q is %q", name, s.String(id))
		}
	}
	// What the base makes is good in the module's Spec too.
	base, _ := s.TypeByName("struct task *")
	if got := module.String(base); got != "struct task *" {
		t.Errorf("the base's pointer is %q", got)
	}
	own, ok := module.TypeByName("struct own *")
	if !ok || module.String(own) != "struct own *" || s.Type(own).Kind != KindVoid {
		t.Errorf("the module's pointer is %q here, %q there", module.String(own), s.String(own))
	}
	if f, ok := module.Field(ID(module.Types()), "x"); !ok || module.String(f.Type) != "long unsigned int" {
		t.Errorf("own.x is %+v", f)
	}
}

func TestNames(t *testing.T) {
	s := parse(t, sample().bytes(), nil)
	task, _ := s.Struct("struct task")
	if id, ok := s.Named(KindStruct, "task"); !ok || id != task {
		t.Error("no struct task by kind")
	}
	for _, name := range []string{"union task", "page", "task_state", "", "struct ", "tas"} {
		if id, ok := s.Struct(name); ok {
			t.Errorf("%q is %q", name, s.String(id))
		}
	}
	if id, ok := s.Struct("empty"); !ok || s.Type(id).Kind != KindStruct {
		t.Error("no struct empty")
	}
	var names []string
	for _, id := range s.Find("*t*") {
		names = append(names, s.String(id))
	}
	if want := []string{"atomic_t", "struct empty", "struct list_head", "struct task", "enum task_state"}; !slices.Equal(names, want) {
		t.Errorf("found %q", names)
	}
	if found := s.Find("struct tas*"); !slices.Equal(found, []ID{task}) {
		t.Errorf("found %d", found)
	}
	if found := s.Find("["); found != nil {
		t.Errorf("found %d", found)
	}
	proto, ok := s.Func("list_walk")
	if p := s.Params(proto); !ok || len(p) != 3 || p[1].Name != "name" || p[2] != (Param{}) {
		t.Errorf("list_walk has %+v", p)
	}
	if vars := slices.Collect(s.Vars()); len(vars) != 1 || vars[0].Name != "runqueues" || vars[0].Offset != 32 || vars[0].Size != 16 || vars[0].Section != ".data..percpu" {
		t.Errorf("%+v", vars)
	}
	state, _ := s.TypeByName("enum task_state")
	if v := s.Enum(state); len(v) != 3 || v[2] != (EnumValue{"DEAD", -1}) {
		t.Errorf("%+v", v)
	}
	for v, want := range map[int64]string{0: "RUNNING", -1: "DEAD", 7: ""} {
		if name, ok := s.EnumName(state, v); name != want || ok != (want != "") {
			t.Errorf("%d is %q", v, name)
		}
	}
	flags, _ := s.TypeByName("enum big_flags")
	if name, _ := s.EnumName(flags, -1<<63); name != "HIGH" {
		t.Errorf("the highest bit is %q", name)
	}
}

func TestDeclare(t *testing.T) {
	s := parse(t, sample().bytes(), nil)
	var b strings.Builder
	for _, name := range []string{"struct task", "struct pid", "enum task_state", "enum big_flags", "atomic_t", "int", "struct page"} {
		id, _ := s.TypeByName(name)
		b.WriteString(s.Declare(id))
	}
	fn, _ := s.Named(KindFunc, "list_walk")
	b.WriteString(s.Declare(fn))
	golden := filepath.Join("testdata", "declare.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || b.String() != string(want) {
		t.Errorf("%v; declared as\n%s", err, b.String())
	}
}

func TestBigEndian(t *testing.T) {
	little := sample()
	big := little.bytes()
	// The strings stay as they are.
	words := len(big) - len(little.strs)
	for i := 0; i < words; i += 4 {
		slices.Reverse(big[i : i+4])
	}
	copy(big, []byte{0xeb, 0x9f, 1, 0})
	s, want := parse(t, big, nil), parse(t, little.bytes(), nil)
	for id := range ID(s.Types()) {
		if s.Declare(id) != want.Declare(id) {
			t.Errorf("type %d is %s", id, s.Declare(id))
		}
	}
}

func TestDamage(t *testing.T) {
	good := sample().bytes()
	types := sample().types
	for name, c := range map[string]struct {
		data []byte
		note string
	}{
		"cut in strings": {good[:len(good)-100], "strings: 100 bytes"},
		"cut in types":   {good[:headerSize+len(types)/2], "missing at the end"},
		"unknown kind":   {slices.Concat(good[:headerSize+16*3+7], []byte{0x55}, good[headerSize+16*3+8:]), "type 4 at offset 48: unknown kind 85"},
		"long struct":    {slices.Concat(good[:headerSize+16*3+6], []byte{0xff}, good[headerSize+16*3+7:]), "type 4 at offset 48: a struct of"},
	} {
		s := parse(t, c.data, nil)
		if !slices.ContainsFunc(s.Notes(), func(n string) bool { return strings.Contains(n, c.note) }) {
			t.Errorf("%s: notes %q", name, s.Notes())
		}
		if typ := s.Type(1); typ.Kind != KindInt || typ.Size != 4 {
			t.Errorf("%s: the first type is %+v", name, typ)
		}
	}
	for name, data := range map[string][]byte{"empty": nil, "short": good[:10], "zero": make([]byte, 100)} {
		if _, err := Parse(data, nil); !errors.Is(err, ErrNotBTF) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for at, value := range map[int]byte{2: 9, 4: 3, 7: 1} {
		data := slices.Clone(good)
		data[at] = value
		if _, err := Parse(data, nil); err == nil {
			t.Errorf("%d at %d: no error", value, at)
		}
	}
}

// BTF since 7.1 says how large the kinds are that a reader does not know.
func TestLayout(t *testing.T) {
	b := newBuilder()
	b.add("", 20, 2, false, 0, 1, 2, 3, 4, 5) // 4 bytes, and 8 for each of two
	b.add("int", KindInt, 0, false, 4, signed|32)
	layout := make([]byte, 21*4)
	layout[20*4], layout[20*4+1] = 4, 8
	data := b.order.AppendUint16(nil, magic)
	data = append(data, 1, 0)
	for _, w := range []int{layoutHeader, 0, len(b.types), len(b.types) + len(layout), len(b.strs), len(b.types), len(layout)} {
		data = b.order.AppendUint32(data, uint32(w))
	}
	s := parse(t, slices.Concat(data, b.types, layout, b.strs), nil)
	if len(s.Notes()) > 0 || s.Types() != 2 || s.String(2) != "int" || s.Type(1).Kind.String() != "kind 20" {
		t.Errorf("%d types, %q is the second, notes %q", s.Types(), s.String(2), s.Notes())
	}
}

// Types that contain themselves, in every way that one can.
func TestCircles(t *testing.T) {
	b := newBuilder()
	b.add("loop", KindTypedef, 0, false, 1)
	b.add("", KindConst, 0, false, 2)
	b.add("", KindArray, 0, false, 0, 3, 3, 2)
	b.composite(KindStruct, "self", 8, false, field{"", 4, 0}, field{"", 4, 0}, field{"x", 4, 0})
	b.add("", KindPtr, 0, false, 5)
	b.add("", KindFuncProto, 2, false, 6, b.str("a"), 6, b.str("b"), 6)
	b.add("", KindTypeTag, 0, false, 7)
	b.add("", KindVar, 0, false, 8, 0)
	b.composite(KindUnion, "u", 1<<31, true, field{"a", 9, 0xffffffff}, field{"", 4, 0})
	b.add("", KindArray, 0, false, 0, 4, 4, 1<<31)
	s := parse(t, b.bytes(), nil)
	for id := range ID(s.Types() + 2) {
		s.Resolve(id)
		s.Size(id)
		if text := s.String(id) + s.Declare(id); len(text) > 1<<22 {
			t.Errorf("type %d is %d bytes long", id, len(text))
		}
		if f, ok := s.Field(id, "nothing"); ok {
			t.Errorf("%+v", f)
		}
		s.At(id, 7)
	}
}

func TestConcurrent(t *testing.T) {
	s := parse(t, sample().bytes(), nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			task, _ := s.Struct("task")
			for _, path := range []string{"state", "comm[3]", "nothing", "tasks.prev"} {
				s.Field(task, path)
			}
			if id, ok := s.TypeByName("struct task *[4]"); !ok || s.String(id) != "struct task *[4]" {
				t.Error("a type is made wrongly")
			}
		})
	}
	wg.Wait()
}
