package crash

import (
	"strconv"
	"strings"
)

// The rules of "ringside-1", kept as they were: a record that was made with
// them goes on grouping by them until its team takes the new ones over.

func signFirst(r *Report) Signature {
	s := Signature{Algorithm: firstAlgorithm}
	exact := []string{string(r.Kind)}
	stack := []string{string(r.Kind)}
	for i := range r.Frames {
		f := &r.Frames[i]
		if !f.blamable() {
			continue
		}
		exact = append(exact, f.Function+"+"+strconv.FormatUint(f.Offset, 16)+"/"+strconv.FormatUint(f.Size, 16)+"@"+f.Module+"#"+f.BuildID)
		stack = append(stack, firstName(f.Function)+"@"+f.Module)
	}
	where, module := normalise(r.Headline), ""
	if r.Guilty != nil {
		where, module = firstName(r.Guilty.Function), r.Guilty.Module
	}
	if len(stack) == 1 {
		exact = append(exact, where)
		stack = append(stack, where)
	}
	portable := []string{string(r.Kind)}
	if r.Fault != nil {
		switch r.Kind {
		case KindKASAN, KindKFENCE, KindKMSAN, KindUBSAN:
			if m := strings.TrimPrefix(normalise(r.Fault.Reason), "slab-"); m != "" {
				portable = append(portable, m)
			}
		}
	}
	portable = append(portable, where)
	if module != "" {
		portable = append(portable, module)
	}
	s.Basis = portable
	s.Exact, s.Stack, s.Portable = digest(exact), digest(stack), digest(portable)
	s.Family = digest([]string{r.Kind.Family(), where})
	return s
}

var firstSyscallPrefixes = []string{
	"__ia32_compat_sys_", "__x64_compat_sys_", "__arm64_compat_sys_", "__s390x_compat_sys_", "__se_compat_sys_", "__do_compat_sys_", "compat_sys_",
	"__x64_sys_", "__ia32_sys_", "__x32_sys_", "__arm64_sys_", "__riscv_sys_", "__s390x_sys_", "__s390_sys_", "__powerpc_sys_", "__loongarch_sys_",
	"__se_sys_", "__do_sys_", "ksys_", "SyS_", "SYSC_", "C_SYSC_", "compat_SyS_", "__sys_", "sys_",
}

func firstName(name string) string {
	name = baseName(name)
	for _, p := range firstSyscallPrefixes {
		if rest, ok := strings.CutPrefix(name, p); ok && rest != "" {
			return "sys_" + rest
		}
	}
	return name
}
