package baseline

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"ringside/kconfig/hardening"
)

// costLimit bounds what an expression may compute.
const costLimit = 100_000

// environment declares what expressions may use. s may be nil to compile only.
func environment(s *hardening.Subject) (*cel.Env, error) {
	get := func(name string) (string, bool) {
		if s == nil {
			return "", false
		}
		return s.Value(strings.TrimPrefix(name, "CONFIG_"))
	}
	fn := func(name string, result *cel.Type, f func(string) ref.Val) cel.EnvOption {
		return cel.Function(name, cel.Overload(name+"_string", []*cel.Type{cel.StringType}, result,
			cel.UnaryBinding(func(arg ref.Val) ref.Val {
				text, ok := arg.Value().(string)
				if !ok {
					return types.NewErr("%s wants the name of a symbol", name)
				}
				return f(text)
			})))
	}
	return cel.NewEnv(
		cel.Variable("arch", cel.StringType),
		cel.Variable("cmdline", cel.StringType),
		cel.Variable("sysctl", cel.MapType(cel.StringType, cel.StringType)),
		fn("value", cel.StringType, func(n string) ref.Val { v, _ := get(n); return types.String(v) }),
		fn("known", cel.BoolType, func(n string) ref.Val { _, ok := get(n); return types.Bool(ok) }),
		fn("enabled", cel.BoolType, func(n string) ref.Val { v, _ := get(n); return types.Bool(v == "y" || v == "m") }),
		fn("builtin", cel.BoolType, func(n string) ref.Val { v, _ := get(n); return types.Bool(v == "y") }),
		fn("module", cel.BoolType, func(n string) ref.Val { v, _ := get(n); return types.Bool(v == "m") }),
		fn("number", cel.IntType, func(n string) ref.Val {
			v, _ := get(n)
			i, err := strconv.ParseInt(v, 0, 64)
			if err != nil {
				return types.Int(0)
			}
			return types.Int(i)
		}),
	)
}

// compile compiles all expressions, by guardrail.
func (p *Policy) compile() (map[string]*cel.Ast, error) {
	asts := map[string]*cel.Ast{}
	var env *cel.Env
	for _, g := range p.Guardrails {
		if g.Expr == "" {
			continue
		}
		if env == nil {
			var err error
			if env, err = environment(nil); err != nil {
				return nil, fmt.Errorf("expressions: %w", err)
			}
		}
		ast, issues := env.Compile(g.Expr)
		if err := issues.Err(); err != nil {
			return nil, fmt.Errorf("guardrail %s: %w", g.ID, err)
		}
		if ast.OutputType() != cel.BoolType {
			return nil, fmt.Errorf("guardrail %s: the expression is a %s, not true or false", g.ID, ast.OutputType())
		}
		asts[g.ID] = ast
	}
	return asts, nil
}

// errNotGiven is why an expression has no answer that asks for what is not known. One that
// holds, or does not, whatever that is, has one.
var errNotGiven = errors.New("it asks for the command line or a sysctl, which is not given")

// holds evaluates an expression.
func holds(env *cel.Env, ast *cel.Ast, s *hardening.Subject) (bool, error) {
	program, err := env.Program(ast, cel.CostLimit(costLimit), cel.EvalOptions(cel.OptPartialEval))
	if err != nil {
		return false, err
	}
	given := map[string]any{"arch": s.Arch}
	var unknown []*interpreter.AttributePattern
	if s.Cmdline != nil {
		given["cmdline"] = *s.Cmdline
	} else {
		unknown = append(unknown, cel.AttributePattern("cmdline"))
	}
	if s.Sysctl != nil {
		given["sysctl"] = s.Sysctl
	} else {
		unknown = append(unknown, cel.AttributePattern("sysctl"))
	}
	vars, err := cel.PartialVars(given, unknown...)
	if err != nil {
		return false, err
	}
	out, _, err := program.Eval(vars)
	if err != nil {
		return false, err
	}
	if types.IsUnknown(out) {
		return false, errNotGiven
	}
	b, ok := out.Value().(bool)
	return b && ok, nil
}
