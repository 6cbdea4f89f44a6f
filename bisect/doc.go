// Package bisect finds which of many changes brought a failure, where the failure
// comes only now and then and other failures come in between. It has no git and runs
// nothing: a caller asks a search what to test next, tests it, and tells what came.
//
// model.go has what a bisection is told and tells others (the JSON of ringside bisect);
// graph.go has the candidates, and which of them hold which; search.go has the
// posterior over the candidates and the choice of the next test by what it is expected
// to tell for what it costs.
package bisect
