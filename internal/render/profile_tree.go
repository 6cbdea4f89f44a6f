package render

import (
	"fmt"
	"io"

	"ringside/profile"
)

// ProfileTreeSchemaID names the JSON form of profile tree.
const ProfileTreeSchemaID = "https://ringside.dev/schemas/profile-tree.v1.json"

// ProfileTree is a call tree of a profile.
type ProfileTree struct {
	Schema  string            `json:"schema"`
	Event   string            `json:"event"`
	Unit    string            `json:"unit"`    // what weights count
	Callers bool              `json:"callers"` // it begins with what ran
	Focus   string            `json:"focus,omitempty"`
	Weight  int64             `json:"weight"` // of the whole profile
	Total   int64             `json:"total"`  // of the tree
	Nodes   []ProfileTreeNode `json:"nodes"`  // a caller comes before what it calls
	root    *profile.TreeNode
	// Warnings say what a reader should know.
	Warnings []string `json:"warnings,omitempty"`
}

// ProfileTreeNode is a function under those that led to it.
type ProfileTreeNode struct {
	Depth   int    `json:"depth"` // 1 under the root; what it is under is the last before it that is less deep
	Name    string `json:"name"`
	Module  string `json:"module,omitempty"`
	Kind    string `json:"kind"`
	Total   int64  `json:"total"`             // weight of all stacks that go through here
	Self    int64  `json:"self"`              // weight of those that end here
	Omitted int64  `json:"omitted,omitempty"` // weight of callees that were left out
}

// NewProfileTree makes the document of a tree.
func NewProfileTree(root *profile.TreeNode) ProfileTree {
	t := ProfileTree{Schema: ProfileTreeSchemaID, Total: root.Total, Nodes: []ProfileTreeNode{}, root: root}
	var walk func(n *profile.TreeNode, depth int)
	walk = func(n *profile.TreeNode, depth int) {
		for _, c := range n.Children {
			t.Nodes = append(t.Nodes, ProfileTreeNode{depth, c.Name, c.Module, c.Kind.String(), c.Total, c.Self, c.Omitted})
			walk(c, depth+1)
		}
	}
	walk(root, 1)
	return t
}

// ProfileTreeText prints the tree. A chain of functions that call nobody else is
// one column: the tree gets deeper only where it branches.
func ProfileTreeText(w io.Writer, t ProfileTree, st Style) error {
	p := &printer{w: w, s: st}
	p.line("%s  %s", p.s.paint(strong, t.Event), p.s.paint(faint, fmt.Sprintf("%s; shares of %d %s", treeTitle(t), t.Weight, t.Unit)))
	p.line("%s", p.s.paint(faint, fmt.Sprintf("%8s %8s  %s", "TOTAL", "SELF", "FUNCTION")))
	if t.root.Total == 0 {
		p.line("  no stack has it")
	}
	p.callTree(t, t.root, "")
	return p.err
}

func treeTitle(t ProfileTree) string {
	what := "who called whom"
	if t.Callers {
		what = "what ran, and who called it"
	}
	if t.Focus != "" {
		what += ", of " + t.Focus
	}
	return what
}

func (p *printer) callTree(t ProfileTree, n *profile.TreeNode, indent string) {
	share := func(v int64) string { return fmt.Sprintf("%7.2f%%", 100*float64(v)/float64(max(1, t.Weight))) }
	for i, c := range n.Children {
		branch, below := "├─ ", "│  "
		if i == len(n.Children)-1 && n.Omitted == 0 {
			branch, below = "└─ ", "   "
		}
		if len(n.Children) == 1 && n.Omitted == 0 && n.Self == 0 {
			branch, below = "", ""
		}
		self := "        "
		if c.Self > 0 {
			self = share(c.Self)
		}
		p.line("%s %s  %s%s  %s", share(c.Total), self, indent+branch, c.Name, p.s.paint(faint, c.Module))
		p.callTree(t, c, indent+below)
	}
	if n.Omitted > 0 {
		p.line("%s %8s  %s", share(n.Omitted), "", p.s.paint(faint, indent+"└─ … lighter ones"))
	}
}
