// Package severity says how grave a CVE is, and who says so.
//
// The kernel's CNA gives CVSS scores to a third of its records, those that it finds high
// or critical, and none to the others. Where nobody has given a score, this package
// makes an estimate of what the flaw does (package impact), from where its code can be
// reached, and how widely the subsystem is used. It is labelled as an estimate and lists
// its reasons, since it is read from wording and paths and not from an analysis.
package severity

import (
	"fmt"
	"slices"
	"strings"

	"ringside/vuln/feed"
	"ringside/vuln/impact"
)

// A Level is how grave a CVE is.
type Level uint8

// The levels.
const (
	None Level = iota
	Low
	Medium
	High
	Critical
)

var levels = [...]string{"none", "low", "medium", "high", "critical"}

// String gives the level's name.
func (l Level) String() string { return levels[min(int(l), len(levels)-1)] }

// MarshalText gives the name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a name.
func (l *Level) UnmarshalText(b []byte) error {
	i := slices.Index(levels[:], strings.ToLower(string(b)))
	if i < 0 {
		return fmt.Errorf("%.40q is no severity: it is one of %s", b, strings.Join(levels[:], ", "))
	}
	*l = Level(i)
	return nil
}

// A Severity is a level and where it comes from.
type Severity struct {
	Level    Level   `json:"level"`
	Score    float64 `json:"score,omitempty"` // CVSS base score, where somebody gave one
	Vector   string  `json:"vector,omitempty"`
	Source   string  `json:"source"` // who gave it; "estimate" for our own
	Estimate bool    `json:"estimate"`
	// Reach is from where the code can be reached: network, adjacent, local, physical.
	Reach   string   `json:"reach"`
	Reasons []string `json:"reasons,omitempty"` // of an estimate
}

// Of returns a record's severity: the gravest that somebody gave, else an estimate.
func Of(r *feed.Record) Severity {
	var best Severity
	for _, m := range r.Metrics {
		s := Severity{Score: m.Score, Vector: m.Vector, Source: m.Source + " CVSS " + m.Version}
		if s.Score == 0 {
			s.Score = Score(m.Vector)
		}
		if s.Level.UnmarshalText([]byte(m.Severity)) != nil {
			s.Level = levelOf(s.Score)
		}
		s.Reach = reachOf(m.Vector)
		if s.Level > best.Level || best.Source == "" {
			best = s
		}
	}
	if best.Source != "" && (best.Score > 0 || best.Level > None) {
		return best
	}
	return estimate(r)
}

// levelOf is CVSS 3's scale of scores.
func levelOf(score float64) Level {
	switch {
	case score >= 9:
		return Critical
	case score >= 7:
		return High
	case score >= 4:
		return Medium
	case score > 0:
		return Low
	}
	return None
}

func reachOf(vector string) string {
	for part := range strings.SplitSeq(vector, "/") {
		switch part {
		case "AV:N":
			return "network"
		case "AV:A":
			return "adjacent"
		case "AV:L":
			return "local"
		case "AV:P":
			return "physical"
		}
	}
	return "local"
}

// A place is a part of the tree and from where an attacker reaches it.
type place struct {
	prefix string
	reach  string
	why    string
	// common says that about every machine has it and reaches it without privileges.
	common bool
}

// places are looked through in order; the first that fits counts.
var places = []place{
	{"net/bluetooth/", "adjacent", "takes packets from radio", false},
	{"net/mac80211/", "adjacent", "takes frames from radio", false},
	{"net/wireless/", "adjacent", "takes frames from radio", false},
	{"drivers/net/wireless/", "adjacent", "takes frames from radio", false},
	{"drivers/bluetooth/", "adjacent", "takes packets from radio", false},
	{"net/nfc/", "adjacent", "takes frames from radio", false},
	{"net/ipv4/", "network", "takes packets from any network", true},
	{"net/ipv6/", "network", "takes packets from any network", true},
	{"net/core/", "network", "every packet goes through it", true},
	{"net/sctp/", "network", "takes packets from any network", false},
	{"net/tipc/", "network", "takes packets from the network", false},
	{"net/smc/", "network", "takes packets from the network", false},
	{"net/rxrpc/", "network", "takes packets from the network", false},
	{"net/sunrpc/", "network", "speaks to NFS peers", false},
	{"net/netfilter/", "local", "is set up through netlink, which user namespaces open to everybody", true},
	{"net/sched/", "local", "is set up through netlink, which user namespaces open to everybody", true},
	{"net/", "local", "is reached through sockets", false},
	{"fs/smb/server/", "network", "serves SMB clients", false},
	{"fs/ksmbd/", "network", "serves SMB clients", false},
	{"fs/nfsd/", "network", "serves NFS clients", false},
	{"fs/lockd/", "network", "serves NFS clients", false},
	{"fs/smb/client/", "network", "takes answers of SMB servers", false},
	{"fs/cifs/", "network", "takes answers of SMB servers", false},
	{"fs/nfs/", "network", "takes answers of NFS servers", false},
	{"fs/ceph/", "network", "takes answers of Ceph servers", false},
	{"drivers/nvme/target/", "network", "serves NVMe over fabrics", false},
	{"drivers/target/", "network", "serves iSCSI initiators", false},
	{"drivers/vhost/", "local", "is reached by a guest", false},
	{"arch/x86/kvm/", "local", "is reached by a guest", false},
	{"virt/kvm/", "local", "is reached by a guest", false},
	{"drivers/usb/", "physical", "is reached by a device that is plugged in", false},
	{"drivers/hid/", "physical", "is reached by a device that is plugged in", false},
	{"sound/usb/", "physical", "is reached by a device that is plugged in", false},
	{"drivers/media/usb/", "physical", "is reached by a device that is plugged in", false},
	{"io_uring/", "local", "is reached by system calls of everybody", true},
	{"kernel/bpf/", "local", "needs the right to load BPF programs", false},
	{"kernel/", "local", "is in every kernel", true},
	{"mm/", "local", "is in every kernel", true},
	{"ipc/", "local", "is reached by system calls of everybody", true},
	{"block/", "local", "is in about every kernel", true},
	{"crypto/", "local", "is reached through AF_ALG sockets", false},
	{"fs/ext4/", "local", "a crafted file system must be mounted", false},
	{"fs/btrfs/", "local", "a crafted file system must be mounted", false},
	{"fs/", "local", "is reached by users of the file system", false},
	{"drivers/", "local", "needs the device or its node", false},
	{"sound/", "local", "needs the device or its node", false},
	{"arch/", "local", "runs on this architecture only", false},
}

// weights are what each class of impact may lead to where it is reached locally.
var weights = map[impact.Class]Level{
	impact.WriteOOB: High, impact.UseAfter: High, impact.Free: High, impact.Refcount: Medium, impact.ReadOOB: Medium,
	impact.InfoLeak: Medium, impact.Crash: Medium, impact.Hang: Medium, impact.Race: Medium, impact.Leak: Low, impact.Warning: Low, impact.Unknown: Medium,
}

// estimate joins impact, reach and use. One step up for what the network or everybody
// reaches, one step down for what needs hands on the machine; an estimate is never
// critical, which needs a proof that nobody has made.
func estimate(r *feed.Record) Severity {
	s := Severity{Source: "estimate", Estimate: true, Level: weights[r.Impact.Class], Reach: "local"}
	if r.Impact.Class == impact.Unknown {
		s.Reasons = append(s.Reasons, "the description does not say what happens: taken as medium")
	} else {
		s.Reasons = append(s.Reasons, fmt.Sprintf("impact: %s (it says %q)", strings.ReplaceAll(r.Impact.Class.String(), "_", " "), r.Impact.Phrase))
	}
	p, ok := placeOf(r.Files)
	if !ok {
		return s
	}
	s.Reach = p.reach
	s.Reasons = append(s.Reasons, fmt.Sprintf("reach: %s, %s %s", p.reach, strings.TrimSuffix(p.prefix, "/"), p.why))
	switch {
	case p.reach == "network" && s.Level < High:
		s.Level++
		s.Reasons = append(s.Reasons, "one level up: reached over the network")
	case p.reach == "physical" && s.Level > Low:
		s.Level--
		s.Reasons = append(s.Reasons, "one level down: needs hands on the machine")
	case p.common && s.Level == Medium && r.Impact.Class >= impact.Refcount:
		s.Level++
		s.Reasons = append(s.Reasons, "one level up: everybody reaches it")
	}
	return s
}

// placeOf finds where a record's files are; of several the one that is easiest reached.
func placeOf(files []string) (best place, ok bool) {
	order := []string{"network", "adjacent", "local", "physical"}
	for _, f := range files {
		for _, p := range places {
			if strings.HasPrefix(f, p.prefix) {
				if !ok || slices.Index(order, p.reach) < slices.Index(order, best.reach) {
					best, ok = p, true
				}
				break
			}
		}
	}
	return best, ok
}
