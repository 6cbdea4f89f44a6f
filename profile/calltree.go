package profile

import (
	"cmp"
	"slices"
)

// TreeOptions say which tree is made of a profile.
type TreeOptions struct {
	// Event is an index into Profile.Events; -1 takes all.
	Event int
	// Callers turns stacks around: the tree begins with what ran, and goes on with
	// who called it.
	Callers bool
	// Focus keeps the stacks with this function only; they begin with it. Of a
	// stack that has it twice, the outermost counts, turned around the innermost.
	Focus string
	// MinShare leaves out what weighs less than this share of the tree.
	MinShare float64
	// Depth bounds the tree; 0 is no bound.
	Depth int
}

// TreeNode is a function under those that led to it.
type TreeNode struct {
	Name, Module string
	Kind         Kind
	// Total is the weight of all stacks that go through here, Self of those that
	// end here.
	Total, Self int64
	// Omitted is the weight of callees that were too light or too deep.
	Omitted  int64
	Children []*TreeNode // the heaviest first
}

// treeKey tells the children of a node apart: a function is one, whatever line
// it was in.
type treeKey struct {
	parent       *TreeNode
	name, module string
	kind         Kind
}

// CallTree sums stacks up to a tree. Its root is all of them; it has no name.
func CallTree(p *Profile, o TreeOptions) *TreeNode {
	self := make([]int64, len(p.Nodes))
	for i := range p.Cells {
		c := &p.Cells[i]
		if o.Event < 0 || p.Labels[c.Label].Event == o.Event {
			self[c.Stack] += c.Weight
		}
	}
	root := &TreeNode{}
	index := map[treeKey]*TreeNode{}
	var stack []FrameID
	for i, w := range self {
		if w == 0 {
			continue
		}
		stack = stack[:0]
		for s := StackID(i); s != 0; s = p.Nodes[s].Parent {
			stack = append(stack, p.Nodes[s].Frame)
		}
		if !o.Callers {
			slices.Reverse(stack)
		}
		if o.Focus != "" {
			at := slices.IndexFunc(stack, func(f FrameID) bool { return p.Frames[f].Func == o.Focus })
			if at < 0 {
				continue
			}
			stack = stack[at:]
		}
		root.Total += w
		node := root
		for _, id := range stack {
			f := &p.Frames[id]
			k := treeKey{node, f.Caption(), f.Module, f.Kind}
			next := index[k]
			if next == nil {
				next = &TreeNode{Name: k.name, Module: k.module, Kind: k.kind}
				index[k] = next
				node.Children = append(node.Children, next)
			}
			next.Total += w
			node = next
		}
		node.Self += w
	}
	root.trim(int64(o.MinShare*float64(root.Total)), 1, o.Depth)
	return root
}

// trim sorts children, which are at a level, and leaves out what is too light or
// too deep.
func (n *TreeNode) trim(least int64, level, depth int) {
	kept := n.Children[:0]
	for _, c := range n.Children {
		if c.Total < least || depth > 0 && level > depth {
			n.Omitted += c.Total
			continue
		}
		c.trim(least, level+1, depth)
		kept = append(kept, c)
	}
	n.Children = kept
	slices.SortFunc(kept, func(a, b *TreeNode) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Module, b.Module))
	})
}
