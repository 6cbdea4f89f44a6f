package exposure

import (
	"context"
	"fmt"
	"time"

	"ringside/inventory"
	"ringside/kconfig"
	"ringside/kconfig/baseline"
	"ringside/kconfig/dotconfig"
	"ringside/kconfig/hardening"
)

// audit holds a configuration to policies. Of a command line and sysctls nothing is
// known where kernels are built: rules about them are left out.
func audit(ctx context.Context, policies []*baseline.Policy, arch string, config *kconfig.Config, file *dotconfig.File, now time.Time) ([]inventory.Baseline, error) {
	return hold(ctx, policies, hardening.Subject{Arch: dotconfig.SourceArch(arch), File: file, Config: config}, now)
}

// hold holds what is known of a kernel to policies.
func hold(ctx context.Context, policies []*baseline.Policy, sub hardening.Subject, now time.Time) ([]inventory.Baseline, error) {
	out := []inventory.Baseline{}
	for _, p := range policies {
		r, err := p.Evaluate(ctx, sub, now)
		if err != nil {
			return nil, fmt.Errorf("baseline %s: %w", p.Name, err)
		}
		b := inventory.Baseline{Name: p.Name, Title: p.Description, Passed: r.Counts[baseline.Pass], Waived: r.Counts[baseline.Waived],
			Failed: r.Counts[baseline.Fail] + r.Counts[baseline.Expired], Findings: []inventory.Finding{}}
		if b.Title == "" {
			b.Title = p.Name
		}
		for i := range r.Findings {
			f := &r.Findings[i]
			state, ok := map[baseline.Verdict]string{baseline.Fail: "failed", baseline.Waived: "waived", baseline.Expired: "expired"}[f.Verdict]
			if !ok {
				continue
			}
			x := inventory.Finding{ID: f.ID, Title: f.Rule, Severity: string(f.Severity), State: state, Why: f.Message, Advice: f.Fix, Owner: f.Owner}
			if f.Reason != "" {
				x.Why += ". " + f.Reason
			}
			if f.Waiver != nil {
				x.Owner = f.Waiver.Owner
				if until, err := time.Parse(time.DateOnly, f.Waiver.Expires); err == nil {
					x.Until = &until
				}
			}
			b.Findings = append(b.Findings, x)
		}
		out = append(out, b)
	}
	return out, nil
}
