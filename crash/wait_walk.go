package crash

// Task returns the node of a task, -1 if the graph has none.
func (g *WaitGraph) Task(pid int) int {
	for i := range g.Nodes {
		if n := &g.Nodes[i]; n.Kind == NodeTask && n.PID == pid {
			return i
		}
	}
	return -1
}

// Chain returns the edges from a node to the end of what it waits for, along the
// surest of each node. Where they lead back, ring is true and the last edge is the
// one that closes the ring.
func (g *WaitGraph) Chain(node int) (edges []WaitEdge, ring bool) {
	next := map[int]WaitEdge{}
	for _, e := range g.Edges {
		if e.Confidence > next[e.From].Confidence {
			next[e.From] = e
		}
	}
	seen := map[int]bool{}
	for e, ok := next[node]; ok; e, ok = next[e.To] {
		if seen[e.From] {
			return edges, true
		}
		seen[e.From] = true
		edges = append(edges, e)
	}
	return edges, false
}

// Waiters returns how many tasks wait for a node at the end of their chains.
func (g *WaitGraph) Waiters(node int) int {
	for _, e := range g.Ends {
		if e.Node == node {
			return e.Waiters
		}
	}
	return 0
}

// Graph returns the graph of a boot, nil if nothing waits in it.
func (d *Document) Graph(boot int) *WaitGraph {
	for i := range d.Waits {
		if d.Waits[i].Boot == boot {
			return &d.Waits[i]
		}
	}
	return nil
}
