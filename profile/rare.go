package profile

// giveUp counts the rarest stacks to their callers, until most are left. It does
// nothing where nobody would learn which stack is which now.
func (b *Builder) giveUp(most int) {
	if b.limits.Moved == nil {
		return
	}
	b.settleCells(b.settled)
	p := &b.p
	total := make([]int32, len(p.Nodes))
	for i := range p.Cells {
		c := &p.Cells[i]
		total[c.Stack] = addUp(total[c.Stack], c.Count)
	}
	for i := len(total) - 1; i > 0; i-- {
		up := p.Nodes[i].Parent
		total[up] = addUp(total[up], int64(total[i]))
	}
	least := threshold(total, most)
	// What is kept moves to the front: a caller comes before its callees, and
	// weighs as much at least.
	to := make([]StackID, len(p.Nodes))
	kept := p.Nodes[:1]
	for i := 1; i < len(total); i++ {
		n := p.Nodes[i]
		n.Parent = to[n.Parent]
		if total[i] < least {
			to[i] = n.Parent
			continue
		}
		to[i] = StackID(len(kept))
		kept = append(kept, n)
	}
	p.Nodes = kept
	b.nodes = index{slots: b.nodes.slots}
	clear(b.nodes.slots)
	for i := 1; i < len(kept); i++ {
		key := nodeKey(kept[i].Parent, kept[i].Frame)
		b.nodes.fill(b.nodes.slot(key), key, StackID(i))
	}
	// Cells of stacks that are kept stay in order.
	var moved []Cell
	cells := p.Cells[:0]
	for _, c := range p.Cells {
		rare := total[c.Stack] < least
		c.Stack = to[c.Stack]
		if rare {
			b.rare += c.Count
			moved = append(moved, c)
		} else {
			cells = append(cells, c)
		}
	}
	p.Cells = append(cells, moved...)
	b.settleCells(len(cells))
	b.limits.Moved(to)
}

// addUp adds without running over.
func addUp(a int32, n int64) int32 { return int32(min(int64(a)+n, 1<<31-1)) }

// threshold is what the heaviest most of the totals have at least.
func threshold(total []int32, most int) int32 {
	var small [1 << 12]int
	for _, n := range total {
		small[min(max(n, 0), int32(len(small)-1))]++
	}
	n := 0
	for least := len(small) - 1; least > 0; least-- {
		if n += small[least]; n > most {
			return int32(least + 1)
		}
	}
	return 1
}
