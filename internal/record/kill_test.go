package record

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ringside/internal/store"
)

// killDir names the data folder to the child process of TestKill9.
const killDir = "RINGSIDE_TEST_KILL_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		if err := takeUntilKilled(dir, os.Getenv("RINGSIDE_TEST_KILL_ROUND")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if dir := os.Getenv(killRules); dir != "" {
		if err := takeRulesOverUntilKilled(dir, os.Getenv("RINGSIDE_TEST_KILL_ROUND")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// openData opens the record in a folder as a server does.
func openData(ctx context.Context, dir string) (*Service, error) {
	db, err := store.OpenSQLite(ctx, filepath.Join(dir, "ringside.db"), store.SQLiteOptions{})
	if err != nil {
		return nil, err
	}
	blobs, err := store.OpenBlobDir(filepath.Join(dir, "blobs"))
	if err != nil {
		return nil, err
	}
	return New(Config{DB: db, Blobs: blobs, Analyzer: AnalyzerFunc(analyzeScript), Rules: "test-1", Dumps: &scriptDumps{}})
}

// takeUntilKilled is the child: it takes artefacts in and analyses them, and
// says each receipt once it is acknowledged.
func takeUntilKilled(dir, round string) error {
	ctx := context.Background()
	s, err := openData(ctx, dir)
	if err != nil {
		return err
	}
	go s.Run(ctx)
	var (
		said   sync.Mutex
		errs   = make(chan error)
		kernel = []string{"6.1.0-1-amd64", "6.1.0-2-amd64"}
	)
	for w := range 3 {
		go func() {
			for i := 0; ; i++ {
				log := fmt.Sprintf("round %s writer %d number %d\nREPORT kind=null-ptr-deref fn=f%d kernel=%s\nREPORT kind=panic fn=f%d by=0 panic\n",
					round, w, i, i%7, kernel[i%2], i%7)
				if i%3 == 2 {
					log = "DUMP of it\n" + log
				}
				// Every other one is sent twice, as a client does that was not answered.
				for range 1 + i%2 {
					r, err := s.Intake(ctx, strings.NewReader(log), Meta{Host: fmt.Sprintf("host%d", i%5)})
					if err != nil {
						errs <- err
						return
					}
					said.Lock()
					fmt.Println(r.ID, r.SHA256)
					said.Unlock()
				}
			}
		}()
	}
	return <-errs
}

// TestKill9 kills a process that takes artefacts in, at any point and again and
// again, and then looks for everything it acknowledged.
func TestKill9(t *testing.T) {
	dir, rounds := t.TempDir(), 8
	if testing.Short() {
		rounds = 2
	}
	acked := map[string]string{} // receipt to artefact
	for round := range rounds {
		before := len(acked)
		killOneRound(t, dir, round, acked)
		t.Logf("round %d: %d acknowledged before the kill", round, len(acked)-before)
	}
	if len(acked) < rounds {
		t.Fatalf("only %d artefacts were acknowledged in %d rounds: the test tests nothing", len(acked), rounds)
	}

	s, err := openData(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.db.Close()
	defer s.blobs.Close()
	checkAcknowledged(t, s, acked)

	// What was running when its process died is taken up when its lease ends.
	soon := s.now
	s.now = func() time.Time { return soon().Add(2 * time.Minute) }
	s.openQueues()
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkRollups(t, s)
	var kept int
	if err := s.db.View(t.Context(), func(q store.Querier) error {
		return q.QueryRowContext(t.Context(), `select count(*) from receipts where progress = 'analysed'`).Scan(&kept)
	}); err != nil {
		t.Fatal(err)
	}
	if kept < len(acked) {
		t.Errorf("%d receipts analysed of %d acknowledged", kept, len(acked))
	}
}

func killOneRound(t *testing.T, dir string, round int, acked map[string]string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), killDir+"="+dir, fmt.Sprint("RINGSIDE_TEST_KILL_ROUND=", round))
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The child is killed at its n-th answer and a random moment later, so that
	// the blow falls anywhere in the work and never before there was any.
	n, later := 1+rand.N(40), rand.N(20*time.Millisecond)
	lines := bufio.NewReader(out)
	for i := 0; ; i++ {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break // a line without its end was not acknowledged
		}
		if err != nil {
			t.Fatal(err)
		}
		id, sha, _ := strings.Cut(strings.TrimSpace(line), " ")
		acked[id] = sha
		if i == n {
			time.AfterFunc(later, func() { cmd.Process.Kill() })
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("round %d: the child ended by itself: %v", round, err)
	}
}

// checkAcknowledged finds every acknowledged receipt with its bytes intact and
// its analysis done or to be done.
func checkAcknowledged(t *testing.T, s *Service, acked map[string]string) {
	t.Helper()
	for id, sha := range acked {
		r, err := s.Receipt(t.Context(), id)
		if err != nil || r.SHA256 != sha {
			t.Fatalf("acknowledged receipt %s of %s: %+v, %v", id, sha, r, err)
		}
		if err := s.blobs.Verify(t.Context(), sha); err != nil {
			t.Errorf("acknowledged artefact: %v", err)
		}
		var state string
		if err := s.db.View(t.Context(), func(q store.Querier) error {
			return q.QueryRowContext(t.Context(), `select state from jobs where kind in ('analyse', 'dump') and key = $1`, id).Scan(&state)
		}); err != nil {
			t.Errorf("job of receipt %s: %v", id, err)
		}
		if done := r.Progress == Analysed; r.Progress == Failed || state == store.JobDead || state == store.JobDone && !done {
			t.Errorf("receipt %s is %s and its job %s", id, r.Progress, state)
		}
		if r.Progress == Analysed && len(r.Crashes) != 1 {
			t.Errorf("receipt %s has crashes %v, want one", id, r.Crashes)
		}
	}
}
