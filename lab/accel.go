package lab

import "time"

// Accelerator is how machines of one architecture are run on this host, and why.
type Accelerator struct {
	Arch   string        `json:"arch"`
	Accel  string        `json:"accel"` // kvm, tcg
	Reason string        `json:"reason"`
	Speed  float64       `json:"speed"` // 1 is the reference's or more, 0.5 half as fast
	QEMU   string        `json:"qemu"`  // its version
	Took   time.Duration `json:"took_ns"`
	Tried  []Trial       `json:"tried"`
	Key    string        `json:"key"` // of what it depends on
}

// Trial is one boot of the canary.
type Trial struct {
	Accel string        `json:"accel"`
	Alive bool          `json:"alive"`
	Said  string        `json:"said"`
	Took  time.Duration `json:"took_ns"`
	CPU   time.Duration `json:"cpu_ns"`
}
