package shell

import (
	"fmt"
	"slices"
	"strings"
)

// command is one that a line can begin with.
type command struct {
	names []string // the first is its own
	args  string
	help  string
	types bool // it needs the kernel's types
	run   func(*call) (result, error)
}

// commands returns all commands, in the order in which help lists them.
func commands() []command {
	return slices.Concat(taskCommands(), typeCommands(), memoryCommands(), systemCommands(), []command{
		{[]string{"foreach"}, "[FILTER…] COMMAND [ARGUMENT…]", "a command for each task; filters are those of ps", true, (*call).foreach},
		{[]string{"source"}, "FILE [ARGUMENT…]", "run a Starlark script", true, (*call).source},
		{[]string{"history"}, "", "the lines that were typed", false, (*call).history},
		{[]string{"help", "?"}, "[COMMAND]", "this list, or about one command", false, (*call).help},
		{[]string{"exit", "quit", "q"}, "", "leave", false, func(*call) (result, error) { return result{}, ErrExit }},
	})
}

// lookup finds a command by any of its names, or by what no other begins with.
func lookup(name string) (command, error) {
	var near []command
	for _, c := range commands() {
		if slices.Contains(c.names, name) {
			return c, nil
		}
		if strings.HasPrefix(c.names[0], name) {
			near = append(near, c)
		}
	}
	if len(near) == 1 {
		return near[0], nil
	}
	if len(near) > 1 {
		var names []string
		for _, c := range near {
			names = append(names, c.names[0])
		}
		return command{}, fmt.Errorf("%s can be %s", name, strings.Join(names, ", "))
	}
	return command{}, fmt.Errorf("there is no command %q: help lists them", name)
}

// isCommand reports whether a word is the full name of a command.
func isCommand(name string) bool {
	return slices.ContainsFunc(commands(), func(c command) bool { return slices.Contains(c.names, name) })
}

// help lists the commands and stages, or tells about one.
func (c *call) help() (result, error) {
	var b strings.Builder
	if len(c.args) > 0 {
		for _, s := range stages {
			if s.name == c.args[0] {
				fmt.Fprintf(&b, "… | %s %s\n\n%s\n", s.name, s.args, s.help)
			}
		}
		cmd, err := lookup(c.args[0])
		if err != nil && b.Len() == 0 {
			return result{}, err
		}
		if err == nil {
			fmt.Fprintf(&b, "%s\n\n%s\n", strings.TrimSpace(cmd.names[0]+" "+cmd.args), cmd.help)
			if len(cmd.names) > 1 {
				fmt.Fprintf(&b, "also: %s\n", strings.Join(cmd.names[1:], ", "))
			}
		}
		return result{text: b.String()}, nil
	}
	for _, cmd := range commands() {
		helpLine(&b, cmd.names[0], cmd.args, cmd.help)
	}
	b.WriteString("\nAfter a |:\n")
	for _, s := range stages {
		helpLine(&b, s.name, s.args, s.help)
	}
	b.WriteString("\nAt the end of a line: > FILE, --json\n")
	return result{text: b.String()}, nil
}

func helpLine(b *strings.Builder, name, args, help string) {
	const width = 34
	fmt.Fprintf(b, "%-8s %-*s", name, width, args)
	if len(args) > width {
		fmt.Fprintf(b, "\n%*s", width+9, "")
	}
	b.WriteString("  " + help + "\n")
}

// history lists the lines that were typed.
func (c *call) history() (result, error) {
	var b strings.Builder
	for i, line := range c.s.past {
		fmt.Fprintf(&b, "%5d  %s\n", i+1, line)
	}
	return result{text: b.String()}, nil
}

// option takes an option out of the arguments.
func (c *call) option(names ...string) bool {
	for i, a := range c.args {
		if slices.Contains(names, a) {
			c.args = slices.Delete(slices.Clone(c.args), i, i+1)
			return true
		}
	}
	return false
}

// setting takes an option with its value out of the arguments.
func (c *call) setting(name string) (string, bool, error) {
	i := slices.Index(c.args, name)
	if i < 0 {
		return "", false, nil
	}
	if i+1 == len(c.args) {
		return "", false, fmt.Errorf("%s: a value is expected after it", name)
	}
	v := c.args[i+1]
	c.args = slices.Delete(slices.Clone(c.args), i, i+2)
	return v, true, nil
}

// only fails where options are left that a command does not have.
func (c *call) only(verb string) error {
	for _, a := range c.args {
		if strings.HasPrefix(a, "-") && len(a) > 1 {
			return fmt.Errorf("%s has no option %s: `help %[1]s` lists what it takes", verb, a)
		}
	}
	return nil
}
