package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
)

// monitor speaks QEMU's machine protocol: JSON objects, one command at a time,
// with events between the answers.
type monitor struct {
	conn net.Conn
	in   *json.Decoder
	out  *json.Encoder
	stop func() bool
}

func newMonitor(ctx context.Context, conn net.Conn) (*monitor, error) {
	m := &monitor{conn: conn, in: json.NewDecoder(conn), out: json.NewEncoder(conn)}
	m.stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
	var greeting struct {
		QMP json.RawMessage
	}
	if err := m.in.Decode(&greeting); err != nil || greeting.QMP == nil {
		return nil, errors.Join(errors.New("no greeting from qemu"), err)
	}
	return m, m.do("qmp_capabilities", nil)
}

// do runs one command to its end; events are not for us, the console tells more.
func (m *monitor) do(command string, args map[string]any) error {
	type request struct {
		Execute   string         `json:"execute"`
		Arguments map[string]any `json:"arguments,omitempty"`
	}
	if err := m.out.Encode(request{command, args}); err != nil {
		return fmt.Errorf("qmp %s: %w", command, err)
	}
	for {
		var answer struct {
			Return json.RawMessage `json:"return"`
			Error  *struct {
				Class, Desc string
			} `json:"error"`
		}
		if err := m.in.Decode(&answer); err != nil {
			return fmt.Errorf("qmp %s: %w", command, err)
		}
		if answer.Error != nil {
			return fmt.Errorf("qmp %s: %s: %s", command, answer.Error.Class, answer.Error.Desc)
		}
		if answer.Return != nil {
			return nil
		}
	}
}

func (m *monitor) Close() {
	m.stop()
	_ = m.conn.Close()
}
