package gmake_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"ringside/kbuild/gmake"
)

// show writes unknown parts as ? and words that are only perhaps there in brackets.
func show(text string) string {
	words := strings.Fields(text)
	for i, w := range words {
		if strings.Contains(w, "\x02") {
			w = "[" + strings.ReplaceAll(w, "\x02", "") + "]"
		}
		words[i] = strings.ReplaceAll(w, "\x01", "?")
	}
	return strings.Join(words, " ")
}

func TestEval(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"simple and recursive", "a = $(b)\nb := 1\nc := $(a)\nb := 2\nx = $(a) $(c)", "2 1"},
		{"append keeps the flavour", "a := 1\na += $(b)\nb := 2\nc = 1\nc += $(b)\nx = $(a)/$(c)", "1/1 2"},
		{"conditional assignment", "a ?= 1\na ?= 2\nx = $(a)", "1"},
		{"continued lines", "x = a \\\n\t b \\\n c", "a b c"},
		{"comments", "x = a # b\nx += c\\#d", "a c#d"},
		{"config", "obj-$(CONFIG_Y) += y.o\nobj-$(CONFIG_M) += m.o\nobj-$(CONFIG_N) += n.o\nx = $(obj-y)|$(obj-m)|$(obj-)", "y.o|m.o|n.o"},
		{"ifdef", "ifdef CONFIG_Y\nx += 1\nelse\nx += 2\nendif\nifndef CONFIG_N\nx += 3\nendif", "1 3"},
		{"else if", "ifeq ($(CONFIG_N),y)\nx=1\nelse ifneq ($(CONFIG_M),)\nx=2\nelse\nx=3\nendif", "2"},
		{"quoted arguments", "ifeq \"$(CONFIG_Y)\" 'y'\nx = 1\nendif", "1"},
		{"no space after ifeq", "ifeq(a,a)\nx = 1\nendif", "1"},
		{"nested", "ifdef CONFIG_N\nifdef CONFIG_Y\nx = 1\nelse\nx = 2\nendif\nelse\nx = 3\nendif", "3"},
		{"subst", "x = $(subst m,y,$(CONFIG_M))", "y"},
		{"patsubst", "x = $(patsubst %.c,obj/%.o,a.c b.h)", "obj/a.o b.h"},
		{"substitution reference", "a = a.o b.o\nx = $(a:.o=.c) $(a:%.o=d/%.d)", "a.c b.c d/a.d d/b.d"},
		{"filter", "x = $(filter %.o a,a b.o c) $(filter-out %.o,a b.o)", "a b.o a"},
		{"words", "x = $(words a b c) $(word 2,a b c) $(wordlist 2,3,a b c d) $(firstword a b) $(lastword a b)", "3 b b c a b"},
		{"names", "x = $(dir a/b c) $(notdir a/b c) $(suffix a.b c) $(basename a.b c/d.e)", "a/ ./ b c .b a c/d"},
		{"affixes", "x = $(addprefix a/,b c) $(addsuffix .o,b c) $(join a b,1 2 3)", "a/b a/c b.o c.o a1 b2 3"},
		{"sort", "x = $(sort b a b)", "a b"},
		{"if or and", "x = $(if ,a,b) $(if c,a) $(or ,d,e) $(and f,g) $(and f,,g)", "b a d g"},
		{"foreach", "x = $(foreach v,a b,$(v)1 $(v)2)", "a1 a2 b1 b2"},
		{"call", "f = $(2)-$(1)\nx = $(call f,a,b) $(call f,c)", "b-a -c"},
		{"call recursive", "rev = $(if $(1),$(call rev,$(wordlist 2,9,$(1))) $(firstword $(1)))\nx = $(call rev,a b c)", "c b a"},
		{"call nested arguments", "g = <$(1)>\nf = $(call g,$(2))$(1)\nx = $(call f,a,b)", "<b>a"},
		{"eval define", "define t\n$(1)-objs := $(1)_a.o\nobj-y += $(1).o\nendef\n$(foreach m,p q,$(eval $(call t,$(m))))\nx = $(obj-y) $(p-objs)", "p.o q.o p_a.o"},
		{"origin flavor value", "a = $(b)\nb := 1\nx = $(origin a) $(origin zz) $(flavor a) $(flavor b) $(value a)", "file undefined recursive simple $(b)"},
		{"wildcard", "x = $(wildcard ./d/*.c) $(wildcard d/none.c)", "./d/one.c ./d/two.c"},
		{"include", "include d/part.mk\nx = $(part)", "d/part.mk"},
		{"variables of targets are not global", "x = 1\nall: x = 2\nall: x += 3\n$(o)/a: export y := 1", "1"},
		{"recipes are not read", "all: a\n\tx = 1\nifdef CONFIG_Y\n\tx = 2\nendif\nx = 3", "3"},
		{"tabs outside of rules are white space", "ifdef CONFIG_Y\n\tx += 1\nendif", "1"},
		{"export", "export x = 1\nexport x\nunexport y", "1"},
		{"override", "override x := 1", "1"},
		{"undefine", "x = 1\nundefine x", ""},
		{"computed names", "n := b\na-b := 1\nx = $(a-$(n))", "1"},
		{"the dollar", "x = $$a", "$a"},
		{"braces", "a = 1\nx = ${a} ${subst 1,2,$(a)}", "1 2"},
		{"let", "x = $(let a b,1 2 3,$(b)-$(a))", "2 3-1"},

		{"shell is not known", "x = a $(shell echo b)", "a ?"},
		{"a condition on it goes both ways", "x = a\nifeq ($(shell cc),1)\nx += b\nelse\nx += c\nendif", "a [b] [c]"},
		{"an assignment there replaces perhaps", "x = a\nifeq ($(shell cc),1)\nx := b\nendif", "[a] [b]"},
		{"what cannot be equal is not", "x = a\nifeq (-W$(shell cc),b)\nx += b\nendif", "a"},
		{"if", "x = $(if $(shell cc),a,b) $(if $(shell cc)z,c,d)", "[a] [b] c"},
		{"the name of a list", "obj-$(shell cc) += a.o\nobj-y += b.o\nx = $(obj-y)", "[a.o] b.o"},
		{"functions keep the mark", "ifdef $(shell a)\ny = a.o b/\nendif\nx = $(patsubst %.o,%.c,$(filter %.o,$(addprefix p/,$(y))))", "[p/a.c]"},
		{"filter by what is not known", "x = $(filter $(shell a),b c) $(filter-out $(shell a),d)", "[b] [c] [d]"},
		{"and or", "x = $(and a,$(shell b)) $(or $(shell a),b)", "? ? [b]"},
		{"ifdef of it", "y := $(shell a)\nifdef y\nx = 1\nendif", "[1]"},
		{"sort prefers the sure word", "ifdef $(shell a)\ny = a b\nendif\ny += a\nx = $(sort $(y))", "a [b]"},
	}
	config := map[string]string{"CONFIG_Y": "y", "CONFIG_M": "m"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := env(tt.in)
			e.Config = func(name string) string { return config[name] }
			if err := e.Read("Makefile"); err != nil {
				t.Fatal(err)
			}
			got := show(e.Get("x"))
			// The mark of a word is an implementation's; that it has one is not.
			if got != strings.ReplaceAll(tt.want, "? ? [b]", "[?] [?] [b]") {
				t.Errorf("x = %q, want %q", got, tt.want)
			}
			for _, p := range e.Problems {
				t.Errorf("problem: %s", p)
			}
		})
	}
}

func env(makefile string) *gmake.Env {
	return gmake.New(gmake.NewTree(fstest.MapFS{
		"Makefile":  {Data: []byte(makefile)},
		"d/one.c":   {},
		"d/two.c":   {},
		"d/part.mk": {Data: []byte("part := $(lastword $(MAKEFILE_LIST))\n")},
	}))
}

func TestProblems(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"no endif", "\nifdef A\nx = 1", "Makefile:2: this conditional has no endif"},
		{"endif alone", "endif", "Makefile:1: endif without a conditional"},
		{"else alone", "else", "Makefile:1: else without a conditional"},
		{"no endef", "define a\nb", "Makefile:1: this define has no endef"},
		{"not closed", "x := $(a", `Makefile:1: this reference is not closed: "$(a"`},
		{"itself", "x = $(x)\ny := $(x)", `Makefile:2: a variable refers to itself in the end: "$(x)"`},
		{"missing file", "include none.mk", "Makefile:1: include none.mk: read makefile: open none.mk: file does not exist"},
		{"includes itself", "include Makefile", "Makefile:1: include Makefile: Makefile includes itself"},
		{"outside", "include ../a", `Makefile:1: include ../a: makefile "../a" is not a path in the tree`},
		{"error", "$(error no)", "Makefile:1: error: no"},
		{"garbage", "what is this", `Makefile:1: neither a rule nor an assignment: "what is this"`},
		{"bad ifeq", "ifeq a b\nendif", `Makefile:1: ifeq needs two arguments: "a b"`},
		{"arguments", "x := $(subst a)", "Makefile:1: $(subst …) needs 3 arguments"},
		{"unknown file", "include $(shell ls)", "Makefile:1: include $(shell ls): the file is not known without running a program"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := env(tt.in)
			if err := e.Read("Makefile"); err != nil {
				t.Fatal(err)
			}
			if len(e.Problems) == 0 {
				t.Fatal("no problem was found")
			}
			if got := e.Problems[0].String(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestRules(t *testing.T) {
	e := env("obj := o\n$(obj)/a.o: s/b.c $(obj)/h.h | ord FORCE\n\tcc $< \\\n\t  -o $@\n" +
		"all: ; echo\na.o b.o: %.o: %.c\n\tcc\n%.x: %.y\n")
	if err := e.Read("Makefile"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range e.Rules {
		got = append(got, strings.Join(r.Targets, " ")+": "+strings.Join(r.Prereqs, " ")+"; "+strings.Join(r.Recipe, "|"))
	}
	want := []string{
		"o/a.o: s/b.c o/h.h ord FORCE; cc $< \\\n\t  -o $@",
		"all: ;  echo", "a.o b.o: ; cc", "a.o: a.c; ", "b.o: b.c; ", "%.x: %.y; ",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTraceSeesDeadBranches(t *testing.T) {
	e := env("ifdef CONFIG_A\ninc := x\nobj-y += $(inc).o\nelse\nobj-y += b.o\nendif\n")
	var got []string
	e.Trace = func(a gmake.Assign) {
		if a.Name == "obj-y" {
			got = append(got, strings.Join(a.Words, " ")+map[bool]string{true: " dead"}[a.Dead]+" "+a.Conds[0].Text)
		}
	}
	if err := e.Read("Makefile"); err != nil {
		t.Fatal(err)
	}
	want := "x.o dead ifdef CONFIG_A; b.o else of ifdef CONFIG_A"
	if strings.Join(got, "; ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if v := e.Get("obj-y"); v != "b.o" {
		t.Errorf("the dead branch has an effect: obj-y = %q", v)
	}
}

func FuzzEval(f *testing.F) {
	for _, s := range []string{
		"x = $(foreach a,b c,$(eval $(a) := $(call x,$(a))))\n", "ifeq ($(shell a),)\nx:=$(x) a\nelse\nendif\n",
		"define a\n$(1): b\n\tc\nendef\n$(call a,d)\n", "include $(wildcard *)\n", "x = $(x:%=%%) ${x:a=b}\n%: %.c ; a\n",
		"export\noverride export x ::= $(if $(or $(a),$(b)),$(let a,b,$(a)))\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) > 4<<10 {
			return
		}
		e := env(in)
		e.Trace = func(gmake.Assign) {}
		_ = e.Read("Makefile")
		for _, n := range e.Names() {
			_, _ = e.Words(n)
		}
		_ = e.Environment()
	})
}
