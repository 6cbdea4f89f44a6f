// Package triage is the main job as a service: an artefact goes in, and out
// comes what a kernel engineer would have written about it. It joins the
// libraries (artefact, klog, crash, owner, diagnose) and does no reasoning of
// its own.
package triage
