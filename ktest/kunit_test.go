package ktest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The kernel's own expectations of its parser, kunit_tool_test.py in
// tools/testing/kunit, held against this one on the same logs, which are read where a
// kernel's sources are at hand. What kunit.py counts as errors is said in Problems.
func TestKUnitToolExpectations(t *testing.T) {
	found := false
	for _, env := range []string{"RINGSIDE_LINUX_6_1", "RINGSIDE_LINUX_6_12"} {
		dir := os.Getenv(env)
		if dir == "" {
			continue
		}
		found = true
		t.Run(env, func(t *testing.T) { kunitExpectations(t, filepath.Join(dir, "tools/testing/kunit/test_data")) })
	}
	if !found {
		t.Skip("SKIPPED: neither RINGSIDE_LINUX_6_1 nor RINGSIDE_LINUX_6_12 names a kernel's sources: scripts/linux-trees unpacks them")
	}
}

func kunitExpectations(t *testing.T, dir string) {
	const suite = "kunit-resource-test"
	for _, tt := range []struct {
		log    string
		status Status
		tests  int // that hold no others; -1 where it does not say
		top    []string
		inner  []string // paths that are there
		lines  []string // that are seen as tests
	}{
		{"test_output_isolated_correctly", Pass, -1, nil, []string{"example/example_simple_test", "example/example_mock_test"}, nil},
		{"test_pound_sign", Pass, 10, []string{suite, "kunit-try-catch-test", "string-stream-test"}, []string{
			suite + "/kunit_resource_test_init_resources", suite + "/kunit_resource_test_alloc_resource", suite + "/kunit_resource_test_destroy_resource",
			suite + "/kunit_resource_test_cleanup_resources", suite + "/kunit_resource_test_proper_free_ordering",
			"kunit-try-catch-test/kunit_test_try_catch_successful_try_no_catch", "kunit-try-catch-test/kunit_test_try_catch_unsuccessful_try_does_catch",
			"string-stream-test/string_stream_test_empty_on_creation", "string-stream-test/string_stream_test_not_empty_after_add", "string-stream-test/string_stream_test_get_string"}, nil},
		{"test_output_with_prefix_isolated_correctly", "", -1, nil, nil, nil},
		{"test_is_test_passed-all_passed", Pass, 10, []string{"sysctl_test", "example"}, nil, nil},
		{"test_is_test_passed-all_passed_nested", Pass, -1, []string{"sysctl_test", "example"}, []string{"sysctl_test/example/example_simple_test"}, nil},
		{"test_is_test_passed-kselftest", Pass, 4, []string{"selftests: membarrier: membarrier_test_single_thread", "selftests: membarrier: membarrier_test_multi_thread"}, nil, nil},
		{"test_is_test_passed-failure", Fail, 10, nil, nil, nil},
		{"test_is_test_passed-no_tests_run_no_header", "none", 0, nil, nil, nil},
		{"test_is_test_passed-missing_plan", Pass, 10, nil, nil, nil},
		{"test_is_test_passed-no_tests_run_with_header", Empty, 0, nil, nil, nil},
		{"test_is_test_passed-no_tests_no_plan", Fail, -1, []string{"suite"}, []string{"suite/case"}, nil},
		{"test_insufficient_memory", "none", 0, nil, nil, nil},
		{"test_skip_tests", Pass, 5, nil, nil, nil},
		{"test_skip_all_tests", Skip, 5, nil, nil, nil},
		{"test_strip_hyphen", Pass, 2, []string{"sysctl_test", "example"}, nil, nil},
		{"test_config_printk_time", Pass, 10, []string{suite, "kunit-try-catch-test", "string-stream-test"}, nil, nil},
		{"test_multiple_prefixes", Pass, 10, []string{suite, "kunit-try-catch-test", "string-stream-test"}, nil, nil},
		{"test_interrupted_tap_output", Pass, 10, []string{suite, "kunit-try-catch-test", "string-stream-test"}, nil, nil},
		{"test_kernel_panic_interrupt", Crashed, -1, []string{suite}, nil, nil},
		{"test_pound_no_prefix", Pass, 10, []string{suite, "kunit-try-catch-test", "string-stream-test"}, nil, nil},
		{"test_parse_ktap_output", Pass, 3, []string{"suite"}, []string{"suite/case_1", "suite/case_2"}, nil},
		{"test_parse_subtest_header", Pass, 1, []string{"suite"}, []string{"suite/test"}, nil},
		{"test_parse_attributes", Pass, 1, []string{"suite"}, []string{"suite/test"}, nil},
	} {
		text, err := os.ReadFile(filepath.Join(dir, tt.log+".log"))
		if os.IsNotExist(err) {
			t.Logf("%s is not among this kernel's logs", tt.log)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		run, err := KTAP(strings.NewReader(string(text)))
		if err != nil {
			t.Errorf("%s: %v", tt.log, err)
			continue
		}
		paths := map[string]bool{}
		var walk func([]Result)
		walk = func(list []Result) {
			for i := range list {
				paths[list[i].Path] = true
				walk(list[i].Tests)
			}
		}
		walk(run.Tests)
		switch {
		case tt.status == "none" && (run.Status == Pass || len(run.Tests) > 0):
			t.Errorf("%s: %s out of nothing: %+v", tt.log, run.Status, run.Tests)
		case tt.status != "none" && tt.status != "" && run.Status != tt.status:
			t.Errorf("%s: %s, the kernel's parser says %s\n%s", tt.log, run.Status, tt.status, outline(run))
		}
		if tt.tests >= 0 && run.Totals.Tests != tt.tests {
			t.Errorf("%s: %d tests, want %d\n%s", tt.log, run.Totals.Tests, tt.tests, outline(run))
		}
		for i, name := range tt.top {
			if len(run.Tests) <= i || run.Tests[i].Name != name {
				t.Errorf("%s: test %d is not %s\n%s", tt.log, i+1, name, outline(run))
				break
			}
		}
		for _, path := range tt.inner {
			if !paths[path] {
				t.Errorf("%s: no %s\n%s", tt.log, path, outline(run))
			}
		}
		if tt.log == "test_is_test_passed-no_tests_no_plan" && (len(run.Tests) == 0 || run.Tests[0].Tests[0].Status != Empty || len(run.Problems) == 0) {
			t.Errorf("%s: a case without tests\n%s", tt.log, outline(run))
		}
		if tt.log == "test_is_test_passed-missing_plan" && len(run.Problems) > 0 {
			t.Errorf("%s: a missing plan is no problem: %+v", tt.log, run.Problems)
		}
	}
	// test_summarize_failures, which has its log in the test.
	run, err := KTAP(strings.NewReader("KTAP version 1\n1..2\n\t# Subtest: all_failed_suite\n\t1..2\n\tnot ok 1 - test1\n\tnot ok 2 - test2\nnot ok 1 - all_failed_suite\n\t# Subtest: some_failed_suite\n\t1..2\n\tok 1 - test1\n\tnot ok 2 - test2\nnot ok 1 - some_failed_suite\n"))
	if err != nil || run.Status != Fail || run.Totals.Fail != 3 || run.Totals.Pass != 1 {
		t.Errorf("failures: %v\n%s", err, outline(run))
	}
}

// outline writes a run for people.
func outline(r *Run) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %+v\n", r.Status, r.Totals)
	var walk func([]Result, string)
	walk = func(list []Result, indent string) {
		for i := range list {
			t := &list[i]
			fmt.Fprintf(&b, "%s%s %s", indent, t.Status, t.Path)
			if t.Reason != "" {
				fmt.Fprintf(&b, " (%s)", t.Reason)
			}
			b.WriteByte('\n')
			walk(t.Tests, indent+"  ")
		}
	}
	walk(r.Tests, "  ")
	for _, m := range r.Metrics {
		fmt.Fprintf(&b, "  %s %g %s, %s is better\n", m.Name, m.Values, m.Unit, m.Better)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "! line %d: %s\n", p.Line, p.Text)
	}
	return b.String()
}
