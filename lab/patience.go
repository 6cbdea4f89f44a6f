package lab

import "time"

// patience measures silence in machine time: time that the machine could have used. While
// a busy host makes it wait for a CPU, machine time stands still, and on a slow host it
// passes slower in proportion.
type patience struct {
	speed   float64
	last    time.Time
	ready   time.Duration // of the process, when last looked
	machine time.Duration // passed since the begin
	heard   time.Duration // machine time of the last progress
	frame   time.Duration // machine time of the last frame of the init's
}

func newPatience(now time.Time, speed float64) *patience {
	if speed <= 0 || speed > 1 {
		speed = 1
	}
	return &patience{speed: speed, last: now}
}

// tick lets time pass.
func (p *patience) tick(now time.Time, u Usage) {
	passed := now.Sub(p.last)
	waited := u.Ready - p.ready
	p.last, p.ready = now, u.Ready
	if passed -= max(0, waited); passed > 0 {
		p.machine += time.Duration(float64(passed) * p.speed)
	}
}

// progress ends the silence.
func (p *patience) progress(frame bool) {
	p.heard = p.machine
	if frame {
		p.frame = p.machine
	}
}

// talkative is how many times as long as silence a machine may go on printing without the
// init having a word in it: a kernel that complains about a stuck CPU every few seconds
// is stuck all the same.
const talkative = 5

// over tells whether a machine has been silent for too long, and what was missing for how
// long; "" if it has not.
func (p *patience) over(seconds float64, init bool) (what string) {
	limit := time.Duration(seconds * float64(time.Second))
	if silent := p.machine - p.heard; silent > limit {
		return "nothing came for " + silent.Round(time.Second).String() + " of machine time"
	}
	if silent := p.machine - p.frame; init && silent > talkative*limit {
		return "nothing but the kernel's own words came for " + silent.Round(time.Second).String() + " of machine time"
	}
	return ""
}
