package cli

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"ringside/internal/demo"
	"ringside/internal/exposure"
	"ringside/internal/record"
	"ringside/inventory"
	"ringside/kconfig/baseline"
	"ringside/kconfig/dotconfig"
)

// seedExposure sends what the demo's kernels were built from, and what its hosts say of
// themselves.
func seedExposure(ctx context.Context, s *record.Service, records fs.FS) error {
	names, err := fs.Glob(records, "inventories/*.json.gz")
	if err != nil {
		return err
	}
	configs := map[string]*dotconfig.File{} // by release
	for _, name := range names {
		data, err := fs.ReadFile(records, name)
		if err != nil {
			return err
		}
		v, err := inventory.Read(bytes.NewReader(data))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if configs[v.Release], err = dotconfig.Parse(strings.NewReader(v.Config)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if _, err := s.Intake(ctx, bytes.NewReader(data), record.Meta{Demo: true, Source: "demo"}); err != nil {
			return err
		}
	}
	if err := seedHosts(ctx, s, configs); err != nil {
		return err
	}
	for range 2 { // what the first round read is judged in the second
		if err := s.Drain(ctx); err != nil {
			return err
		}
	}
	return nil
}

// seedHosts sends reports of the hosts whose kernel's configuration is known.
func seedHosts(ctx context.Context, s *record.Service, configs map[string]*dotconfig.File) error {
	server, err := baseline.Builtin("server")
	if err != nil {
		return err
	}
	list, err := s.Hosts(ctx, record.HostFilter{Window: record.Window{Limit: 500}})
	if err != nil {
		return err
	}
	made := map[string]*inventory.Host{} // by group and release
	for _, h := range list.Items {
		root, ok := demo.Host(h.Group)
		if h.Kernel == nil || configs[h.Kernel.Release] == nil || !ok {
			continue
		}
		key := h.Group + " " + h.Kernel.Release
		if made[key] == nil {
			made[key], err = exposure.MakeHost(ctx, exposure.HostSources{Root: root, Release: h.Kernel.Release, Arch: "x86_64", Config: configs[h.Kernel.Release],
				Baselines: []*baseline.Policy{server}, Now: time.Now()})
			if err != nil {
				return fmt.Errorf("host %s: %w", h.Name, err)
			}
		}
		report := *made[key]
		report.Name = h.Name
		var b bytes.Buffer
		if err := report.Write(&b); err != nil {
			return err
		}
		if _, err := s.Intake(ctx, &b, record.Meta{Demo: true, Source: "demo"}); err != nil {
			return err
		}
	}
	return nil
}
