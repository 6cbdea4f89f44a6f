package similar

import "slices"

// MaxFrames is how many frames of a stack count. What is further out is entry
// code, or a recursion.
const MaxFrames = 48

// Stack is what is compared of a crash.
type Stack struct {
	Family string   `json:"family,omitempty"` // kinds of one family see the same defect
	Guilty string   `json:"guilty,omitempty"` // the function that is blamed
	Module string   `json:"module,omitempty"` // the module it is in, "" for the kernel's image
	Frames []string `json:"frames"`           // portable names, innermost first
}

// clip returns the functions that count: at most MaxFrames, and the guilty one
// first where the stack does not show it.
func (s *Stack) clip() []string {
	frames := s.Frames[:min(len(s.Frames), MaxFrames)]
	if s.Guilty == "" || slices.Contains(frames, s.Guilty) {
		return frames
	}
	return slices.Concat([]string{s.Guilty}, frames)
}

// functions returns the distinct functions of a stack.
func (s *Stack) functions() []string {
	frames := slices.Clone(s.clip())
	slices.Sort(frames)
	return slices.Compact(frames)
}
