package lab

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// monitor speaks QEMU's machine protocol (docs/interop/qmp-spec in QEMU's sources).
type monitor struct {
	w      io.Writer
	events chan event
	done   chan struct{} // closed when QEMU's side has ended

	mu      sync.Mutex
	waiting map[int64]chan reply
	id      atomic.Int64
}

// event is something that QEMU tells by itself.
type event struct {
	Event string `json:"event"`
	Data  struct {
		Guest  bool   `json:"guest"`
		Reason string `json:"reason"`
	} `json:"data"`
}

type reply struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
}

// listen reads what QEMU says until it ends.
func listen(rw io.ReadWriter) *monitor {
	m := &monitor{w: rw, events: make(chan event, 64), done: make(chan struct{}), waiting: map[int64]chan reply{}}
	go func() {
		defer close(m.done)
		d := json.NewDecoder(rw)
		for {
			var msg struct {
				event
				reply
				ID  int64           `json:"id"`
				QMP json.RawMessage `json:"QMP"`
			}
			if d.Decode(&msg) != nil {
				return
			}
			switch {
			case msg.Event != "":
				select {
				case m.events <- msg.event:
				default: // nobody acts on so many
				}
			case msg.ID != 0:
				m.mu.Lock()
				c := m.waiting[msg.ID]
				delete(m.waiting, msg.ID)
				m.mu.Unlock()
				if c != nil {
					c <- msg.reply
				}
			}
		}
	}()
	return m
}

// ask sends a command and returns where its answer will be.
func (m *monitor) ask(command string, arguments any) (<-chan reply, error) {
	id := m.id.Add(1)
	b, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
		ID        int64  `json:"id"`
	}{command, arguments, id})
	if err != nil {
		return nil, err
	}
	c := make(chan reply, 1)
	m.mu.Lock()
	m.waiting[id] = c
	_, err = m.w.Write(append(b, '\n'))
	m.mu.Unlock()
	return c, err
}

// do sends a command and waits for its answer, which QEMU gives or it ends.
func (m *monitor) do(command string, arguments any) error {
	c, err := m.ask(command, arguments)
	if err != nil {
		return err
	}
	select {
	case r := <-c:
		if r.Error != nil {
			return fmt.Errorf("qemu: %s: %s", command, r.Error.Desc)
		}
		return nil
	case <-m.done:
		return fmt.Errorf("qemu: %s: it ended before it answered", command)
	}
}
