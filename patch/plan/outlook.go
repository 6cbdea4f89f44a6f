package plan

// An Outlook is a plan in numbers, as it is printed and kept.
type Outlook struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Version  string `json:"version,omitempty"` // of the new base
	Drop     int    `json:"drop"`
	Keep     int    `json:"keep"`
	Adapt    int    `json:"adapt"`
	Conflict int    `json:"conflict"`
	Minutes  int    `json:"minutes"`
	Broken   int    `json:"broken"` // patches that do not go on the old base either
}

// Outlook gives the plan's numbers.
func (p *Plan) Outlook(from, to string) Outlook {
	return Outlook{From: from, To: to, Version: p.Version, Drop: p.Drop, Keep: p.Keep, Adapt: p.Adapt, Conflict: p.Conflict, Minutes: p.Minutes, Broken: p.Broken}
}

// Open is how many patches somebody has to touch before the stack is on the new base.
func (s Outlook) Open() int { return s.Drop + s.Adapt + s.Conflict }

// Patches is how many there are.
func (s Outlook) Patches() int { return s.Open() + s.Keep }
