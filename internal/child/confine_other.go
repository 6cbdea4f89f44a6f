//go:build !linux

package child

// confine leaves the limit to the collector where there are no others.
func confine(int64) error { return nil }
