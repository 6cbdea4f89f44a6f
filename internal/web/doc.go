// Package web is the web UI of Ringside: pages rendered on the server from the
// read services of [ringside/internal/record], and the assets they need.
//
// # How a page is made
//
// A handler reads the request into a filter, asks the record, and turns the
// answer into a view: a struct with what the template prints, in the order it
// prints it. Templates hold no logic beyond range and if. The view's file is
// named for the page (signature.go, templates/signature.html).
//
//	web.go      Config, routes, headers, how a page is rendered
//	asset.go    embedded files under names that carry their hash
//	format.go   how times, counts, rates and bytes are written
//	query.go    URLs: a list's filter, order and place are its permalink
//	chart.go    sparklines and stacked bars as SVG; data for interactive charts
//	annotate.go a log's bytes cut at the borders of evidence spans
//	fact.go     the facts of a report, each tied to its evidence
//
// # Promises
//
// Every page works without JavaScript: filters are GET forms, rows are links,
// changes are POST forms. Scripts add what must move: the light between a fact
// and its source, keys, charts that can be pointed at. The
// Content-Security-Policy allows nothing that is not served from here, and no
// inline script or style.
//
// Whatever comes from a log is hostile. It reaches a page only through
// html/template's escaping or through [annotate], which escapes and makes
// control characters visible.
package web
