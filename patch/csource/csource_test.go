package csource

import (
	"fmt"
	"strings"
	"testing"
)

const sample = `// SPDX-License-Identifier: GPL-2.0
#include <linux/slab.h>
struct foo { int a; };
static const struct ops o = { .open = foo_open, };
EXPORT_SYMBOL(first);

#ifdef CONFIG_A
static int one(int a) { return a; }
#else
static inline int one(int a) { return 0; }
#endif

static __printf(2, 3) struct foo *
two(struct foo __user *p, const char *fmt, ...)
	__acquires(&lock)
{
	struct foo *x __free(kfree) = kzalloc(sizeof(*x), GFP_KERNEL), *y;
	u32 buf[4], n = 1;

	if (!x || (n && unlikely(IS_ERR(y))))
		goto out;
	list_for_each_entry(y, &x->list, node)
		if (y->a == (int)n)
			break;
	for (int i = 0; i < 4; i++)
		buf[i] = p->a ? : -1;
#if 0
	broken(
#else
	do_thing(x);
#endif
	switch (n) {
	case 1:
		return ERR_PTR(-EINVAL);
	default:
		break;
	}
out:
	return y;
}

SYSCALL_DEFINE2(three, int, fd, char __user *, buf)
{
	BUG_ON(fd < 0);
	return 0;
}
enum kind four(void)
{
	panic("no");
}
`

func TestFunctions(t *testing.T) {
	var got []string
	for _, f := range Parse(sample).Funcs {
		var params []string
		for _, p := range f.Params {
			params = append(params, fmt.Sprintf("%s%s %s%s", p.Type, strings.Repeat("*", p.Stars), p.Space, p.Name))
		}
		got = append(got, fmt.Sprintf("%d-%d %s(%s) %q %v %v", f.First, f.Last, f.Name, strings.Join(params, ", "), f.Result, f.Static, f.Attrs))
	}
	want := []string{
		`8-8 one(int a) "int" true []`,
		`10-10 one(int a) "int" true []`,
		`13-40 two(struct foo* __userp, char* fmt) "__printf ( 2 , 3 ) struct foo *" true [__acquires lock]`,
		`42-46 sys_three(int fd, char* __userbuf) "long" false []`,
		`47-50 four() "enum kind" false []`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestStatements(t *testing.T) {
	var out strings.Builder
	var dump func(s *Stmt, depth int)
	kinds := []string{"block", "if", "while", "do", "for", "foreach", "switch", "case", "label", "goto", "return", "break", "continue", "expr", "decl", "empty"}
	dump = func(s *Stmt, depth int) {
		if s == nil {
			return
		}
		fmt.Fprintf(&out, "%*s%s", depth*2, "", kinds[s.Kind])
		for _, d := range s.Decls {
			fmt.Fprintf(&out, " %s|%d|%s|%v|%s=%s", d.Type, d.Stars, d.Name, d.Array, d.Cleanup, d.Init)
		}
		for _, e := range []*Expr{s.Cond, s.Expr, s.Post} {
			if e != nil {
				fmt.Fprintf(&out, " {%s}", e)
			}
		}
		fmt.Fprintf(&out, " %s\n", s.Name)
		dump(s.Init, depth+1)
		for _, t := range s.List {
			dump(t, depth+1)
		}
		dump(s.Body, depth+1)
		dump(s.Else, depth+1)
	}
	dump(Parse(sample).Func("two").Body(), 0)
	want := `block 
  decl struct foo|1|x|false|kfree=kzalloc(sizeof(*x),GFP_KERNEL) struct foo|1|y|false|= 
  decl u32|0|buf|true|= u32|0|n|false|=1 
  if {!x||(n&&unlikely(IS_ERR(y)))} 
    goto out
  foreach {list_for_each_entry(y,&x->list,node)} 
    if {y->a==(int)n} 
      break 
  for {i<4} {i++} 
    decl int|0|i|false|=0 
    expr {buf[i]=p->a?:-1} 
  expr {do_thing(x)} 
  switch {n} 
    block 
      case {1} 
      return {ERR_PTR(-EINVAL)} 
      case 
      break 
  label out
  return {y} 
`
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
}

// What an expression is made of, not only how it is written.
func TestExpressions(t *testing.T) {
	for _, tt := range []struct{ src, want string }{
		{"a = b + c * d", "(= a (+ b (* c d)))"},
		{"(struct foo *)p", "(cast p)"},
		{"(u32)x & ~3", "(& (cast x) (~ 3))"},
		{"(foo)(bar)", "(call foo bar)"},
		{"(a) - b", "(- a b)"},
		{"sizeof(*p)", "(sizeof (* p))"},
		{"sizeof(struct foo)", "(sizeof)"},
		{"sizeof(p)", "(sizeof p)"},
		{"a->b.c[1]++", "(post++ (index (. (-> a)) 1))"},
		{"container_of(p, struct foo, list)", "(call container_of p type list)"},
		{"x ? y : z", "(?: x y z)"},
		{`pr_err("a" FMT "b", n)`, `(call pr_err "a" n)`},
		{"f(({ int q = 1; q; }))", "(call f inner)"},
		{"(struct foo){ .a = 1, 2 }", "(braces 1 2)"},
		{"!a && b || c", "(|| (&& (! a) b) c)"},
		{"*p++ = -1", "(= (* (post++ p)) (- 1))"},
		{"a b", "(bad a b)"},
	} {
		p := parser{t: lex(tt.src)}
		if got := sexp(p.whole()); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.src, got, tt.want)
		}
	}
}

func sexp(e *Expr) string {
	if e == nil {
		return "nil"
	}
	head := e.Op
	switch e.Kind {
	case Name, Literal:
		return e.Op
	case Type:
		return "type"
	case Inner:
		return "inner"
	case Bad:
		head = "bad"
	case Call:
		head = "call"
	case Index:
		head = "index"
	case Postfix:
		head = "post" + e.Op
	case Ternary:
		head = "?:"
	case Cast:
		head = "cast"
	case Sizeof:
		head = "sizeof"
	case Braces:
		head = "braces"
	}
	for _, x := range e.X {
		head += " " + sexp(x)
	}
	return "(" + head + ")"
}

// Each path of a function, as the lines that it goes over.
func TestGraph(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       []string
	}{
		{"short circuit", "if (a && b)\nx();\nreturn;", []string{"a+ b+ x() return", "a+ b- return", "a- return"}},
		{"goto", "if (a)\ngoto out;\nx();\nout:\ny();", []string{"a+ y() return", "a- x() y() return"}},
		{"fall through", "switch (a) {\ncase 1:\nx();\ncase 2:\ny(); break;\n}", []string{"a x() y() return", "a y() return", "a return"}},
		{"no return", "if (a)\npanic(1);\nx();", []string{"a+ panic(1)", "a- x() return"}},
		{"macro loop", "list_for_each_entry(p, l, n) {\nif (p)\nreturn p;\n}\nx();", []string{"list_for_each_entry(p,l,n)+ p+ return p", "list_for_each_entry(p,l,n)+ p-", "list_for_each_entry(p,l,n)- x() return"}},
		{"for ever", "while (1) {\nif (a)\nbreak;\n}\nx();", []string{"a+ x() return", "a-"}},
		{"do", "do {\nx();\n} while (!a);", []string{"x() a+ return", "x() a-"}},
		{"assertion", "BUG_ON(a);\nx();", []string{"a+", "a- x() return"}},
	} {
		g := Parse("void f(void)\n{\n\t" + strings.ReplaceAll(tt.body, "\n", "\n\t") + "\n}\n").Funcs[0].Graph()
		var got []string
		var walk func(n *Node, path string, seen map[*Node]bool)
		walk = func(n *Node, path string, seen map[*Node]bool) {
			if seen[n] {
				got = append(got, strings.TrimSpace(path))
				return
			}
			seen[n] = true
			defer delete(seen, n)
			switch n.Kind {
			case Exit:
				path += " return"
				if n.Expr != nil {
					path += " " + n.Expr.String()
				}
				got = append(got, strings.TrimSpace(path))
				return
			case Join:
			default:
				path += " " + n.Expr.String()
			}
			if len(n.Next) == 0 {
				got = append(got, strings.TrimSpace(path))
			}
			for _, e := range n.Next {
				walk(e.To, path+[]string{"", "+", "-"}[e.When], seen)
			}
		}
		walk(g.Entry, "", map[*Node]bool{})
		loops := strings.Contains(tt.body, "while") || strings.Contains(tt.body, "for_each")
		if g.Loops() != loops {
			t.Errorf("%s: has loops is %v", tt.name, !loops)
		}
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add("int f(void){" + strings.Repeat("{(", 300))
	f.Add("int f(void){ if (x) case 1: default: else do while for (;;")
	f.Add("SYSCALL_DEFINE1(\nint f() { x = (struct y){ .a = { [1] = 2 } }; }")
	f.Add("#if 0\n#else\n}}}\n#endif\n#elif\nint g(a)[3]{ return a ? : ? b; }")
	f.Fuzz(func(t *testing.T, src string) {
		for _, fn := range Parse(src).Funcs {
			if fn.First < 1 || fn.Last < fn.First {
				t.Errorf("%s: lines %d to %d", fn.Name, fn.First, fn.Last)
			}
			fn.Body().Walk(func(s *Stmt) bool {
				s.Exprs(func(e *Expr) { _ = e.String() })
				return true
			})
			for i, n := range fn.Graph().Nodes {
				if n.ID != i {
					t.Errorf("node %d is numbered %d", i, n.ID)
				}
			}
		}
	})
}
