package stats

import "time"

// The schemas of what ringside bench reads and prints.
const (
	BenchRecordSchemaID  = "https://ringside.dev/schemas/bench-record.v1.json"
	BenchCompareSchemaID = "https://ringside.dev/schemas/bench-compare.v1.json"
	BenchChangesSchemaID = "https://ringside.dev/schemas/bench-changes.v1.json"
	BenchPlanSchemaID    = "https://ringside.dev/schemas/bench-plan.v1.json"
)

// BenchRecord is what one kernel measured on one machine.
type BenchRecord struct {
	Schema  string      `json:"schema"`
	Name    string      `json:"name,omitempty"`
	Machine string      `json:"machine,omitempty"`
	Kernel  string      `json:"kernel,omitempty"`
	Command string      `json:"command,omitempty"`
	Time    time.Time   `json:"time,omitzero"`
	Boots   []BenchBoot `json:"boots"`
}

// BenchBoot is what was measured between one boot and the next.
type BenchBoot struct {
	ID         string           `json:"id,omitempty"`
	Order      int              `json:"order"` // among the boots of both arms, as they were interleaved
	Iterations []BenchIteration `json:"iterations"`
}

// BenchIteration is one turn of a benchmark: values by the name of the metric.
type BenchIteration struct {
	Values map[string]float64 `json:"values"`
}

// Sample is one metric of one arm: values by boot, and in a boot by iteration.
type Sample struct {
	Metric string      `json:"metric"`
	Boots  [][]float64 `json:"boots"`
}

// BenchVerdict is what a comparison of a metric came to.
type BenchVerdict string

// The verdicts of a metric.
const (
	Worse      BenchVerdict = "worse"
	Better     BenchVerdict = "better"
	Equivalent BenchVerdict = "equivalent" // any difference is below the threshold
	Undecided  BenchVerdict = "undecided"  // more boots are needed
)

// Comparison is two arms compared by every metric they share.
type Comparison struct {
	Schema  string             `json:"schema"`
	A       string             `json:"a"`
	B       string             `json:"b"`
	Verdict BenchVerdict       `json:"verdict"` // worse if any metric is
	Metrics []MetricComparison `json:"metrics"`
	Method  string             `json:"method"`
	Notes   []string           `json:"notes"`
	Advice  string             `json:"advice"` // what to do about the rollout
}

// MetricComparison is what became of one metric from A to B.
type MetricComparison struct {
	Name       string          `json:"name"`
	Unit       string          `json:"unit,omitempty"`
	Better     string          `json:"better"` // lower or higher
	A          ArmSummary      `json:"a"`
	B          ArmSummary      `json:"b"`
	Effect     float64         `json:"effect"` // B/A - 1, of the medians of boots
	CI         [2]float64      `json:"ci"`     // of the effect, 95 %
	Shift      float64         `json:"shift"`  // Hodges-Lehmann, in the metric's unit
	P          float64         `json:"p"`
	Q          float64         `json:"q"` // p after correction for all metrics
	Gate       bool            `json:"gate,omitempty"`
	Threshold  float64         `json:"threshold"` // of practical meaning, as a fraction
	Equivalent float64         `json:"equivalence_p"`
	MDE        float64         `json:"mde"` // what these boots could have found with power 0.8
	Verdict    BenchVerdict    `json:"verdict"`
	Quantiles  []QuantileShift `json:"quantiles,omitempty"`
	Cost       *CostDelta      `json:"cost,omitempty"`
	Notes      []string        `json:"notes,omitempty"`
}

// ArmSummary is one metric of one arm.
type ArmSummary struct {
	Boots      int       `json:"boots"`
	Iterations int       `json:"iterations"`
	Median     float64   `json:"median"` // of the medians of boots
	BootSD     float64   `json:"boot_sd"`
	WarmUp     int       `json:"warm_up,omitempty"`  // iterations left out, of each boot
	Outliers   int       `json:"outliers,omitempty"` // boots far from the rest: told, not left out
	Medians    []float64 `json:"medians"`            // of boots
}

// QuantileShift is a quantile of both arms.
type QuantileShift struct {
	Quantile float64    `json:"quantile"`
	A        float64    `json:"a"`
	ACI      [2]float64 `json:"a_ci"`
	B        float64    `json:"b"`
	BCI      [2]float64 `json:"b_ci"`
}

// CostDelta is an effect in money.
type CostDelta struct {
	Hosts        float64    `json:"hosts"`
	HostPerMonth float64    `json:"host_per_month"`
	PerMonth     float64    `json:"per_month"` // more than zero costs
	CI           [2]float64 `json:"ci"`
}

// Series is a history of one metric, and where it changed.
type Series struct {
	Name   string        `json:"name"`
	Points []SeriesPoint `json:"points"`
	// Autocorrelation is what was found, and taken out, of each point's dependence on
	// the one before.
	Autocorrelation float64       `json:"autocorrelation"`
	Changes         []ChangePoint `json:"changes"`
}

// SeriesPoint is one measurement of a history.
type SeriesPoint struct {
	Label string  `json:"label,omitempty"` // a commit, release or day
	Value float64 `json:"value"`
}

// ChangePoint is where the level of a history changed.
type ChangePoint struct {
	Index  int     `json:"index"` // of the first point of the new level
	Label  string  `json:"label,omitempty"`
	Before float64 `json:"before"` // median
	After  float64 `json:"after"`
	Effect float64 `json:"effect"` // After/Before - 1
	P      float64 `json:"p"`
}

// SeriesChanges is what ringside bench changes prints.
type SeriesChanges struct {
	Schema string   `json:"schema"`
	Series []Series `json:"series"`
	Method string   `json:"method"`
}

// BenchPlan says how many boots a comparison needs.
type BenchPlan struct {
	Schema    string   `json:"schema"`
	Metric    string   `json:"metric,omitempty"`
	BootSD    float64  `json:"boot_sd"`      // relative
	IterSD    float64  `json:"iteration_sd"` // relative
	Delta     float64  `json:"delta"`        // to be found, relative
	Power     float64  `json:"power"`
	Alpha     float64  `json:"alpha"`
	Boots     int      `json:"boots"` // of each arm
	Iteration int      `json:"iterations"`
	Notes     []string `json:"notes"`
}
