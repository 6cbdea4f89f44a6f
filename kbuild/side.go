package kbuild

// Exists says whether the tree has a file.
func (b *Build) Exists(file string) bool { return b.tree.make.Exists(file) }

// SideFiles gives the sources of images beside vmlinux and modules, and all that they
// include: vDSOs, boot code. Some of it may be in vmlinux, too.
func (b *Build) SideFiles() map[string]bool {
	edges := b.closure().edges
	side := map[string]bool{}
	var stack []string
	for i := range b.Units {
		if u := &b.Units[i]; u.Side {
			stack = append(append(stack, u.Source), u.Inputs...)
		}
	}
	for len(stack) > 0 {
		f := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !side[f] {
			side[f] = true
			stack = append(stack, edges[f]...)
		}
	}
	return side
}
