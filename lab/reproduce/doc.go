// Package reproduce makes the smallest recipe that still shows a crash, and says how
// often it does.
//
// A crash is the one that is looked for only if its signature agrees (match.go): another
// crash on the way neither helps nor harms. A reproducer may be flaky, so a smaller
// recipe is tried as often as it takes to see it, were it half as willing as the one
// before, and is kept at the first sight (search.go). So what is kept does reproduce;
// what is wrongly thrown back only leaves the recipe larger than it could be. The rate
// is measured at the end by runs of their own, with an exact interval (rate.go): those
// of the search were chosen for their success.
package reproduce
