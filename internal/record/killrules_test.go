package record

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringside/crash"
	"ringside/internal/store"
)

// killRules names the data folder to the child process of TestKill9Rules.
const killRules = "RINGSIDE_TEST_KILL_RULES"

// openRules opens a record as a program with the rules "t2" does. Every round
// is two minutes later than the one before, so that what a dead process held is
// free. said is told of everything that the program does next.
func openRules(ctx context.Context, dir, round string, said func(...any)) (*Service, error) {
	db, err := store.OpenSQLite(ctx, filepath.Join(dir, "ringside.db"), store.SQLiteOptions{})
	if err != nil {
		return nil, err
	}
	blobs, err := store.OpenBlobDir(filepath.Join(dir, "blobs"))
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(round)
	if err != nil {
		return nil, err
	}
	c := Config{DB: db, Blobs: blobs, Workers: 1,
		Now:    func() time.Time { return time.Now().Add(time.Duration(n) * 2 * time.Minute) },
		Owners: askedFor(func(function string) { said("carry", function) })}
	withAlgorithm("t2")(&c)
	read := c.Analyzer
	c.Analyzer = AnalyzerFunc(func(ctx context.Context, r io.Reader) (doc *crash.Document, err error) {
		said("read")
		return read.Analyze(ctx, r)
	})
	s, err := New(c)
	if err == nil {
		// A job whose process dies eight times before it gets a step further
		// is put aside for a person to look at. That is tested elsewhere, and
		// here the dice would come to it now and then.
		s.queue.Attempts = 1000
	}
	return s, err
}

// askedFor is told which function's owner is asked for, and knows none.
type askedFor func(function string)

func (f askedFor) Owner(function, _, _ string) (Owner, bool) { f(function); return Owner{}, false }

// takeRulesOver is the child, and the undisturbed run: it does what the jobs
// ask for until the new rules group, and accepts them when they are ready.
func takeRulesOver(ctx context.Context, s *Service) error {
	if err := s.noticeAlgorithm(ctx); err != nil {
		return err
	}
	for {
		if err := s.Drain(ctx); err != nil {
			return err
		}
		a, err := s.Algorithms(ctx)
		switch {
		case err != nil:
			return err
		case a.Active == "t2":
			return nil
		case a.Backfill == nil || a.Backfill.State != BackfillReady:
			return fmt.Errorf("no work is left, and the backfill is %+v", a.Backfill)
		}
		if _, err := s.DecideBackfill(ctx, true, "kim"); err != nil {
			return err
		}
	}
}

func takeRulesOverUntilKilled(dir, round string) error {
	ctx := context.Background()
	s, err := openRules(ctx, dir, round, func(v ...any) { fmt.Println(v...) })
	if err != nil {
		return err
	}
	return takeRulesOver(ctx, s)
}

// seedKillRules makes a record by the rules "t1" with something of all that
// newer rules can do, and people's decisions about it.
func seedKillRules(t *testing.T, dir string) {
	t.Helper()
	db, err := store.OpenSQLite(t.Context(), filepath.Join(dir, "ringside.db"), store.SQLiteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s, _ := newService(t, db, withAlgorithm("t1"), func(c *Config) {
		if c.Blobs, err = store.OpenBlobDir(filepath.Join(dir, "blobs")); err != nil {
			t.Fatal(err)
		}
	})
	seedRules(t, s)
	for i := range 120 {
		fn := fmt.Sprintf("%s_%d_%d", []string{"same", "old", "one", "duo"}[i%4], i/8, i/4%2)
		take(t, s, fmt.Sprint("host", i%9), fmt.Sprintf("boot %d\nREPORT kind=warning fn=%s stack=%s,way%d,s%d\nREPORT kind=panic fn=%s by=0 panic\n",
			i, fn, fn, i%3, i%5, fn), collected(testStart.Add(-time.Duration(i)*time.Hour)))
	}
	one, two, old := idOf(t, s, "warning in one_d"), idOf(t, s, "warning in two_e"), idOf(t, s, "warning in old_c")
	for _, c := range []LinkChange{{A: old, B: two, Kind: LinkMust, By: "kim"}, {A: one, B: two, Kind: LinkCannot, By: "lee"}} {
		if _, err := s.Link(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.ChangeSignature(t.Context(), two, SignatureChange{State: new(StateOpen), Assignee: new("ada")}); err != nil {
		t.Fatal(err)
	}
}

// standing writes down what is the same after any way to the same end: all but
// IDs and times that were made on the way.
func standing(t *testing.T, s *Service) string {
	t.Helper()
	var all []string
	for _, query := range []string{
		`select 'signature ' || title || ' ' || algorithm || ' ' || key || ' ' || family || ' ' || state || ' ' || assignee || ' ' || stack || ' ' ||
			crashes || ' ' || secondary || ' ' || panics || ' ' || hosts || ' ' || kernels || ' ' || first_seen || ' ' || last_seen
			from signatures where replaced_by = ''`,
		`select 'replaced ' || s.id || ' by ' || n.title from signatures s join signatures n on n.id = s.replaced_by`,
		`select 'group ' || s.title || ' of ' || g.title from signatures s join signatures g on g.id = s.group_id`,
		`select 'link ' || l.id || ' ' || a.title || ' ' || b.title || ' ' || coalesce(l.undone_by, '') from signature_links l
			join signatures a on a.id = l.a join signatures b on b.id = l.b`,
		`select 'crash ' || c.id || ' ' || s.title from crashes c join signatures s on s.id = c.signature_id`,
		`select 'report ' || r.crash_id || ' ' || r.idx || ' ' || s.title from crash_reports r join signatures s on s.id = r.signature_id`,
		`select 'frame ' || function || ' ' || signatures from frame_counts where signatures <> 0`,
		`select 'frames ' || s.title || ' ' || f.function from signature_frames f join signatures s on s.id = f.signature_id`,
		`select 'daily ' || s.title || ' ' || d.day || ' ' || d.crashes || ' ' || d.secondary from signature_daily d join signatures s on s.id = d.signature_id`,
		`select 'host ' || s.title || ' ' || h.host_id || ' ' || h.crashes || ' ' || h.secondary from signature_hosts h join signatures s on s.id = h.signature_id`,
		`select 'exemplar ' || s.title || ' ' || e.crash_id from exemplars e join signatures s on s.id = e.signature_id`,
		`select 'activity ' || s.title || ' ' || a.what || ' ' || a.was || ' ' || a.became || ' ' || a.note from signature_activity a join signatures s on s.id = a.signature_id`,
		`select 'algorithm ' || name || ' ' || state from signature_algorithms`,
		`select 'backfill ' || state || ' ' || done || ' ' || unreadable || ' ' || result from backfills`,
		`select 'shadow ' || count(*) from shadow_reports`,
	} {
		rows, err := collectText(t, s, query+` order by 1`)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		all = append(all, rows...)
	}
	return strings.Join(all, "\n")
}

// TestKill9Rules kills a process that brings newer rules in, at any point of the
// backfill and of the take-over, and compares the end with an undisturbed run.
func TestKill9Rules(t *testing.T) {
	seed := t.TempDir()
	seedKillRules(t, seed)

	calm := t.TempDir()
	if err := os.CopyFS(calm, os.DirFS(seed)); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	s, err := openRules(t.Context(), calm, "0", func(v ...any) { counts[v[0].(string)]++ })
	if err != nil {
		t.Fatal(err)
	}
	if err := takeRulesOver(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	want := standing(t, s)
	checkRollups(t, s)
	s.db.Close()
	if counts["read"] == 0 || counts["carry"] == 0 {
		t.Fatalf("the undisturbed run did %v", counts)
	}

	runs := 3
	if testing.Short() {
		runs = 1
	}
	for run := range runs {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(seed)); err != nil {
			t.Fatal(err)
		}
		kills := map[string]int{}
		round := 0
		for ; killRulesRound(t, dir, round, kills); round++ {
			if round > 400 {
				t.Fatal("it never ends")
			}
		}
		t.Logf("run %d: killed %v", run, kills)
		if kills["read"] == 0 || kills["carry"] == 0 {
			t.Errorf("run %d: killed only at %v: the test tests half", run, slices.Sorted(maps.Keys(kills)))
		}
		s, err := openRules(t.Context(), dir, strconv.Itoa(round+1), func(...any) {})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkRollups(t, s)
		checkFrameCounts(t, s)
		if got := standing(t, s); got != want {
			t.Errorf("run %d: it ended as\n%s", run, firstDifference(got, want))
		}
		s.db.Close()
	}
}

// firstDifference shows where two texts part.
func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i] + "\nwant\n" + b[i]
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(a), len(b))
}

// killRulesRound runs the child until it is done, or kills it a while after it
// said a few things, and tells whether it was killed.
func killRulesRound(t *testing.T, dir string, round int, kills map[string]int) bool {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), killRules+"="+dir, fmt.Sprint("RINGSIDE_TEST_KILL_ROUND=", round))
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Enough to get a step further now and then, and seldom two.
	n, later, last := rand.N(60), rand.N(10*time.Millisecond), ""
	lines := bufio.NewScanner(out)
	for i := 0; lines.Scan(); i++ {
		last, _, _ = strings.Cut(lines.Text(), " ")
		if i == n {
			time.AfterFunc(later, func() { cmd.Process.Kill() })
		}
	}
	err = cmd.Wait()
	switch {
	case err == nil:
		return false
	case cmd.ProcessState.ExitCode() != -1:
		t.Fatalf("round %d: the child ended by itself: %v", round, err)
	}
	kills[last]++
	return true
}
