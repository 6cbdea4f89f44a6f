// Package structure holds the house in order: its tests say which room may use
// which, that every room says what it is for, and that nothing in the
// repository depends on the machine it was written on. It has no other code.
package structure
