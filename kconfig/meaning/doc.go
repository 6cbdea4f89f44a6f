// Package meaning says in words what a change of a symbol means: what the symbol is by
// its prompt, help and menu, which kind of code it brings in and who can reach that code,
// and what it costs in size and speed as far as that is known. Classes and notes are
// tables (meaning.yaml).
package meaning
