package owner

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Mailmap says what people's addresses are by now, as the file .mailmap at the
// top of a tree does. get_maintainer.pl applies it to what MAINTAINERS says.
type Mailmap map[string]Person

// ReadMailmap reads a .mailmap file. Lines in none of its four forms are left
// out; on an error the map holds what was read before.
func ReadMailmap(r io.Reader) (Mailmap, error) {
	m := make(Mailmap)
	in := bufio.NewScanner(io.LimitReader(r, maxFile))
	in.Buffer(nil, maxLine)
	line := 0
	for in.Scan() {
		line++
		m.add(in.Text())
	}
	if err := in.Err(); err != nil {
		return m, fmt.Errorf("mailmap: line %d: %w", line+1, err)
	}
	return m, nil
}

// add takes one line: the right name, address, or both, and after them the
// wrong address, which may be bound to a name.
func (m Mailmap) add(line string) {
	line, _, _ = strings.Cut(line, "#")
	name, rest, ok := strings.Cut(line, "<")
	if !ok {
		return
	}
	address, rest, ok := strings.Cut(rest, ">")
	if !ok {
		return
	}
	name = strings.TrimSpace(name)
	wrongName, rest, ok := strings.Cut(rest, "<")
	if !ok {
		m.set(address, Person{Name: name})
		return
	}
	wrong, _, ok := strings.Cut(rest, ">")
	if !ok {
		return
	}
	if wrongName = strings.TrimSpace(wrongName); wrongName != "" {
		wrong = Person{Name: wrongName, Email: wrong}.String()
	}
	m.set(wrong, Person{Name: name, Email: address})
}

// set merges what several lines say about one address.
func (m Mailmap) set(key string, p Person) {
	have := m[key]
	if p.Name != "" {
		have.Name = p.Name
	}
	if p.Email != "" {
		have.Email = p.Email
	}
	m[key] = have
}

// Resolve returns a person under the current name and address. The role stays.
func (m Mailmap) Resolve(p Person) Person {
	if len(m) == 0 {
		return p
	}
	now, ok := m[p.String()]
	if !ok {
		now = m[p.Email]
	}
	if now.Name != "" {
		p.Name = now.Name
	}
	if now.Email != "" {
		p.Email = now.Email
	}
	return p
}
