package shell

import (
	"fmt"
	"regexp"
	"strings"
)

// grep keeps the rows or lines that match a pattern.
func grep(r result, pattern string) (result, error) {
	re, err := regexp.Compile(strings.Trim(pattern, `"'`))
	if err != nil || pattern == "" {
		return r, fmt.Errorf("grep %s: a regular expression is expected", pattern)
	}
	if r.table != nil {
		out := &table{cols: r.table.cols}
		for _, row := range r.table.rows {
			for _, c := range row.cells {
				if re.MatchString(cellText(c)) {
					out.rows = append(out.rows, row)
					break
				}
			}
		}
		return result{table: out}, nil
	}
	var b strings.Builder
	for line := range strings.Lines(r.text) {
		if re.MatchString(line) {
			b.WriteString(line)
		}
	}
	return result{text: b.String()}, nil
}
