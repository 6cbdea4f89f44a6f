// Package server puts the record on the network: the HTTP API with its
// description, the endpoints that operators and Prometheus ask, and the web UI
// it is given.
//
//	/api                     a page that lists the operations
//	/api/openapi.json|.yaml  the same for programs, OpenAPI 3.1
//	/api/v1/…                the operations
//	/healthz /readyz         is the process alive; can the record take and answer
//	/metrics                 Prometheus exposition
//	everything else          the web UI
//
// Every change goes through the services of package record; nothing here knows
// the database. Errors are RFC 9457 problems that say what to do, and carry the
// ID under which the request is in the log.
//
// One file per entity holds its operations. What every request goes through is
// in middleware.go, in the order it is applied.
package server
