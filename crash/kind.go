// Package crash finds what a kernel complained about in its log.
package crash

// Kind is what happened, in the kernel's own terms.
type Kind string

// Class groups kinds by what they mean for the one who handles them.
type Class string
