//go:build race

package cli

// raceEnabled says that this program has the race detector in it.
const raceEnabled = true
