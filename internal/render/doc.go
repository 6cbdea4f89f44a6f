// Package render turns results into what people read: reports for a terminal,
// Markdown to paste, JSON for programs. It decides how things look, never what
// they are.
package render
