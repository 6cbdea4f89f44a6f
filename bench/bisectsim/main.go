// Command bisectsim bisects simulated histories many times, and says how often the
// answer was right, what it cost, and whether the stated confidence was the real one.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"ringside/bisect"
)

type setting struct {
	p, q    float64
	merges  bool
	workers int
}

var (
	build      = flag.Float64("build", 0, "cost of a build, in runs; 0 is what a search begins with")
	confidence = flag.Float64("confidence", 0, "at which a search stops; 0 is what it begins with")
)

func main() {
	n := flag.Int("n", 1024, "candidates of a history")
	sessions := flag.Int("sessions", 2000, "sessions of each setting")
	quick := flag.Bool("quick", false, "only the settings that have a bound on cost")
	flag.Parse()
	settings := []setting{{.3, .02, false, 1}, {.3, .1, false, 1}, {.1, .02, false, 1}}
	if !*quick {
		settings = append(settings, setting{.1, 0, false, 1}, setting{.3, 0, false, 1}, setting{.5, .02, false, 1}, setting{.8, .1, false, 1}, setting{1, 0, false, 1},
			setting{.3, .02, true, 1}, setting{.3, .02, false, 4}, setting{.3, .02, true, 4})
	}
	fmt.Printf("| p | q | history | workers | sessions | right | stated | runs | kernels | ms |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range settings {
		s.measure(*n, *sessions)
	}
}

func (s setting) measure(n, sessions int) {
	var mu sync.Mutex
	var right, runs, builds int
	var stated float64
	var next atomic.Int64
	begin := time.Now()
	var wg sync.WaitGroup
	const cores = 2
	for range cores {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(sessions); i = next.Add(1) {
				r := rand.New(rand.NewPCG(uint64(i), 8))
				g := bisect.Line(n)
				if s.merges {
					g = merged(n, r)
				}
				ok, post, a, b := s.session(g, r)
				mu.Lock()
				if ok {
					right++
				}
				stated, runs, builds = stated+post, runs+a, builds+b
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	m := float64(sessions)
	history := "line"
	if s.merges {
		history = "merges"
	}
	fmt.Printf("| %g | %g | %s | %d | %d | %.2f %% | %.2f %% | %.0f | %.1f | %.1f |\n", s.p, s.q, history, s.workers, sessions,
		100*float64(right)/m, 100*stated/m, float64(runs)/m, float64(builds)/m, time.Since(begin).Seconds()*1000*cores/m)
}

func (s setting) session(g *bisect.Graph, r *rand.Rand) (right bool, stated float64, runs, builds int) {
	culprit := r.IntN(g.Len())
	search := bisect.NewSearch(g, bisect.Options{MaxRuns: 5000, Build: *build, Confidence: *confidence})
	for {
		t, more := search.Next(s.workers)
		if !more {
			break
		}
		rate := s.q
		if g.Holds(t.Candidate, culprit) {
			rate = s.p
		}
		for range t.Runs {
			o := bisect.Good
			if r.Float64() < rate {
				o = bisect.Bad
			}
			search.Observe(t.Candidate, o)
		}
	}
	best, stated := search.Best()
	runs, builds = search.Runs()
	return best == culprit, stated, runs, builds
}

// merged makes a history of which a third are commits of topics that are merged later.
func merged(n int, r *rand.Rand) *bisect.Graph {
	parents := make([][]int, n)
	main := -1
	for c := 0; c < n; {
		before := func(p int) []int {
			if p < 0 {
				return nil
			}
			return []int{p}
		}
		if length := 1 + r.IntN(12); r.Float64() < .1 && c+length+2 < n {
			base, tip := main, main
			for range length {
				parents[c] = before(tip)
				tip = c
				c++
			}
			parents[c] = before(base)
			main = c
			c++
			parents[c] = []int{main, tip}
			main = c
			c++
			continue
		}
		parents[c] = before(main)
		main = c
		c++
	}
	g, err := bisect.NewGraph(parents)
	if err != nil {
		panic(err)
	}
	return g
}
