package scan

import (
	"slices"
	"testing"
	"testing/fstest"
)

func TestC(t *testing.T) {
	tests := []struct {
		name, src string
		want      []string
	}{
		{"plain", "int foo(void)\n{\n\tif (x) { y(); }\n}\n", []string{"foo"}},
		{"attributes before and after", "static int __init __printf(1, 2) foo(const char *a, ...)\n\t__acquires(lock)\n{\n}\n", []string{"foo"}},
		{"several lines", "static struct foo *\nbar_alloc(struct x *x,\n\t  int n)\n{\n}\n", []string{"bar_alloc"}},
		{"double underscore name", "static __always_inline bool __foo(int a)\n{\n}\n", []string{"__foo"}},
		{"declaration", "int foo(void);\nextern int bar(int);\n", nil},
		{"table", "static const struct ops o = {\n\t.open = foo,\n};\nstruct s {\n\tint (*f)(int);\n};\n", nil},
		{"enum and typedef", "enum e { A = F(1) };\ntypedef struct { int a; } t;\n", nil},
		{"returns a function", "void (*get(int a))(int)\n{\n}\n", []string{"get"}},
		{"system call", "SYSCALL_DEFINE3(read, unsigned int, fd, char __user *, buf, size_t, n)\n{\n}\n", []string{"__do_sys_read"}},
		{"compat system call", "COMPAT_SYSCALL_DEFINE1(foo, int, a)\n{\n}\n", []string{"__do_compat_sys_foo"}},
		{"exception", "DEFINE_IDTENTRY(exc_divide_error)\n{\n}\n", []string{"exc_divide_error"}},
		{"helper", "BPF_CALL_2(bpf_foo, int, a, int, b)\n{\n}\n", []string{"bpf_foo"}},
		{"macro without semicolon before", "DEFINE_THING(x)\nint foo(void)\n{\n}\n", []string{"foo"}},
		{"driver macro", "module_pci_driver(foo_driver);\n", []string{"foo_driver_init", "foo_driver_exit"}},
		{"show macro", "DEFINE_SHOW_ATTRIBUTE(foo);\n", []string{"foo_open"}},
		{"comments and strings", "/* int a(void) { */\n// int b(void) {\nint c(void) { return '{' + \"{\\\"{\"[0]; }\nint d(void) {}\n", []string{"c", "d"}},
		{"branches that open one brace twice", "#ifdef A\nint f(int a)\n{\n#else\nint f(void)\n{\n#endif\n\tx();\n}\nint g(void)\n{\n}\n", []string{"f", "f", "g"}},
		{"if 0", "#if 0\nint a(void)\n{\n#endif\nint b(void)\n{\n}\n", []string{"b"}},
		{"if 0 else", "#if 0\nint a(void)\n#else\nint b(void)\n#endif\n{\n}\n", []string{"b"}},
		{"macro body", "#define F(x) \\\n\tint x(void) {\nint b(void)\n{\n}\n", []string{"b"}},
		{"apostrophe in a comment of a directive", "#error don't\nint b(void)\n{\n}\n", []string{"b"}},
		{"unbalanced body", "int a(void)\n{\n\tFOO({\n}\nint b(void)\n{\n}\n", []string{"a", "b"}},
		{"cut off", "int a(void)\n{\n\tx(\"", []string{"a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			C([]byte(tt.src), func(name string) { got = append(got, name) })
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q in\n%s", got, tt.want, tt.src)
			}
		})
	}
}

func TestAsm(t *testing.T) {
	src := `
SYM_FUNC_START(foo)
SYM_FUNC_END(foo)
SYM_FUNC_START_NOALIGN(bar)
SYM_CODE_START_LOCAL(baz)
	SYM_INNER_LABEL(inner, SYM_L_GLOBAL)
SYM_FUNC_ALIAS(memcpy, __memcpy)
EXPORT_SYMBOL_GPL(qux)
ENTRY(old)
	call foo(%rip)
SYM_FUNC_START(name\@)
`
	var got []string
	Asm([]byte(src), func(name string) { got = append(got, name) })
	want := []string{"foo", "bar", "baz", "inner", "memcpy", "qux", "old"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestModules(t *testing.T) {
	tree := fstest.MapFS{}
	for name, text := range map[string]string{
		"d/Makefile": `# comment
obj-$(CONFIG_A)	+= single.o sub/
obj-$(CONFIG_B)	+= my-mod.o
my-mod-y	:= main.o \
		   part.o
my-mod-$(CONFIG_C)	+= extra.o
my-mod-y	+= asm.o
obj-m		+= listed.o
P3		= p3.x
listed-objs	:= $(addprefix parts/, p1.o p2.o) $(P3:.x=.o)
obj-y		+= builtin.o
FULL = $(src)/../shared
include $(FULL)/Makefile
obj-$(CONFIG_D)	+= big.o
big-y		:= $(SHARED)
`,
		"shared/Makefile": "SHARED = $(patsubst %,../shared/%,s1.o s2.o)\n",
		"loop/Makefile":   "A = $(B)\nB = $(A) $(A)\nobj-m += x.o\nx-y := $(A) y.o\n",
		"loop/y.c":        "", "d/single.c": "", "d/main.c": "", "d/part.c": "", "d/extra.c": "", "d/asm.S": "", "d/builtin.c": "",
		"d/parts/p1.c": "", "d/parts/p2.c": "", "d/p3.c": "", "shared/s1.c": "", "shared/s2.c": "",
	} {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	got := append(Modules(tree, "d"), Modules(tree, "loop")...)
	want := []Module{
		{"big", []string{"shared/s1.c", "shared/s2.c"}},
		{"listed", []string{"d/p3.c", "d/parts/p1.c", "d/parts/p2.c"}},
		{"my_mod", []string{"d/asm.S", "d/extra.c", "d/main.c", "d/part.c"}},
		{"single", []string{"d/single.c"}},
		{"x", []string{"loop/y.c"}},
	}
	if !slices.EqualFunc(got, want, func(a, b Module) bool { return a.Name == b.Name && slices.Equal(a.Files, b.Files) }) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func FuzzC(f *testing.F) {
	f.Add([]byte("#if 0\n#else\nstatic int __init foo(void)\n{\n}\n#endif\nmodule_init(foo);\n"))
	f.Add([]byte("/*"))
	f.Add([]byte("\"\\"))
	f.Add([]byte("#define A \\"))
	f.Fuzz(func(t *testing.T, src []byte) {
		C(src, func(name string) {
			if name == "" || identLen(name) != len(name) {
				t.Errorf("%q is not a function name", name)
			}
		})
		Asm(src, func(name string) {
			if identLen(name) != len(name) {
				t.Errorf("%q is not a symbol", name)
			}
		})
		Modules(fstest.MapFS{"d/Makefile": &fstest.MapFile{Data: src}}, "d")
	})
}
