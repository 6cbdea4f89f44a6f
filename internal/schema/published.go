package schema

import (
	"reflect"
	"slices"

	"ringside/bisect"
	"ringside/bringup"
	"ringside/crash"
	"ringside/internal/render"
	"ringside/internal/triage"
	"ringside/ktest"
	"ringside/lab"
	"ringside/lab/reproduce"
	"ringside/patch/stack"
	"ringside/vmcore"
	"ringside/vmcore/filter"
	"ringside/vmcore/script"
	"ringside/vmcore/shell"
	"ringside/vuln"
)

// Published is one schema that is promised to the programs of others.
type Published struct {
	File  string // in docs/schemas
	ID    string // what the output's "schema" field holds
	Title string // the command that prints it
	Type  reflect.Type
}

// All returns every published schema, in the order of their files.
func All() []Published {
	return slices.Clone(published)
}

var published = []Published{
	{"bisect.v1.json", bisect.ReportSchemaID, "ringside bisect --json", reflect.TypeFor[bisect.Report]()},
	{"config-sources.v1.json", render.ConfigSourcesSchemaID, "ringside config sources --json", reflect.TypeFor[render.ConfigSources]()},
	{"config-diff.v1.json", render.ConfigDiffSchemaID, "ringside config diff --json", reflect.TypeFor[render.ConfigDiff]()},
	{"config-eval.v1.json", render.ConfigEvalSchemaID, "ringside config eval --json", reflect.TypeFor[render.ConfigEval]()},
	{"config-why.v1.json", render.ConfigWhySchemaID, "ringside config why --json", reflect.TypeFor[render.ConfigWhy]()},
	{"config-set.v1.json", render.ConfigSetSchemaID, "ringside config set --json", reflect.TypeFor[render.ConfigSet]()},
	{"config-check.v1.json", render.ConfigCheckSchemaID, "ringside config check --json", reflect.TypeFor[render.ConfigCheck]()},
	{"config-hardening.v1.json", render.HardeningSchemaID, "ringside config hardening --json", reflect.TypeFor[render.Hardening]()},
	{"config-baseline.v1.json", render.BaselineSchemaID, "ringside config baseline --json", reflect.TypeFor[render.Baseline]()},
	{"crash-compare.v1.json", crash.CompareSchemaID, "ringside crash compare --json", reflect.TypeFor[crash.Comparison]()},
	{"crash-parse.v1.json", crash.SchemaID, "ringside crash parse --json", reflect.TypeFor[crash.Document]()},
	{"crash-signature.v1.json", render.SignaturesSchemaID, "ringside crash signature --json", reflect.TypeFor[render.Signatures]()},
	{"crash-watch.v1.json", render.WatchEventSchemaID, "ringside crash watch --json", reflect.TypeFor[render.WatchEvent]()},
	{"crash-similar.v1.json", render.SimilarSchemaID, "ringside crash similar --json", reflect.TypeFor[render.Likenesses]()},
	{"cve-explain.v1.json", render.CVEExplainSchemaID, "ringside cve explain --json", reflect.TypeFor[render.CVEExplained]()},
	{"cve-scan.v1.json", vuln.ReportSchemaID, "ringside cve scan --json", reflect.TypeFor[vuln.Report]()},
	{"cve-reconcile.v1.json", render.CVEReconcileSchemaID, "ringside cve reconcile --json", reflect.TypeFor[render.CVEReconciled]()},
	{"cve-sla.v1.json", render.CVESLASchemaID, "ringside cve sla --json", reflect.TypeFor[render.CVESLA]()},
	{"boot-report.v1.json", bringup.ReportSchemaID, "ringside boot report --json", reflect.TypeFor[bringup.Report]()},
	{"boot-compare.v1.json", bringup.ComparisonSchemaID, "ringside boot compare --json", reflect.TypeFor[bringup.Comparison]()},
	{"lab-recipe.v1.json", lab.RecipeSchemaID, "ringside lab run --dry-run", reflect.TypeFor[lab.Recipe]()},
	{"lab-run.v1.json", lab.RecordSchemaID, "ringside lab run|boot|crash|show --json", reflect.TypeFor[lab.Record]()},
	{"lab-runs.v1.json", render.LabRunsSchemaID, "ringside lab list --json", reflect.TypeFor[render.LabRuns]()},
	{"lab-matrix.v1.json", render.LabMatrixSchemaID, "ringside lab matrix --json", reflect.TypeFor[render.LabMatrix]()},
	{"lab-doctor.v1.json", render.LabDoctorSchemaID, "ringside lab doctor --json", reflect.TypeFor[render.LabDoctor]()},
	{"lab-jobs.v1.json", render.LabJobsSchemaID, "ringside lab submit --json", reflect.TypeFor[render.LabJobs]()},
	{"owner.v1.json", render.OwnerSchemaID, "ringside owner --json", reflect.TypeFor[render.Ownership]()},
	{"patch-check.v1.json", render.PatchCheckSchemaID, "ringside patch check --json", reflect.TypeFor[render.PatchCheck]()},
	{"patch-send-prep.v1.json", render.SendPrepSchemaID, "ringside patch send-prep --json", reflect.TypeFor[render.SendPrepDoc]()},
	{"patch-equiv.v1.json", render.PatchEquivSchemaID, "ringside patch equiv --json", reflect.TypeFor[render.PatchEquiv]()},
	{"patch-fixes.v1.json", render.PatchFixesSchemaID, "ringside patch fixes --json", reflect.TypeFor[render.PatchFixes]()},
	{"patch-known-fix.v1.json", render.KnownFixSchemaID, "ringside patch known-fix --json", reflect.TypeFor[render.KnownFixes]()},
	{"reproduce.v1.json", reproduce.SchemaID, "ringside reproduce --json", reflect.TypeFor[reproduce.Result]()},
	{"patch-stack.v1.json", stack.ReportSchemaID, "ringside patch stack --json", reflect.TypeFor[stack.Report]()},
	{"patch-apply.v1.json", render.PatchApplySchemaID, "ringside patch apply --json", reflect.TypeFor[render.PatchApply]()},
	{"patch-backport.v1.json", render.PatchBackportSchemaID, "ringside patch backport --json", reflect.TypeFor[render.PatchBackport]()},
	{"patch-rebase-plan.v1.json", render.PatchPlanSchemaID, "ringside patch rebase-plan --json", reflect.TypeFor[render.PatchPlan]()},
	{"patch-contributions.v1.json", render.PatchContributionsSchemaID, "ringside patch contributions --json", reflect.TypeFor[render.PatchContributions]()},
	{"patch-reviews.v1.json", render.PatchReviewsSchemaID, "ringside patch reviews --json", reflect.TypeFor[render.PatchReviews]()},
	{"patch-show.v1.json", render.PatchShowSchemaID, "ringside patch show --json", reflect.TypeFor[render.PatchShow]()},
	{"probe-doctor.v1.json", render.ProbeDoctorSchemaID, "ringside probe doctor --json", reflect.TypeFor[render.ProbeDoctor]()},
	{"probe-recipes.v1.json", render.ProbeRecipesSchemaID, "ringside probe list --json", reflect.TypeFor[render.ProbeRecipes]()},
	{"probe-report.v1.json", render.ProbeReportSchemaID, "ringside probe run --json", reflect.TypeFor[render.ProbeReport]()},
	{"tune.v1.json", render.TuningSchemaID, "ringside tune --json", reflect.TypeFor[render.Tuning]()},
	{"profile-diff.v1.json", render.ProfileDiffSchemaID, "ringside profile diff --json", reflect.TypeFor[render.ProfileDiff]()},
	{"profile-tree.v1.json", render.ProfileTreeSchemaID, "ringside profile tree --json", reflect.TypeFor[render.ProfileTree]()},
	{"probe-top.v1.json", render.ProbeTopSchemaID, "ringside probe top --json", reflect.TypeFor[render.ProbeTop]()},
	{"profile-annotate.v1.json", render.ProfileAnnotateSchemaID, "ringside profile annotate --json", reflect.TypeFor[render.ProfileAnnotate]()},
	{"profile-top.v1.json", render.ProfileTopSchemaID, "ringside profile top --json", reflect.TypeFor[render.ProfileTop]()},
	{"push.v1.json", render.PushSchemaID, "ringside push --json", reflect.TypeFor[render.Push]()},
	{"signature-pairs.v1.json", render.PairsSchemaID, "ringside signature suggestions, merge, keep-apart, links and undo --json", reflect.TypeFor[render.Pairs]()},
	{"signature-backfill.v1.json", render.BackfillSchemaID, "ringside signature backfill --json", reflect.TypeFor[render.Backfill]()},
	{"symbol-index.v1.json", render.SymbolEntriesSchemaID, "ringside symbol index|fetch --json", reflect.TypeFor[render.SymbolEntries]()},
	{"symbol-ize.v1.json", render.SymbolizedSchemaID, "ringside symbol ize --json", reflect.TypeFor[render.Symbolized]()},
	{"test-run.v1.json", ktest.RunSchemaID, "ringside test import --json", reflect.TypeFor[ktest.Run]()},
	{"test-suites.v1.json", render.TestSuitesSchemaID, "ringside lab test --list --json", reflect.TypeFor[render.TestSuites]()},
	{"test-flakes.v1.json", render.FlakesSchemaID, "ringside test flakes --json", reflect.TypeFor[render.Flakes]()},
	{"test-compare.v1.json", ktest.ComparisonSchemaID, "ringside test compare --json", reflect.TypeFor[ktest.Comparison]()},
	{"trace-latency.v1.json", render.TraceLatencySchemaID, "ringside trace latency --json", reflect.TypeFor[render.TraceLatency]()},
	{"trace-usage.v1.json", render.TraceUsageSchemaID, "ringside trace usage --json", reflect.TypeFor[render.TraceUsage]()},
	{"trace-path.v1.json", render.TracePathSchemaID, "ringside trace path --json", reflect.TypeFor[render.TracePath]()},
	{"trace-graph.v1.json", render.TraceGraphSchemaID, "ringside trace graph --json", reflect.TypeFor[render.TraceGraph]()},
	{"trace-summary.v1.json", render.TraceSummarySchemaID, "ringside trace summary --json", reflect.TypeFor[render.TraceSummary]()},
	{"triage.v1.json", triage.SchemaID, "ringside triage --json", reflect.TypeFor[triage.Result]()},
	{"vmcore.v1.json", vmcore.SchemaID, "ringside vmcore triage --json", reflect.TypeFor[vmcore.Document]()},
	{"vmcore-tasks.v1.json", render.VmcoreTasksSchemaID, "ringside vmcore tasks --json", reflect.TypeFor[render.VmcoreTasks]()},
	{"vmcore-stacks.v1.json", render.VmcoreStacksSchemaID, "ringside vmcore stack --json", reflect.TypeFor[render.VmcoreStacks]()},
	{"vmcore-locks.v1.json", render.VmcoreLocksSchemaID, "ringside vmcore locks --json", reflect.TypeFor[render.VmcoreLocks]()},
	{"vmcore-modules.v1.json", render.VmcoreModulesSchemaID, "ringside vmcore mods --json", reflect.TypeFor[render.VmcoreModules]()},
	{"vmcore-log.v1.json", render.VmcoreLogSchemaID, "ringside vmcore log --json", reflect.TypeFor[render.VmcoreLog]()},
	{"vmcore-symbols.v1.json", render.VmcoreSymbolsSchemaID, "ringside vmcore sym --json", reflect.TypeFor[render.VmcoreSymbols]()},
	{"vmcore-memory.v1.json", render.VmcoreMemorySchemaID, "ringside vmcore read --json", reflect.TypeFor[render.VmcoreMemory]()},
	{"vmcore-values.v1.json", render.VmcoreValuesSchemaID, "ringside vmcore struct --json", reflect.TypeFor[render.VmcoreValues]()},
	{"vmcore-irqs.v1.json", render.VmcoreIRQsSchemaID, "ringside vmcore irq --json", reflect.TypeFor[render.VmcoreIRQs]()},
	{"vmcore-mounts.v1.json", render.VmcoreMountsSchemaID, "ringside vmcore mounts --json", reflect.TypeFor[render.VmcoreMounts]()},
	{"vmcore-net.v1.json", render.VmcoreNetSchemaID, "ringside vmcore net --json", reflect.TypeFor[render.VmcoreNet]()},
	{"vmcore-timers.v1.json", render.VmcoreTimersSchemaID, "ringside vmcore timers --json", reflect.TypeFor[render.VmcoreTimers]()},
	{"vmcore-works.v1.json", render.VmcoreWorksSchemaID, "ringside vmcore works --json", reflect.TypeFor[render.VmcoreWorks]()},
	{"vmcore-blocks.v1.json", render.VmcoreBlocksSchemaID, "ringside vmcore blocks --json", reflect.TypeFor[render.VmcoreBlocks]()},
	{"vmcore-runq.v1.json", render.VmcoreRunqSchemaID, "ringside vmcore runq --json", reflect.TypeFor[render.VmcoreRunq]()},
	{"vmcore-filter.v1.json", filter.SchemaID, "ringside vmcore filter, redact --json", reflect.TypeFor[filter.Report]()},
	{"vmcore-script.v1.json", script.SchemaID, "ringside vmcore script --json", reflect.TypeFor[script.Result]()},
	{"vmcore-shell.v1.json", shell.SchemaID, "ringside vmcore shell, of lines that end in --json", reflect.TypeFor[shell.Answer]()},
	{"version.v1.json", render.VersionSchemaID, "ringside version --json", reflect.TypeFor[render.Version]()},
}
