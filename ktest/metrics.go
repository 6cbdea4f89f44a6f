package ktest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// StressNG reads what stress-ng writes with --yaml: a metric for the operations of each
// stressor.
func StressNG(text []byte) (*Run, error) {
	var doc struct {
		System struct {
			Release string `yaml:"release"`
			Machine string `yaml:"machine"`
			Node    string `yaml:"hostname"`
		} `yaml:"system-info"`
		Metrics []struct {
			Stressor string  `yaml:"stressor"`
			Ops      float64 `yaml:"bogo-ops"`
			PerReal  float64 `yaml:"bogo-ops-per-second-real-time"`
			PerCPU   float64 `yaml:"bogo-ops-per-second-usr-sys-time"`
		} `yaml:"metrics"`
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("stress-ng's YAML: %w", err)
	}
	run := &Run{Format: FormatStressNG, Environment: Environment{Kernel: doc.System.Release, Arch: doc.System.Machine, Machine: doc.System.Node}}
	for _, m := range doc.Metrics {
		run.Metrics = append(run.Metrics,
			Metric{Name: "stress-ng/" + m.Stressor + "/ops", Unit: "1/s", Better: Higher, Values: []float64{m.PerReal}},
			Metric{Name: "stress-ng/" + m.Stressor + "/ops-cpu", Unit: "1/s", Better: Higher, Values: []float64{m.PerCPU}})
	}
	return run.Judge(), nil
}

// Fio reads fio's JSON: bandwidth, operations and latencies of each job and direction.
func Fio(text []byte) (*Run, error) {
	type direction struct {
		Bytes  float64 `json:"io_bytes"`
		Rate   float64 `json:"bw_bytes"`
		IOPS   float64 `json:"iops"`
		Clat   fioLat  `json:"clat_ns"`
		Errors int     `json:"total_err"`
	}
	var doc struct {
		Jobs []struct {
			Name  string    `json:"jobname"`
			Error int       `json:"error"`
			Read  direction `json:"read"`
			Write direction `json:"write"`
			Trim  direction `json:"trim"`
		} `json:"jobs"`
	}
	// fio prints notes before its JSON.
	if i := strings.IndexByte(string(text), '{'); i > 0 {
		text = text[i:]
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("fio's JSON: %w", err)
	}
	run := &Run{Format: FormatFio}
	for _, j := range doc.Jobs {
		t := Result{Name: j.Name, Status: Pass}
		if j.Error != 0 {
			t.Status, t.Reason = Fail, fmt.Sprintf("error %d", j.Error)
		}
		run.Tests = append(run.Tests, t)
		for _, d := range []struct {
			name string
			of   direction
		}{{"read", j.Read}, {"write", j.Write}, {"trim", j.Trim}} {
			if d.of.Bytes == 0 {
				continue
			}
			base := "fio/" + j.Name + "/" + d.name + "/"
			run.Metrics = append(run.Metrics, Metric{base + "bandwidth", "B/s", Higher, []float64{d.of.Rate}}, Metric{base + "iops", "1/s", Higher, []float64{d.of.IOPS}},
				Metric{base + "latency-mean", "ns", Lower, []float64{d.of.Clat.Mean}})
			for _, p := range slices.Sorted(maps.Keys(d.of.Clat.Percentile)) {
				if p == "50.000000" || p == "99.000000" || p == "99.900000" {
					run.Metrics = append(run.Metrics, Metric{base + "latency-p" + strings.TrimRight(strings.TrimRight(p, "0"), "."), "ns", Lower, []float64{d.of.Clat.Percentile[p]}})
				}
			}
		}
	}
	return run.Judge(), nil
}

type fioLat struct {
	Mean       float64            `json:"mean"`
	Percentile map[string]float64 `json:"percentile"`
}

// Iperf reads iperf3's JSON.
func Iperf(text []byte) (*Run, error) {
	type sum struct {
		Bits        float64 `json:"bits_per_second"`
		Retransmits float64 `json:"retransmits"`
		Jitter      float64 `json:"jitter_ms"`
		Lost        float64 `json:"lost_percent"`
	}
	var doc struct {
		Start struct {
			System string `json:"system_info"`
			Test   struct {
				Protocol string `json:"protocol"`
			} `json:"test_start"`
		} `json:"start"`
		End struct {
			Sent     *sum `json:"sum_sent"`
			Received *sum `json:"sum_received"`
			Sum      *sum `json:"sum"`
		} `json:"end"`
		Error string `json:"error"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("iperf3's JSON: %w", err)
	}
	run := &Run{Format: FormatIperf}
	if f := strings.Fields(doc.Start.System); len(f) > 2 {
		run.Environment = Environment{Machine: f[1], Kernel: f[2], Arch: f[len(f)-1]}
	}
	t := Result{Name: "iperf3 " + strings.ToLower(doc.Start.Test.Protocol), Status: Pass}
	if doc.Error != "" {
		t.Status, t.Reason = Error, clip([]byte(doc.Error))
	}
	run.Tests = []Result{t}
	base := "iperf3/" + strings.ToLower(doc.Start.Test.Protocol) + "/"
	if s := doc.End.Sent; s != nil {
		run.Metrics = append(run.Metrics, Metric{base + "sent", "bit/s", Higher, []float64{s.Bits}}, Metric{base + "retransmits", "1", Lower, []float64{s.Retransmits}})
	}
	if s := doc.End.Received; s != nil {
		run.Metrics = append(run.Metrics, Metric{base + "received", "bit/s", Higher, []float64{s.Bits}})
	}
	if s := doc.End.Sum; s != nil {
		run.Metrics = append(run.Metrics, Metric{base + "throughput", "bit/s", Higher, []float64{s.Bits}}, Metric{base + "jitter", "ms", Lower, []float64{s.Jitter}}, Metric{base + "lost", "%", Lower, []float64{s.Lost}})
	}
	return run.Judge(), nil
}
