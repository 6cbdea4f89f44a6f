package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptCommands are the verbs of the scripts that are not Ringside's.
func scriptCommands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"json":     cmdJSON,
		"jsonenv":  cmdJSONEnv,
		"freeport": cmdFreePort,
		"waitport": cmdWaitPort,
		"waitfile": cmdWaitFile,
		"get":      cmdGet,
	}
}

// cmdJSON checks a value in a JSON file: json FILE a.b.0.c WANT.
func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: json FILE PATH WANT")
	}
	got := jsonValue(ts, args[0], args[1])
	if (got == args[2]) == neg {
		ts.Fatalf("%s: %s is %q, want %q (negated: %v)", args[0], args[1], got, args[2], neg)
	}
}

// cmdJSONEnv stores a value of a JSON file: jsonenv NAME FILE a.b.0.c.
func cmdJSONEnv(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: jsonenv NAME FILE PATH")
	}
	ts.Setenv(args[0], jsonValue(ts, args[1], args[2]))
}

// jsonValue returns the value at a path of a JSON file.
func jsonValue(ts *testscript.TestScript, file, path string) string {
	var v any
	dec := json.NewDecoder(bytes.NewReader([]byte(ts.ReadFile(file))))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		ts.Fatalf("%s: %v", file, err)
	}
	for key := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			next, ok := x[key]
			if !ok {
				ts.Fatalf("%s: no %q in %s", file, key, path)
			}
			v = next
		case []any:
			if key == "len" {
				v = json.Number(fmt.Sprint(len(x)))
				continue
			}
			var i int
			if _, err := fmt.Sscan(key, &i); err != nil || i < 0 || i >= len(x) {
				ts.Fatalf("%s: no element %q of %d in %s", file, key, len(x), path)
			}
			v = x[i]
		default:
			ts.Fatalf("%s: nothing below %v in %s", file, v, path)
		}
	}
	return fmt.Sprint(v)
}

// cmdFreePort stores a free port of this machine: freeport NAME.
func cmdFreePort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Check(l.Close())
	ts.Setenv(args[0], port)
}

// cmdGet fetches what must be there into a file: get URL FILE.
func cmdGet(ts *testscript.TestScript, _ bool, args []string) {
	resp, err := http.Get(args[0])
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if resp.StatusCode != http.StatusOK {
		ts.Fatalf("%s answered %s: %s", args[0], resp.Status, body)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), body, 0o600))
}

// waitfile FILE waits until a file has something in it.
func cmdWaitFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitfile FILE")
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if st, err := os.Stat(ts.MkAbs(args[0])); err == nil && st.Size() > 0 {
			return
		}
	}
	ts.Fatalf("%s did not come", args[0])
}

// cmdWaitPort waits until something listens: waitport PORT.
func cmdWaitPort(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); {
		c, err := net.DialTimeout("tcp", "127.0.0.1:"+args[0], time.Second)
		if err == nil {
			c.Close()
			return
		}
		if os.Getenv("RINGSIDE_DEBUG") != "" {
			ts.Logf("waiting: %v", err)
		}
		time.Sleep(20 * time.Millisecond) // there is no event for a foreign port
	}
	ts.Fatalf("nothing listens on port %s", args[0])
}
