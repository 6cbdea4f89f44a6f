// Package schema makes the JSON Schemas that docs/schemas publishes from the
// Go types that the verbs print. The types are the truth; the schemas follow
// them, descriptions included, which are the comments in the source. A test
// fails when the published files are not what the types say.
//
// The schemas are open: objects may hold further properties, and the values of
// a field with a fixed set today are examples, because a reader of version 1
// has to get along with what later programs add.
package schema
