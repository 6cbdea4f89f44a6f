package kconfig

// From says where the answer to a shell command of the files came from.
type From string

// The origins of answers.
const (
	// FromShell: the Shell of the options had it, or it needs none.
	FromShell From = "shell"
	// FromConfig: a symbol of the .config shows it.
	FromConfig From = "config"
	// Assumed: nothing shows it. The usual answer of a recent toolchain was taken.
	Assumed From = "assumed"
)

// An Answer is what a shell command of the files is taken to print.
type Answer struct {
	Command string `json:"command"` // with $(srctree) for the tree's path
	Value   string `json:"value"`
	From    From   `json:"from"`
	Symbol  string `json:"symbol,omitempty"` // the symbol that shows it
	Place   Place  `json:"place"`
}

// Probes gives the answers to all shell commands, in the order of the files.
func (c *Config) Probes() []Answer { return c.answers }
